#include "infer/figures.hpp"

#include <array>
#include <cstdio>

namespace openset::infer {

std::string percent(double share) {
    const double value = 100 * share;
    const bool exact = share == 0 || share == 1;
    const char* const format = exact || (value >= 0.05 && value < 99.95) ? "%.1f %%"
                               : value < 1                               ? "%.2g %%"
                                                                         : "%.6g %%";
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), format, value);
    return text.data();
}

std::string number(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.6g", value);
    return text.data();
}

std::string padded_left(std::string text, std::size_t width) {
    text.insert(0, text.size() < width ? width - text.size() : 0, ' ');
    return text;
}

} // namespace openset::infer
