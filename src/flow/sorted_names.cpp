#include "flow/sorted_names.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace openset::flow {

bool SortedNames::add(std::string_view name) {
    if (text_.size() + name.size() > std::numeric_limits<std::uint32_t>::max()) return false;
    begins_.push_back(static_cast<std::uint32_t>(text_.size()));
    text_.append(name);
    text_.push_back('\0');
    return true;
}

void SortedNames::sort() {
    text_.shrink_to_fit();
    begins_.shrink_to_fit();
    // strcmp() compares as unsigned char: bytewise.
    std::ranges::sort(begins_, [text = text_.data()](std::uint32_t a, std::uint32_t b) {
        return std::strcmp(text + a, text + b) < 0;
    });
}

std::optional<std::string_view> SortedNames::next() {
    if (next_ == begins_.size()) return std::nullopt;
    return text_.data() + begins_[next_++];
}

} // namespace openset::flow
