#include "scores/unit.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "openset/base/error.hpp"
#include "openset/io/number_text.hpp"

namespace openset::scores {
namespace {

bool read_number(std::string_view text, double& number) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    return code == std::errc() && end == text.data() + text.size() && !std::isnan(number);
}

} // namespace

double Unit::parse(const std::string& text) const {
    double number = 0;
    if (text.starts_with("p=")) {
        if (method_ != "openmax") {
            throw Error(ErrorKind::usage, "--threshold " + text + ": " + method_ +
                                              " has no P(unknown), expected a number in the unit of its score");
        }
        if (!read_number(std::string_view(text).substr(2), number) || !(number >= 0 && number <= 1))
            throw Error(ErrorKind::usage, "--threshold " + text + ": expected a probability behind p=, such as p=0.62");
        return std::log(number) - std::log1p(-number); // methods.md 3.2
    }
    if (!read_number(text, number))
        throw Error(ErrorKind::usage, "--threshold " + text + ": expected a number, such as 0.5");
    return score(number);
}

std::string Unit::rule(double score) const { return (falling_ ? "q < " : "score > ") + io::shortest(shown(score)); }

std::string Unit::rule_in_short(double score) const {
    std::array<char, 64> digits{};
    std::snprintf(digits.data(), digits.size(), "%.6g", shown(score));
    return (falling_ ? "q < " : "score > ") + std::string(digits.data());
}

std::string rule_text(const io::OperatingPoint& point) {
    if (point.stage == "unknown") {
        const std::string own = std::to_string(point.threshold_by_label.size());
        return Unit(point.method).rule_in_short(point.threshold) +
               (point.threshold_by_label.empty() ? ""
                                                 : " (predicted labels with thresholds of their own: " + own + ")");
    }
    std::array<char, 64> text{};
    if (point.method == "rank")
        std::snprintf(text.data(), text.size(), "rank > %.6g", point.threshold);
    else
        std::snprintf(text.data(), text.size(), "mass < %.6g", 1 - point.threshold);
    return text.data();
}

} // namespace openset::scores
