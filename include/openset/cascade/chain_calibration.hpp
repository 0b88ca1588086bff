#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "openset/io/calibration.hpp"
#include "openset/io/operating_point.hpp"
#include "openset/stats/conformal.hpp"
#include "openset/stats/metrics.hpp"

/// One budget of wrongly rejected known pictures for all stages of a chain together.
///
/// Each stage's score becomes a share of known rows that are as odd (stats::ConformalScores). Rejecting where any of several
/// such shares is small rejects more often than each alone, so the least of them (Tippett 1931) is no p-value: it is a score,
/// and is ranked among those of further known rows, which no stage's scores came from (split conformal; Vovk, Gammerman &
/// Shafer 2005). That rank is the p-value of the chain, and P(p <= alpha) <= alpha for a known picture that is exchangeable
/// with those rows, whatever the stages have to do with each other. As each share falls with its score, rejecting where
/// p <= alpha is one threshold a stage: a stage needs to know nothing of the later ones. Where one stage alone rejects, its
/// conformal p-value is the chain's.
namespace openset::cascade {

using io::Stage;

/// A calibration that p-values and thresholds can be asked of.
class ChainCalibration {
public:
    explicit ChainCalibration(const io::Calibration& calibration);

    /// The share of one stage, in [0, 1]: the smooth p-value where it is to be ranked, the p-value of a stage that is alone.
    /// predicted  the classifier's likeliest label; of no matter to gate and species
    double stage_share(Stage stage, double score, const std::string& predicted = "") const;

    /// Of the chain, in (0, 1]. least  of the stages' p-values; 0 where the classifier itself rejects. Of the first few stages
    /// alone it is at least as large, so that P(p <= alpha) <= alpha holds for a picture that did not reach the others.
    double p_value(double least) const;

    /// Which scores are rejected at the stages when the chain's p-value is to be above the significance.
    /// significance  in (0, 1). rule and measured are not told.
    std::map<Stage, io::OperatingPoint> operating_points(double significance) const;

    double budget() const { return budget_; }
    /// The least p-value that a score can have: below it the thresholds reject nothing.
    double least_p_value() const;

    /// Known rows that p-values are ranks among; those of the stage where one stage alone rejects.
    std::int64_t ranking_rows() const;
    /// Of these, how many the classifier itself rejects.
    std::int64_t rejected_by_classifier() const;

    /// In which this calibration's own share of wrongly rejected known pictures lies at its budget, as far as was measured when
    /// it was made: on held-out rows their Clopper-Pearson interval. Folds tell of calibrations like this one; what a single
    /// one is off by them is in the law of its rank, a beta distribution (Vovk 2012), so that the range holds both.
    /// None: nothing was measured.
    std::optional<stats::Interval> rejection_range(double confidence) const;
    /// As the file has them, without scores.
    const std::vector<io::StageCalibration>& stages() const { return stages_; }

private:
    struct Test {
        stats::ConformalScores others;
        std::map<std::string, stats::ConformalScores> own; ///< by predicted label
    };

    double budget_;
    std::int64_t measured_rows_, measured_rejected_;
    bool measured_in_folds_;
    std::vector<io::StageCalibration> stages_;
    std::vector<Test> tests_; ///< [stages]
    /// Of minus the least p-values: larger = more unknown. None: one stage alone.
    std::optional<stats::ConformalScores> ranked_;
};

/// Held-out known rows with a score at every stage.
struct ChainRows {
    std::vector<io::StageCalibration> stages; ///< what they are; without scores
    std::vector<std::vector<double>> scores;  ///< [stages][rows]
    std::vector<std::int32_t> predicted;      ///< [rows] index into label_names; -1: not told
    std::vector<std::string> label_names;
    bool classifier_can_reject = false;           ///< it has a min_probability
    std::vector<std::uint8_t> classifier_rejects; ///< [rows] 1: by that, whatever the stages say

    std::size_t rows() const { return predicted.size(); }
    std::string label(std::size_t row) const;
};

/// Calibrates on some of the rows. With several stages, or a classifier that rejects by itself, half of them (rounded down),
/// drawn at random, give the stages' scores, and the other half ranks; with one, all give its scores.
/// which      indices of rows
/// budget     in (0, 1)
/// by_label   a row is ranked among those of its predicted label at the stage unknown, where these are enough for the
///            budget; the other labels share one ranking, with the rarest of those that have enough where it would be too
///            few otherwise: a label that shares too short a ranking would never be rejected. With one stage the promise then holds among the pictures that
///            are predicted as a label too (Mondrian, by prediction: truth is not known when a picture comes).
/// Throws Error(usage): too few rows for the budget (says how many it needs); a classifier that alone rejects more.
io::Calibration calibrate(const ChainRows& rows, std::span<const std::size_t> which, double budget, bool by_label,
                          std::uint64_t seed);

/// The first thing that rejects a row, if anything does.
enum class RejectedBy { nothing, gate, species, classifier, unknown };

/// points  of the stages, as ChainCalibration gives them
RejectedBy rejected_by(const ChainRows& rows, std::size_t row, const std::map<Stage, io::OperatingPoint>& points);

} // namespace openset::cascade
