#include "openset/stats/thresholds.hpp"

#include <algorithm>
#include <array>
#include <boost/math/special_functions/beta.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <tuple>

#include "openset/base/error.hpp"
#include "openset/base/spelling.hpp"
#include "openset/io/number_text.hpp"
#include "openset/stats/compensated_sum.hpp"

namespace openset::stats {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double least_alpha = 1e-9; ///< what conformal_rank() tells from 0, and from 1
using io::shortest;

std::optional<double> share(std::int64_t part, std::int64_t whole) {
    return whole > 0 ? std::optional(static_cast<double>(part) / static_cast<double>(whole)) : std::nullopt;
}

/// Rows of each class, as known rows say.
std::vector<std::int64_t> class_sizes(const RankedRows& rows) {
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(rows.classes), 0);
    for (const std::int32_t label : rows.known.label) ++sizes[static_cast<std::size_t>(label)];
    return sizes;
}

/// Walks over both sides as the threshold rises.
class Walk {
public:
    explicit Walk(const RankedRows& rows) : rows_(rows), told_(rows.named() && rows.known.rows() > 0) {
        if (told_) sizes_ = class_sizes(rows);
        classes_ = std::ranges::count_if(sizes_, [](std::int64_t size) { return size > 0; }) +
                   (rows.unknown.rows() > 0 ? 1 : 0);
        point_.threshold = -infinity;
        point_.unknown_rejected = static_cast<std::int64_t>(rows.unknown.rows());
    }

    /// Accepts the rows with this score.
    void accept(std::size_t group) {
        point_.threshold = rows_.scores[group];
        for (; known_ < rows_.known.rows() && in(rows_.known, known_, group); ++known_) {
            ++point_.known_accepted;
            if (!told_ || !rows_.known.right(known_)) continue;
            ++point_.known_right;
            recalls_.add(1.0 / static_cast<double>(sizes_[static_cast<std::size_t>(rows_.known.label[known_])]));
        }
        for (; unknown_ < rows_.unknown.rows() && in(rows_.unknown, unknown_, group); ++unknown_)
            --point_.unknown_rejected;
    }

    ThresholdPoint point() {
        const double of_unknown =
            share(point_.unknown_rejected, static_cast<std::int64_t>(rows_.unknown.rows())).value_or(0);
        point_.mean_recall = classes_ > 0 ? (recalls_.value() + of_unknown) / static_cast<double>(classes_) : 0;
        return point_;
    }

private:
    static bool in(const RankedSide& side, std::size_t row, std::size_t group) {
        return static_cast<std::size_t>(side.group[row]) == group;
    }

    const RankedRows& rows_;
    bool told_;
    std::vector<std::int64_t> sizes_;
    std::int64_t classes_ = 0;
    ThresholdPoint point_;
    CompensatedSum recalls_;
    std::size_t known_ = 0, unknown_ = 0;
};

/// Digits behind the point of the number's shortest text.
int decimals(double value) {
    const std::string text = shortest(value);
    const auto exponent_at = text.find('e');
    const std::string mantissa = text.substr(0, exponent_at);
    const auto point = mantissa.find('.');
    const int digits = point == std::string::npos ? 0 : static_cast<int>(mantissa.size() - point - 1);
    const int exponent = exponent_at == std::string::npos ? 0 : std::stoi(text.substr(exponent_at + 1));
    return std::max(0, digits - exponent);
}

/// The double nearest to the value's text with so many digits.
double rounded(double value, int digits) {
    if (digits > 17) return value;
    std::array<char, 400> text{};
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    double nearest = value;
    std::from_chars(text.data(), text.data() + std::char_traits<char>::length(text.data()), nearest);
    return nearest == 0 ? 0 : nearest; // no -0
}

struct RuleName {
    const char* name; ///< up to the value
    PickRule::Kind kind;
    bool has_value;
};

constexpr std::array rule_names = {RuleName{"tpr=", PickRule::Kind::tpr, true},
                                   RuleName{"youden", PickRule::Kind::youden, false},
                                   RuleName{"known-accuracy>=", PickRule::Kind::known_accuracy, true},
                                   RuleName{"unknown-rejection>=", PickRule::Kind::unknown_rejection, true},
                                   RuleName{"conformal=", PickRule::Kind::conformal, true}};

