#include "openset/io/number_text.hpp"

#include <array>
#include <charconv>

namespace openset::io {
namespace {

template <typename Number>
std::string shortest_text(Number value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

} // namespace

std::string shortest(double value) { return shortest_text(value); }
std::string shortest(float value) { return shortest_text(value); }

} // namespace openset::io
