#include "charts/svg.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace openset::charts {
namespace {

/// A step of 1, 2 or 5 times a power of ten that divides the range into about so many parts.
double tick_step(const Range& range, double parts) {
    const double rough = (range.high - range.low) / parts;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= 0.8 * rough) return factor * power;
    return 10 * power;
}

} // namespace

std::string formatted(const char* format, double value) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), format, value);
    return text.data();
}

std::vector<double> ticks(const Range& range) {
    const double step = tick_step(range, 8);
    std::vector<double> places;
    for (double k = std::ceil(range.low / step); k * step <= range.high; ++k) places.push_back(k * step);
    return places;
}

/// As text of an XML document; what is no UTF-8 in a file's name becomes U+FFFD.
std::string escaped(const std::string& text) {
    using Json = nlohmann::json;
    std::string xml;
    std::string utf8 = Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
    for (const char* none : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) { // U+FFFE and U+FFFF are no characters of XML
        for (std::size_t at = 0; (at = utf8.find(none, at)) != std::string::npos;) utf8.replace(at, 3, "?");
    }
    for (const char c : utf8) {
        switch (c) {
        case '&': xml += "&amp;"; break;
        case '<': xml += "&lt;"; break;
        case '>': xml += "&gt;"; break;
        case '"': xml += "&quot;"; break;
        default: xml += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
        }
    }
    return xml;
}

std::string svg_line(const std::string& x1, const std::string& y1, const std::string& x2, const std::string& y2,
                     const std::string& style) {
    return "<line x1=\"" + x1 + "\" y1=\"" + y1 + "\" x2=\"" + x2 + "\" y2=\"" + y2 + "\" " + style + "/>\n";
}

std::string svg_text(const std::string& x, const std::string& y, const std::string& anchor, const std::string& text,
                     const std::string& style) {
    return "<text x=\"" + x + "\" y=\"" + y + "\" text-anchor=\"" + anchor + "\"" + style + ">" + escaped(text) +
           "</text>\n";
}

std::string shortened(std::string title, std::size_t longest) {
    const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
    std::size_t characters = 0;
    for (std::size_t i = 0; i < title.size(); ++i) {
        if (begins_character(title[i]) && characters++ == longest) return title.substr(0, i) + "...";
    }
    return title;
}

} // namespace openset::charts
