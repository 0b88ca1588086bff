#include "flow/sorted_names.hpp"

#include <algorithm>
#include <cstring>

namespace openset::flow {
namespace {

constexpr std::size_t block_size = 1 << 16; // and as many blocks at most: both numbers have 16 bits

} // namespace

bool SortedNames::add(std::string_view name) {
    if (free_ <= name.size()) {
        if (blocks_.size() == block_size) return false;
        blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_size));
        free_ = block_size;
    }
    const std::size_t begin = block_size - free_;
    std::copy(name.begin(), name.end(), &blocks_.back()[begin]);
    blocks_.back()[begin + name.size()] = '\0';
    free_ -= name.size() + 1;
    places_.push_back(static_cast<std::uint32_t>((blocks_.size() - 1) << 16 | begin));
    return true;
}

void SortedNames::sort() {
    // strcmp() compares as unsigned char: bytewise.
    std::ranges::sort(places_,
                      [this](std::uint32_t a, std::uint32_t b) { return std::strcmp(name_at(a), name_at(b)) < 0; });
}

std::optional<std::string_view> SortedNames::next() {
    if (next_ == places_.size()) return std::nullopt;
    return name_at(places_[next_++]);
}

const char* SortedNames::name_at(std::uint32_t place) const { return &blocks_[place >> 16][place & 0xFFFF]; }

} // namespace openset::flow
