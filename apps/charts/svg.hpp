#pragma once

#include <string>
#include <vector>

/// The parts of which our charts are drawn.
namespace openset::charts {

/// Of an axis. low below high
struct Range {
    double low = 0, high = 1;
    double at(double share) const { return low + share * (high - low); }
    double share_of(double value) const { return (value - low) / (high - low); }
};

/// Places on the axis, multiples of 1, 2 or 5 times a power of ten, about eight.
std::vector<double> ticks(const Range& range);

/// printf's.
std::string formatted(const char* format, double value);

/// As text of an XML document; what is no UTF-8 in a file's name becomes U+FFFD, and so do characters that XML has not.
std::string escaped(const std::string& text);

/// style  further attributes
std::string svg_line(const std::string& x1, const std::string& y1, const std::string& x2, const std::string& y2,
                     const std::string& style);
std::string svg_text(const std::string& x, const std::string& y, const std::string& anchor, const std::string& text,
                     const std::string& style = "");

/// Bytes of the first `characters` characters, or of all of them.
std::size_t bytes_of(const std::string& text, std::size_t characters);

/// A title of at most `longest` characters, and dots where it was longer.
std::string shortened(const std::string& title, std::size_t longest);

} // namespace openset::charts