[[noreturn]] void refuse_rule(const std::string& text, const std::string& expected) {
    throw Error(ErrorKind::usage, "--pick " + text + ": expected " + expected);
}

/// What stands before the value, its signs included; the whole text where there is none.
std::string name_in(const std::string& text) {
    const auto sign = text.find('=');
    return sign == std::string::npos ? text : text.substr(0, sign + 1);
}

PickRule with_value(const RuleName& rule, const std::string& text) {
    const std::string_view number = std::string_view(text).substr(std::string_view(rule.name).size());
    double value = 0;
    const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), value);
    const bool conformal = rule.kind == PickRule::Kind::conformal;
    const bool is_share = conformal ? value >= least_alpha && value <= 1 - least_alpha : value > 0 && value <= 1;
    if (code != std::errc() || end != number.data() + number.size() || !is_share) {
        refuse_rule(text,
                    (conformal ? "a share above 0 and below 1 behind " : "a share above 0 and at most 1 behind ") +
                        std::string(rule.name) + ", such as " + (conformal ? "0.05" : "0.95"));
    }
    return {rule.kind, value, text};
}

std::string rows_text(std::int64_t rows, const char* side) {
    return std::to_string(rows) + " " + side + (rows == 1 ? " row" : " rows");
}

void need_rows(const PickRule& rule, std::int64_t rows, const char* side) {
    if (rows == 0)
        throw Error(ErrorKind::usage, "--pick " + rule.text + ": found no " + side + " rows, expected some to look at");
}

/// The best of the points that fulfil a condition, by a figure and then by another; of equal ones the largest threshold.
template <typename Fulfils, typename Figures>
const ThresholdPoint* best(const ThresholdSweep& sweep, Fulfils fulfils, Figures figures) {
    const ThresholdPoint* found = nullptr;
    for (const ThresholdPoint& point : sweep.points)
        if (fulfils(point) && (found == nullptr || figures(point) >= figures(*found))) found = &point;
    return found;
}

ThresholdPoint pick_youden(const ThresholdSweep& sweep) {
    const auto index = [&](const ThresholdPoint& point) {
        return point.unknown_rejected * sweep.known_rows + point.known_accepted * sweep.unknown_rows;
    };
    return *best(
        sweep, [](const ThresholdPoint&) { return true; }, index);
}

ThresholdPoint pick_known_accuracy(const ThresholdSweep& sweep, const PickRule& rule) {
    if (!sweep.named) {
        throw Error(ErrorKind::usage, "--pick " + rule.text +
                                          ": the known rows have no labels to be right about; use tpr= or "
                                          "unknown-rejection>=");
    }
    const auto* found = best(
        sweep, [&](const ThresholdPoint& point) { return *sweep.known_accuracy(point) >= rule.value; },
        [](const ThresholdPoint& point) { return std::tuple(point.unknown_rejected, point.known_right); });
    if (found != nullptr) return *found;
    throw Error(ErrorKind::usage, "--pick " + rule.text + ": known_accuracy reaches " +
                                      shortest(*sweep.known_accuracy(sweep.points.back())) +
                                      " at its best threshold, expected a rule at or below that");
}

ThresholdPoint pick_unknown_rejection(const ThresholdSweep& sweep, const PickRule& rule) {
    const auto* found = best(
        sweep, [&](const ThresholdPoint& point) { return *sweep.unknown_rejection(point) >= rule.value; },
        [&](const ThresholdPoint& point) {
            return std::tuple(sweep.named ? point.known_right : point.known_accepted, point.unknown_rejected);
        });
    if (found != nullptr) return *found;
    throw Error(ErrorKind::usage, "--pick " + rule.text + ": unknown_rejection reaches " +
                                      shortest(*sweep.unknown_rejection(sweep.points.front())) +
                                      " at its best threshold, expected a rule at or below that");
}

