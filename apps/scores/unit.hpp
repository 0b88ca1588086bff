#pragma once

#include <string>

#include "openset/io/operating_point.hpp"

/// What sweep and eval share: scores from files, and how people write thresholds.
namespace openset::scores {

/// How thresholds of a method are written for people. A score is larger for what is more unknown; the notebook of seed 001
/// has a confidence instead, q, and rejects below its threshold: openmax-notebook's score is -q.
class Unit {
public:
    explicit Unit(const std::string& method) : method_(method), falling_(method == "openmax-notebook") {}

    /// The threshold as it is printed.
    double shown(double score) const { return falling_ ? 0 - score : score; }
    double score(double shown) const { return falling_ ? 0 - shown : shown; }
    /// Whether larger printed thresholds reject more.
    bool falling() const { return falling_; }

    /// A threshold as `--threshold` takes it: a number in the unit, inf, -inf, or `p=0.62` for openmax.
    /// Throws Error(usage).
    double parse(const std::string& text) const;

    /// `score > 1.25`, or `q < 0.35`: when a picture is rejected.
    std::string rule(double score) const;
    /// The same in six digits, for people.
    std::string rule_in_short(double score) const;

private:
    std::string method_;
    bool falling_;
};

/// When an operating point of any stage rejects: `mass < 0.31`, `rank > 5`, `score > 2.92`, in six digits.
std::string rule_text(const io::OperatingPoint& point);

} // namespace openset::scores
