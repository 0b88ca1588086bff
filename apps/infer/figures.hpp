#pragma once

#include <string>

/// Figures as people read them.
namespace openset::infer {

/// "61.2 %"; near 0 and 100 with more digits, so that neither is said of what is not.
std::string percent(double share);

/// Six digits, "inf" and "-inf".
std::string number(double value);

/// Blanks before the text, up to the width.
std::string padded_left(std::string text, std::size_t width);

} // namespace openset::infer
