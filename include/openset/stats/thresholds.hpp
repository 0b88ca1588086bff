#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "openset/stats/metrics.hpp"

/// What every threshold would do, and rules that choose one. A row is rejected iff its score > threshold.
namespace openset::stats {

/// What one threshold does.
struct ThresholdPoint {
    double threshold = 0;
    std::int64_t known_accepted = 0;
    std::int64_t known_right = 0; ///< accepted and rightly named
    std::int64_t unknown_rejected = 0;
    double mean_recall = 0; ///< over the classes of the known rows and unknown (methods.md: balanced accuracy)
};

/// Every distinct operating point, thresholds rising: -inf, which rejects all finite scores, and then each score.
struct ThresholdSweep {
    std::int64_t known_rows = 0, unknown_rows = 0;
    bool named = false; ///< known_right and mean_recall are told
    std::vector<ThresholdPoint> points;

    /// What any threshold does.
    ThresholdPoint at(double threshold) const;

    std::optional<double> known_accuracy(const ThresholdPoint& point) const;
    std::optional<double> known_acceptance(const ThresholdPoint& point) const;
    std::optional<double> unknown_rejection(const ThresholdPoint& point) const;
    std::optional<double> balanced_accuracy(const ThresholdPoint& point) const;
};

/// One pass over the sorted rows.
ThresholdSweep sweep_thresholds(const RankedRows& rows);

/// `count` of the points, evenly by their place, the first and the last among them; all where there are no more.
std::vector<ThresholdPoint> thin(const std::vector<ThresholdPoint>& points, std::size_t count);

/// low, low + step, ... up to high, which belongs to them where a whole number of steps leads there (give or take 1e-9 of
/// a step): 0.30, 0.40, 0.01 are eleven, as numpy.arange(0.30, 0.40, 0.01) gives them. Each is the double nearest to its
/// decimal text, with as many digits as low or step has.
/// Throws Error(usage): a step that is not above 0, high below low, more than 10^7 thresholds.
std::vector<double> threshold_range(double low, double high, double step);

/// A rule that chooses a threshold.
struct PickRule {
    enum class Kind {
        tpr,               ///< accepts the share `value` of the known rows: the least threshold that does
        youden,            ///< most unknown_rejection - known rejection; of equal ones the largest threshold
        known_accuracy,    ///< best unknown_rejection among the points with known_accuracy >= value
        unknown_rejection, ///< best known_accuracy (known_acceptance without labels) among unknown_rejection >= value
        conformal,         ///< split conformal: rejects a new known picture with probability <= value
    };
    Kind kind = Kind::youden;
    double value = 0;
    std::string text; ///< as it was given
};

/// `tpr=0.95`, `youden`, `known-accuracy>=0.85`, `unknown-rejection>=0.9`, `conformal=0.05`.
/// Throws Error(usage) with the rules that there are.
PickRule parse_pick_rule(const std::string& text);

/// The point that the rule chooses.
/// Throws Error(usage) where no point fulfils it (says the best there is), where there are no rows of a side that it
/// looks at, and where conformal has too few rows (says how many it needs).
ThresholdPoint pick(const ThresholdSweep& sweep, const PickRule& rule);

/// The split conformal threshold: the ceil((1 - alpha)(n + 1))-th smallest of n held-out known scores (1e-9 subtracted
/// before rounding up). +inf where that is above n. Guarantee: a new known picture, exchangeable with those n, is
/// rejected with probability <= alpha.
/// known_scores  [n], any order
/// alpha         from 1e-9 to 1 - 1e-9, also below
double conformal_threshold(std::vector<double> known_scores, double alpha);
/// The rank in that formula, 1 or more.
std::int64_t conformal_rank(std::int64_t rows, double alpha);
/// The smallest n whose threshold is finite.
std::int64_t rows_for_conformal(double alpha);

/// Between which shares of known rows one conformal threshold rejects, with this confidence: a share is beta-distributed,
/// B(k, n + 1 - k) with k = floor(alpha (n + 1)), over thresholds from n scores without ties (Vovk 2012, Conditional validity
/// of inductive conformal predictors). Where k is 0 nothing is rejected.
/// confidence  in (0, 1), the two tails alike
Interval conformal_rate_law(std::int64_t rows, double alpha, double confidence);

/// Conformal thresholds by predicted class.
struct ConformalByClass {
    std::map<std::int32_t, double> own; ///< of the classes with enough rows of their own
    std::int64_t other_rows = 0;        ///< of all other classes together
    std::optional<double> others;       ///< what those share; none where they have too few rows
};

/// The same for each predicted class (Mondrian, by prediction, as truth is not known when a picture comes): the guarantee
/// then holds among the pictures that are predicted so. Classes with too few rows make one group; a threshold from all
/// rows would promise nothing, neither for them nor for all pictures.
/// predicted  [n]
ConformalByClass conformal_by_class(std::span<const double> known_scores, std::span<const std::int32_t> predicted,
                                    double alpha);

} // namespace openset::stats