/// The least threshold that accepts so many known rows.
ThresholdPoint accepting(const ThresholdSweep& sweep, const PickRule& rule, std::int64_t known) {
    const auto found = std::ranges::lower_bound(sweep.points, known, {}, &ThresholdPoint::known_accepted);
    if (found != sweep.points.end()) return *found;
    throw Error(ErrorKind::usage, "--pick " + rule.text + ": no threshold of --thresholds accepts " +
                                      rows_text(known, "known") + " of " + std::to_string(sweep.known_rows) +
                                      ", expected larger ones among them");
}

/// The least number of rows with at least this share of all.
std::int64_t rows_with_share(std::int64_t rows, double wanted) {
    auto least = static_cast<std::int64_t>(wanted * static_cast<double>(rows));
    while (*share(least, rows) < wanted) ++least;
    while (least > 0 && *share(least - 1, rows) >= wanted) --least;
    return least;
}

ThresholdPoint pick_conformal(const ThresholdSweep& sweep, const PickRule& rule) {
    const std::int64_t rank = conformal_rank(sweep.known_rows, rule.value);
    if (rank <= sweep.known_rows) return accepting(sweep, rule, rank);
    throw Error(ErrorKind::usage, "--pick " + rule.text + ": found " + rows_text(sweep.known_rows, "known") +
                                      ", expected at least " + std::to_string(rows_for_conformal(rule.value)) +
                                      " for this share; fewer give no threshold that keeps the promise");
}

} // namespace

ThresholdPoint ThresholdSweep::at(double threshold) const {
    // The last point that is not above it: what lies between two scores does what the lower one does.
    auto above = std::ranges::upper_bound(points, threshold, {}, &ThresholdPoint::threshold);
    ThresholdPoint point = *std::prev(above);
    point.threshold = threshold;
    return point;
}

std::optional<double> ThresholdSweep::known_accuracy(const ThresholdPoint& point) const {
    return named ? share(point.known_right, known_rows) : std::nullopt;
}
std::optional<double> ThresholdSweep::known_acceptance(const ThresholdPoint& point) const {
    return share(point.known_accepted, known_rows);
}
std::optional<double> ThresholdSweep::unknown_rejection(const ThresholdPoint& point) const {
    return share(point.unknown_rejected, unknown_rows);
}
std::optional<double> ThresholdSweep::balanced_accuracy(const ThresholdPoint& point) const {
    return named && known_rows + unknown_rows > 0 ? std::optional(point.mean_recall) : std::nullopt;
}

ThresholdSweep sweep_thresholds(const RankedRows& rows) {
    ThresholdSweep sweep;
    sweep.known_rows = static_cast<std::int64_t>(rows.known.rows());
    sweep.unknown_rows = static_cast<std::int64_t>(rows.unknown.rows());
    sweep.named = rows.named();
    sweep.points.reserve(rows.scores.size() + 1);
    Walk walk(rows);
    if (rows.scores.empty() || rows.scores.front() != -infinity) sweep.points.push_back(walk.point());
    for (std::size_t group = 0; group < rows.scores.size(); ++group) {
        walk.accept(group);
        sweep.points.push_back(walk.point());
    }
    return sweep;
}

std::vector<ThresholdPoint> thin(const std::vector<ThresholdPoint>& points, std::size_t count) {
    if (points.size() <= count || points.empty()) return points;
    if (count <= 1) return {points.front()};
    std::vector<ThresholdPoint> thinned;
    thinned.reserve(count);
    for (std::size_t i = 0; i < count; ++i) thinned.push_back(points[i * (points.size() - 1) / (count - 1)]);
    return thinned;
}

std::vector<double> threshold_range(double low, double high, double step) {
    const std::string text = "--thresholds " + shortest(low) + ":" + shortest(high) + ":" + shortest(step);
    if (!std::isfinite(low) || !std::isfinite(high) || !std::isfinite(step) || step <= 0 || high < low)
        throw Error(ErrorKind::usage, text + ": expected LO:HI:STEP with HI at or above LO and STEP above 0");
    const double steps = (high - low) / step + 1e-9;
    if (steps >= 1e7) throw Error(ErrorKind::usage, text + ": more than 10000000 thresholds; expected a larger step");
    const int digits = std::max(decimals(low), decimals(step));
    std::vector<double> thresholds;
    for (std::int64_t i = 0; i <= static_cast<std::int64_t>(steps); ++i)
        thresholds.push_back(rounded(low + static_cast<double>(i) * step, digits));
    return thresholds;
}

