#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// Metrics of open-set recognition (methods.md section 4). A larger score means more unknown; a row is rejected iff its
/// score > threshold. Scores may be infinite, never NaN. Labels are numbers from 0 to classes - 1, -1 for none.
/// What needs both sides is none where one is empty.
namespace openset::stats {

/// The rows to measure, as columns. Empty labels, predictions, confidences or rejections: not told.
struct OpenSetRows {
    std::int32_t classes = 0;
    std::span<const double> known_scores;             ///< [known]
    std::span<const std::int32_t> known_labels;       ///< [known], every one told
    std::span<const std::int32_t> known_predicted;    ///< [known], every one told
    std::span<const double> known_confidence;         ///< [known], 0..1
    std::span<const double> unknown_scores;           ///< [unknown]
    std::span<const std::int32_t> unknown_predicted;  ///< [unknown], every one told
    std::span<const std::uint8_t> known_rejected{};   ///< [known] by whoever decided already
    std::span<const std::uint8_t> unknown_rejected{}; ///< [unknown]
};

/// How often each row stands in a resample. Empty: once.
struct RowWeights {
    std::span<const std::uint32_t> known, unknown; ///< in the order of RankedRows
};

/// Rows of one side in rising score.
struct RankedSide {
    std::vector<std::int32_t> group;     ///< [rows] index of its score among the distinct ones
    std::vector<std::int32_t> label;     ///< [rows], or empty
    std::vector<std::int32_t> predicted; ///< [rows], or empty
    std::vector<double> confidence;      ///< [rows], or empty
    std::vector<std::uint8_t> rejected;  ///< [rows], or empty

    std::size_t rows() const { return group.size(); }
    bool right(std::size_t row) const { return label[row] == predicted[row]; }
};

/// Both sides sorted once: every metric is then one pass, for a resample too. O(n log n), about 24 bytes a row.
struct RankedRows {
    explicit RankedRows(const OpenSetRows& rows);

    std::int32_t classes = 0;
    std::vector<double> scores; ///< distinct, rising
    RankedSide known, unknown;
    /// Whether known rows have labels and predictions.
    bool named() const { return known.rows() == 0 || (!known.label.empty() && !known.predicted.empty()); }
};

/// How many rows have which score: all that metrics of ranking look at.
struct ScoreCounts {
    std::vector<std::int64_t> known, right, unknown; ///< [distinct scores]; right: known rows that are rightly named
    std::int64_t known_rows = 0, right_rows = 0, unknown_rows = 0;
    bool named = false; ///< `right` was told
};

/// counts  its memory is used again
void count_scores(const RankedRows& rows, const RowWeights& weights, ScoreCounts& counts);

/// [#(u > k) + 0.5 #(u = k)] / (n_k n_u).
std::optional<double> auroc(const ScoreCounts& counts);

/// Step-wise average precision, ties enter together. out: unknown is positive; in: known is.
std::optional<double> aupr_out(const ScoreCounts& counts);
std::optional<double> aupr_in(const ScoreCounts& counts);
/// Area under precision over recall by the trapezoid rule, from (0, 1).
std::optional<double> aupr_out_trapezoid(const ScoreCounts& counts);
std::optional<double> aupr_in_trapezoid(const ScoreCounts& counts);

/// A rate and the distinct score at which it was found.
struct RateAt {
    double rate = 0;
    std::size_t score = 0; ///< index into RankedRows::scores
};
/// Share of unknown rows that are accepted where 95 % of the known ones are.
std::optional<RateAt> fpr_at_95_tpr_known(const ScoreCounts& counts);
/// Share of known rows with a score >= that which 95 % of the unknown ones have.
std::optional<RateAt> fpr_at_95_tpr_unknown(const ScoreCounts& counts);

/// Area of correct acceptance over unknown acceptance, ties half (trapezoid).
std::optional<double> oscr(const ScoreCounts& counts);

/// max over scores t of share(u > t) - share(k > t); of equal ones the largest t.
std::optional<RateAt> youden(const ScoreCounts& counts);

/// Share of known rows that are rightly named, nothing rejected.
std::optional<double> closed_set_accuracy(const ScoreCounts& counts);

/// Area under risk over coverage, rows by rising score; inside a tie each row counts the tie's mean error.
std::optional<double> aurc_known(const ScoreCounts& counts);
/// The same over all rows; an unknown one is always an error.
std::optional<double> aurc_open(const ScoreCounts& counts);

/// Expected calibration error of the confidence of known rows, 15 equal bins, a value on an edge in the bin below.
std::optional<double> expected_calibration_error(const RankedSide& known, std::span<const std::uint32_t> weights = {});

/// Who was taken for what: [classes + 1] each, the last is unknown.
struct ClassCounts {
    std::vector<std::int64_t> truth, predicted, right;
};

/// Which rows a threshold rejects, [known] and [unknown] in the order of RankedRows.
struct Rejected {
    std::vector<std::uint8_t> known, unknown;
};

/// thresholds  by predicted label, [classes]; `threshold` for all others
Rejected reject(const RankedRows& rows, double threshold, const std::vector<std::optional<double>>& thresholds = {});

/// Known rows need labels, and both sides predictions.
void count_classes(const RankedRows& rows, const Rejected& rejected, const RowWeights& weights, ClassCounts& counts);

/// [classes + 1, classes + 1], row-major: truth x prediction, the last of each is unknown.
std::vector<std::int64_t> confusion_matrix(const RankedRows& rows, const Rejected& rejected);

/// Of one class, or a mean over classes. None: no such row.
struct ClassFigures {
    std::optional<double> precision, recall, f1;
    std::int64_t support = 0; ///< rows of this truth
};

/// Precision, recall and F1 (2TP/(2TP+FP+FN)) of a class; `unknown` is the last.
ClassFigures figures_of_class(const ClassCounts& counts, std::size_t which);
/// Means over the classes present in truth or predictions; a precision or recall that is none counts 0 there.
ClassFigures macro_average(const ClassCounts& counts);
/// Means over the classes, weighted by their support.
ClassFigures weighted_average(const ClassCounts& counts);

/// Right rows, the rejected unknown ones among them, of all.
std::optional<double> accuracy(const ClassCounts& counts);
/// Mean recall over the classes present in truth.
std::optional<double> balanced_accuracy(const ClassCounts& counts);

/// 1 - sqrt(2 train / (test + target)), numbers of classes (Scheirer et al. 2013).
double openness(double train, double test, double target);

struct Interval {
    double lower = 0, upper = 1;
};

/// The exact interval of a proportion (Clopper & Pearson 1934).
/// successes  0..trials;  trials  above 0
Interval clopper_pearson(std::int64_t successes, std::int64_t trials, double confidence = 0.95);

} // namespace openset::stats
