#include "openset/stats/metrics.hpp"

#include <algorithm>
#include <array>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>

#include "openset/stats/compensated_sum.hpp"
#include "openset/stats/reliability.hpp"

namespace openset::stats {
namespace {

/// A score and the row it is of.
struct Place {
    double score;
    std::uint32_t row;
};

std::vector<Place> sorted_places(std::span<const double> scores) {
    std::vector<Place> places(scores.size());
    for (std::size_t i = 0; i < places.size(); ++i) places[i] = {scores[i], static_cast<std::uint32_t>(i)};
    std::ranges::sort(places, {}, &Place::score);
    return places;
}

std::vector<double> distinct_scores(const std::vector<Place>& known, const std::vector<Place>& unknown) {
    std::vector<double> scores;
    scores.reserve(known.size() + unknown.size());
    const auto add = [&scores](double score) {
        if (scores.empty() || scores.back() != score) scores.push_back(score);
    };
    auto k = known.begin(), u = unknown.begin();
    while (k != known.end() || u != unknown.end()) {
        const bool from_known = u == unknown.end() || (k != known.end() && k->score < u->score);
        add(from_known ? (k++)->score : (u++)->score);
    }
    return scores;
}

template <typename Value>
std::vector<Value> in_order(std::span<const Value> values, const std::vector<Place>& places) {
    std::vector<Value> ordered;
    if (values.empty()) return ordered;
    ordered.reserve(places.size());
    for (const Place& place : places) ordered.push_back(values[place.row]);
    return ordered;
}

std::vector<std::int32_t> groups(const std::vector<Place>& places, const std::vector<double>& scores) {
    std::vector<std::int32_t> of_row;
    of_row.reserve(places.size());
    std::size_t group = 0;
    for (const Place& place : places) {
        while (scores[group] != place.score) ++group;
        of_row.push_back(static_cast<std::int32_t>(group));
    }
    return of_row;
}

std::int64_t weight(std::span<const std::uint32_t> weights, std::size_t row) {
    return weights.empty() ? 1 : weights[row];
}

double share(std::int64_t part, std::int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

/// Smallest whole number that is 95 % of n or more; whole numbers, for 0.95 n may round to above itself.
std::int64_t ninety_five_percent(std::int64_t n) { return (19 * n + 19) / 20; }

/// Precision over recall of one side, as it is found score by score.
/// positives, negatives  counts by score, the surest positives first
/// area                  (previous recall, recall, previous precision, precision) -> its part of the area
template <typename Counts, typename Area>
double precision_recall_area(Counts positives, Counts negatives, std::int64_t all_positives, Area area) {
    std::int64_t true_positives = 0, false_positives = 0;
    double sum = 0, recall = 0, precision = 1;
    for (auto p = positives.begin(), n = negatives.begin(); p != positives.end(); ++p, ++n) {
        if (*p == 0 && *n == 0) continue; // a score that no row of this resample has
        true_positives += *p;
        false_positives += *n;
        const double next_recall = share(true_positives, all_positives);
        const double next_precision = share(true_positives, true_positives + false_positives);
        sum += area(recall, next_recall, precision, next_precision);
        recall = next_recall;
        precision = next_precision;
    }
    return sum;
}

double step(double recall, double next_recall, double, double next_precision) {
    return (next_recall - recall) * next_precision;
}

double trapezoid(double recall, double next_recall, double precision, double next_precision) {
    return (next_recall - recall) * (precision + next_precision) / 2;
}

using Counts = std::vector<std::int64_t>;

/// What std::ranges::subrange is; clang 14 cannot read that of libstdc++ 12.
template <typename Iterator>
struct Between {
    Iterator first, last;
    Iterator begin() const { return first; }
    Iterator end() const { return last; }
};
template <typename Iterator>
Between(Iterator, Iterator) -> Between<Iterator>;

/// Scores in rising and in falling order.
auto rising(const Counts& counts) { return Between{counts.begin(), counts.end()}; }
auto falling(const Counts& counts) { return Between{counts.rbegin(), counts.rend()}; }

bool one_side_is_empty(const ScoreCounts& counts) { return counts.known_rows == 0 || counts.unknown_rows == 0; }

/// Sum of the risks after each row. rows, errors  by score
class RiskSum {
public:
    void add(std::int64_t rows, std::int64_t errors) {
        if (rows == 0) return;
        const double mean = share(errors, rows);
        for (std::int64_t i = 1; i <= rows; ++i)
            sum_ += (static_cast<double>(errors_) + static_cast<double>(i) * mean) / static_cast<double>(rows_ + i);
        rows_ += rows;
        errors_ += errors;
    }

    std::optional<double> mean() const {
        return rows_ > 0 ? std::optional(sum_ / static_cast<double>(rows_)) : std::nullopt;
    }

private:
    double sum_ = 0;
    std::int64_t rows_ = 0, errors_ = 0;
};

std::size_t verdict_of(bool rejected, std::int32_t predicted, std::int32_t classes) {
    return static_cast<std::size_t>(rejected ? classes : predicted);
}

void reject_side(const RankedSide& side, const RankedRows& rows, double threshold,
                 const std::vector<std::optional<double>>& thresholds, std::vector<std::uint8_t>& rejected) {
    rejected.resize(side.rows());
    for (std::size_t row = 0; row < side.rows(); ++row) {
        double own = threshold;
        if (!thresholds.empty() && !side.predicted.empty() && side.predicted[row] >= 0)
            own = thresholds[static_cast<std::size_t>(side.predicted[row])].value_or(threshold);
        rejected[row] = rows.scores[static_cast<std::size_t>(side.group[row])] > own ? 1 : 0;
    }
}

std::optional<double> ratio(std::int64_t part, std::int64_t whole) {
    return whole > 0 ? std::optional(share(part, whole)) : std::nullopt;
}

bool is_present(const ClassCounts& counts, std::size_t which) {
    return counts.truth[which] > 0 || counts.predicted[which] > 0;
}

} // namespace

RankedRows::RankedRows(const OpenSetRows& rows) : classes(rows.classes) {
    const auto known_places = sorted_places(rows.known_scores);
    const auto unknown_places = sorted_places(rows.unknown_scores);
    scores = distinct_scores(known_places, unknown_places);
    known = {groups(known_places, scores), in_order(rows.known_labels, known_places),
             in_order(rows.known_predicted, known_places), in_order(rows.known_confidence, known_places),
             in_order(rows.known_rejected, known_places)};
    unknown = {groups(unknown_places, scores),
               {},
               in_order(rows.unknown_predicted, unknown_places),
               {},
               in_order(rows.unknown_rejected, unknown_places)};
}

void count_scores(const RankedRows& rows, const RowWeights& weights, ScoreCounts& counts) {
    counts.known.assign(rows.scores.size(), 0);
    counts.right.assign(rows.scores.size(), 0);
    counts.unknown.assign(rows.scores.size(), 0);
    counts.known_rows = counts.right_rows = counts.unknown_rows = 0;
    counts.named = rows.named();
    const bool told = counts.named && rows.known.rows() > 0;
    for (std::size_t row = 0; row < rows.known.rows(); ++row) {
        const std::int64_t times = weight(weights.known, row);
        const auto group = static_cast<std::size_t>(rows.known.group[row]);
        counts.known[group] += times;
        counts.known_rows += times;
        if (!told || !rows.known.right(row)) continue;
        counts.right[group] += times;
        counts.right_rows += times;
    }
    for (std::size_t row = 0; row < rows.unknown.rows(); ++row) {
        const std::int64_t times = weight(weights.unknown, row);
        counts.unknown[static_cast<std::size_t>(rows.unknown.group[row])] += times;
        counts.unknown_rows += times;
    }
}

std::optional<double> auroc(const ScoreCounts& counts) {
    if (one_side_is_empty(counts)) return std::nullopt;
    std::int64_t twice = 0, below = 0; // whole numbers: exact
    for (std::size_t i = 0; i < counts.known.size(); ++i) {
        twice += counts.unknown[i] * (2 * below + counts.known[i]);
        below += counts.known[i];
    }
    return share(twice, 2 * counts.known_rows * counts.unknown_rows);
}

std::optional<double> aupr_out(const ScoreCounts& counts) {
    if (one_side_is_empty(counts)) return std::nullopt;
    return precision_recall_area(falling(counts.unknown), falling(counts.known), counts.unknown_rows, step);
}

std::optional<double> aupr_in(const ScoreCounts& counts) {
    if (one_side_is_empty(counts)) return std::nullopt;
    return precision_recall_area(rising(counts.known), rising(counts.unknown), counts.known_rows, step);
}

std::optional<double> aupr_out_trapezoid(const ScoreCounts& counts) {
    if (one_side_is_empty(counts)) return std::nullopt;
    return precision_recall_area(falling(counts.unknown), falling(counts.known), counts.unknown_rows, trapezoid);
}

std::optional<double> aupr_in_trapezoid(const ScoreCounts& counts) {
    if (one_side_is_empty(counts)) return std::nullopt;
    return precision_recall_area(rising(counts.known), rising(counts.unknown), counts.known_rows, trapezoid);
}

std::optional<RateAt> fpr_at_95_tpr_known(const ScoreCounts& counts) {
    if (one_side_is_empty(counts)) return std::nullopt;
    const std::int64_t wanted = ninety_five_percent(counts.known_rows);
    std::int64_t known = 0, unknown = 0;
    for (std::size_t i = 0; i < counts.known.size(); ++i) {
        known += counts.known[i];
        unknown += counts.unknown[i];
        if (known >= wanted) return RateAt{share(unknown, counts.unknown_rows), i};
    }
    return std::nullopt;
}

std::optional<RateAt> fpr_at_95_tpr_unknown(const ScoreCounts& counts) {
    if (one_side_is_empty(counts)) return std::nullopt;
    const std::int64_t wanted = ninety_five_percent(counts.unknown_rows);
    std::int64_t known = 0, unknown = 0;
    for (std::size_t i = counts.known.size(); i-- > 0;) {
        known += counts.known[i];
        unknown += counts.unknown[i];
        if (unknown >= wanted) return RateAt{share(known, counts.known_rows), i};
    }
    return std::nullopt;
}

std::optional<double> oscr(const ScoreCounts& counts) {
    if (one_side_is_empty(counts) || !counts.named) return std::nullopt;
    std::int64_t twice = 0, above = counts.unknown_rows;
    for (std::size_t i = 0; i < counts.known.size(); ++i) {
        above -= counts.unknown[i];
        twice += counts.right[i] * (2 * above + counts.unknown[i]);
    }
    return share(twice, 2 * counts.known_rows * counts.unknown_rows);
}

std::optional<RateAt> youden(const ScoreCounts& counts) {
    if (one_side_is_empty(counts)) return std::nullopt;
    std::int64_t known = counts.known_rows, unknown = counts.unknown_rows; // above the score
    std::int64_t best = std::numeric_limits<std::int64_t>::min();
    RateAt found;
    for (std::size_t i = 0; i < counts.known.size(); ++i) {
        if (counts.known[i] == 0 && counts.unknown[i] == 0) continue;
        known -= counts.known[i];
        unknown -= counts.unknown[i];
        // Both shares on one denominator: equal ones are told apart from nearly equal ones.
        const std::int64_t difference = unknown * counts.known_rows - known * counts.unknown_rows;
        if (difference < best) continue;
        best = difference;
        found = {share(difference, counts.known_rows * counts.unknown_rows), i};
    }
    return found;
}

std::optional<double> closed_set_accuracy(const ScoreCounts& counts) {
    return counts.named ? ratio(counts.right_rows, counts.known_rows) : std::nullopt;
}

std::optional<double> aurc_known(const ScoreCounts& counts) {
    if (!counts.named) return std::nullopt;
    RiskSum risks;
    for (std::size_t i = 0; i < counts.known.size(); ++i) risks.add(counts.known[i], counts.known[i] - counts.right[i]);
    return risks.mean();
}

std::optional<double> aurc_open(const ScoreCounts& counts) {
    if (!counts.named) return std::nullopt;
    RiskSum risks;
    for (std::size_t i = 0; i < counts.known.size(); ++i) {
        const std::int64_t rows = counts.known[i] + counts.unknown[i];
        risks.add(rows, rows - counts.right[i]);
    }
    return risks.mean();
}

std::optional<double> expected_calibration_error(const RankedSide& known, std::span<const std::uint32_t> weights) {
    if (known.confidence.empty() || known.label.empty() || known.predicted.empty()) return std::nullopt;
    Reliability reliability;
    for (std::size_t row = 0; row < known.rows(); ++row)
        reliability.add(known.confidence[row], known.right(row), weight(weights, row));
    if (reliability.rows() == 0) return std::nullopt;
    return reliability.expected_calibration_error();
}

Rejected reject(const RankedRows& rows, double threshold, const std::vector<std::optional<double>>& thresholds) {
    Rejected rejected;
    reject_side(rows.known, rows, threshold, thresholds, rejected.known);
    reject_side(rows.unknown, rows, threshold, thresholds, rejected.unknown);
    return rejected;
}

void count_classes(const RankedRows& rows, const Rejected& rejected, const RowWeights& weights, ClassCounts& counts) {
    const auto unknown_class = static_cast<std::size_t>(rows.classes);
    counts.truth.assign(unknown_class + 1, 0);
    counts.predicted.assign(unknown_class + 1, 0);
    counts.right.assign(unknown_class + 1, 0);
    const auto add = [&counts](std::size_t truth, std::size_t verdict, std::int64_t times) {
        counts.truth[truth] += times;
        counts.predicted[verdict] += times;
        if (truth == verdict) counts.right[truth] += times;
    };
    for (std::size_t row = 0; row < rows.known.rows(); ++row) {
        add(static_cast<std::size_t>(rows.known.label[row]),
            verdict_of(rejected.known[row] != 0, rows.known.predicted[row], rows.classes), weight(weights.known, row));
    }
    for (std::size_t row = 0; row < rows.unknown.rows(); ++row) {
        add(unknown_class, verdict_of(rejected.unknown[row] != 0, rows.unknown.predicted[row], rows.classes),
            weight(weights.unknown, row));
    }
}

std::vector<std::int64_t> confusion_matrix(const RankedRows& rows, const Rejected& rejected) {
    const auto width = static_cast<std::size_t>(rows.classes) + 1;
    std::vector<std::int64_t> cells(width * width, 0);
    for (std::size_t row = 0; row < rows.known.rows(); ++row) {
        const std::size_t verdict = verdict_of(rejected.known[row] != 0, rows.known.predicted[row], rows.classes);
        ++cells[static_cast<std::size_t>(rows.known.label[row]) * width + verdict];
    }
    for (std::size_t row = 0; row < rows.unknown.rows(); ++row) {
        const std::size_t verdict = verdict_of(rejected.unknown[row] != 0, rows.unknown.predicted[row], rows.classes);
        ++cells[(width - 1) * width + verdict];
    }
    return cells;
}

ClassFigures figures_of_class(const ClassCounts& counts, std::size_t which) {
    const std::int64_t right = counts.right[which], truth = counts.truth[which], predicted = counts.predicted[which];
    return {ratio(right, predicted), ratio(right, truth), ratio(2 * right, truth + predicted), truth};
}

ClassFigures macro_average(const ClassCounts& counts) {
    double precision = 0, recall = 0, f1 = 0;
    std::int64_t classes = 0, support = 0;
    for (std::size_t i = 0; i < counts.truth.size(); ++i) {
        if (!is_present(counts, i)) continue;
        const ClassFigures one = figures_of_class(counts, i);
        precision += one.precision.value_or(0);
        recall += one.recall.value_or(0);
        f1 += one.f1.value_or(0);
        support += one.support;
        ++classes;
    }
    if (classes == 0) return {};
    const auto number = static_cast<double>(classes);
    return {precision / number, recall / number, f1 / number, support};
}

ClassFigures weighted_average(const ClassCounts& counts) {
    double precision = 0, recall = 0, f1 = 0;
    std::int64_t support = 0;
    for (std::size_t i = 0; i < counts.truth.size(); ++i) {
        const ClassFigures one = figures_of_class(counts, i);
        const auto rows = static_cast<double>(one.support);
        precision += rows * one.precision.value_or(0);
        recall += rows * one.recall.value_or(0);
        f1 += rows * one.f1.value_or(0);
        support += one.support;
    }
    if (support == 0) return {};
    const auto rows = static_cast<double>(support);
    return {precision / rows, recall / rows, f1 / rows, support};
}

std::optional<double> accuracy(const ClassCounts& counts) {
    std::int64_t right = 0, rows = 0;
    for (std::size_t i = 0; i < counts.truth.size(); ++i) {
        right += counts.right[i];
        rows += counts.truth[i];
    }
    return ratio(right, rows);
}

std::optional<double> balanced_accuracy(const ClassCounts& counts) {
    double sum = 0;
    std::int64_t classes = 0;
    for (std::size_t i = 0; i < counts.truth.size(); ++i) {
        if (counts.truth[i] == 0) continue;
        sum += share(counts.right[i], counts.truth[i]);
        ++classes;
    }
    return classes > 0 ? std::optional(sum / static_cast<double>(classes)) : std::nullopt;
}

double openness(double train, double test, double target) { return 1 - std::sqrt(2 * train / (test + target)); }

Interval clopper_pearson(std::int64_t successes, std::int64_t trials, double confidence) {
    const double tail = (1 - confidence) / 2;
    const auto x = static_cast<double>(successes), n = static_cast<double>(trials);
    Interval interval;
    if (successes > 0) interval.lower = boost::math::ibeta_inv(x, n - x + 1, tail);
    if (successes < trials) interval.upper = boost::math::ibetac_inv(x + 1, n - x, tail);
    return interval;
}

} // namespace openset::stats