PickRule parse_pick_rule(const std::string& text) {
    std::vector<std::string> names;
    std::string all;
    for (const RuleName& rule : rule_names) {
        const std::string name = rule.name;
        if (rule.has_value ? text.starts_with(name) : text == name)
            return rule.has_value ? with_value(rule, text) : PickRule{rule.kind, 0, text};
        names.push_back(name);
        all += (all.empty() ? "" : ", ") + name + (rule.has_value ? "X" : "");
    }
    refuse_rule(text, "one of " + all + did_you_mean(name_in(text), names));
}

ThresholdPoint pick(const ThresholdSweep& sweep, const PickRule& rule) {
    need_rows(rule, sweep.known_rows, "known");
    if (rule.kind != PickRule::Kind::tpr && rule.kind != PickRule::Kind::conformal)
        need_rows(rule, sweep.unknown_rows, "unknown");
    switch (rule.kind) {
    case PickRule::Kind::tpr: return accepting(sweep, rule, rows_with_share(sweep.known_rows, rule.value));
    case PickRule::Kind::youden: return pick_youden(sweep);
    case PickRule::Kind::known_accuracy: return pick_known_accuracy(sweep, rule);
    case PickRule::Kind::unknown_rejection: return pick_unknown_rejection(sweep, rule);
    case PickRule::Kind::conformal: return pick_conformal(sweep, rule);
    }
    return {};
}

std::int64_t conformal_rank(std::int64_t rows, double alpha) {
    const auto rank = static_cast<std::int64_t>(std::ceil((1 - alpha) * static_cast<double>(rows + 1) - 1e-9));
    return std::max<std::int64_t>(rank, 1);
}

std::int64_t rows_for_conformal(double alpha) { return static_cast<std::int64_t>(std::ceil(1 / alpha - 1 - 1e-9)); }

Interval conformal_rate_law(std::int64_t rows, double alpha, double confidence) {
    const double tail = (1 - confidence) / 2, all = static_cast<double>(rows + 1);
    const double k = std::floor(alpha * all + 1e-9);
    if (k < 1) return {0, 0};
    if (k >= all) return {1, 1};
    return {boost::math::ibeta_inv(k, all - k, tail), boost::math::ibetac_inv(k, all - k, tail)};
}

double conformal_threshold(std::vector<double> known_scores, double alpha) {
    const std::int64_t rank = conformal_rank(static_cast<std::int64_t>(known_scores.size()), alpha);
    if (rank > static_cast<std::int64_t>(known_scores.size())) return infinity;
    const auto nth = known_scores.begin() + (rank - 1);
    std::ranges::nth_element(known_scores, nth);
    return *nth;
}

ConformalByClass conformal_by_class(std::span<const double> known_scores, std::span<const std::int32_t> predicted,
                                    double alpha) {
    const auto enough = [alpha](const std::vector<double>& scores) {
        return conformal_rank(std::ssize(scores), alpha) <= std::ssize(scores);
    };
    std::map<std::int32_t, std::vector<double>> scores;
    for (std::size_t row = 0; row < known_scores.size(); ++row) scores[predicted[row]].push_back(known_scores[row]);
    ConformalByClass thresholds;
    std::vector<double> others;
    for (auto& [label, own] : scores) {
        if (label >= 0 && enough(own))
            thresholds.own[label] = conformal_threshold(std::move(own), alpha);
        else
            others.insert(others.end(), own.begin(), own.end());
    }
    thresholds.other_rows = std::ssize(others);
    if (enough(others)) thresholds.others = conformal_threshold(std::move(others), alpha);
    return thresholds;
}

} // namespace openset::stats
