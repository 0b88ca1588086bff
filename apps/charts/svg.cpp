#include "charts/svg.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

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

std::string escaped(const std::string& text) {
    using Json = nlohmann::json;
    const auto utf8 = Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
    std::string xml;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        switch (const char c = utf8[i]) {
        case '&': xml += "&amp;"; break;
        case '<': xml += "&lt;"; break;
        case '>': xml += "&gt;"; break;
        case '"': xml += "&quot;"; break;
        case '\xEF': { // U+FFFE and U+FFFF are characters of UTF-8, and none of XML
            const std::string_view character = std::string_view(utf8).substr(i, 3);
            xml += character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF" ? "\xEF\xBF\xBD" : character;
            i += 2;
            break;
        }
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

std::size_t bytes_of(const std::string& text, std::size_t characters) {
    std::size_t end = 0;
    for (std::size_t seen = 0; end < text.size(); ++end) {
        const bool begins = (static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U;
        if (begins && seen++ == characters) break;
    }
    return end;
}

std::string shortened(const std::string& title, std::size_t longest) {
    const std::size_t end = bytes_of(title, longest);
    return end == title.size() ? title : title.substr(0, end) + "...";
}

} // namespace openset::charts
