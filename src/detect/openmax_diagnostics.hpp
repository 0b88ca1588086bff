#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "detect/openmax_state.hpp"

namespace openset::detect {

/// How many of some rows have a W-score near 0 in the class that they are predicted as.
struct PredictedW {
    std::int64_t rows = 0;
    std::int64_t near_zero = 0; ///< w < 0.05

    void add(double w);
    double share() const { return rows > 0 ? static_cast<double>(near_zero) / static_cast<double>(rows) : 0; }
};

/// What the passes of a fit saw, beside what became of it.
struct OpenMaxObservations {
    std::int64_t labelled = 0, unlabelled = 0; ///< rows with a label, and with -1
    std::int64_t without_positive_logit = 0;   ///< rows whose every logit is negative
    std::vector<std::int64_t> rows_of_class;   ///< [C] rows with the label
    std::vector<std::int64_t> correct;         ///< [C] of these, whose largest logit is that of the label
    double squared_distance = 0;               ///< where a block stands behind the logits: sum over the rows fitted
                                               ///< on of the squared euclidean distance to their class mean
    double squared_distance_of_block = 0;      ///< the part of the block behind the logits
    std::vector<PredictedW> fitted;            ///< [C] rows that the class was fitted on
    PredictedW unknown;                        ///< rows with label -1
    std::vector<double> unit_sensitivity;      ///< [C] see unit_sensitivity()
};

/// How much the unit of the distances matters: the largest change of w over the class's tail where the same distances
/// are given in a unit ten times smaller or larger, with the same parameters. 0 for a law that no unit changes, and
/// without a fit.
/// tail  as it was fitted
double unit_sensitivity(const OpenMaxParams& params, std::span<const double> tail, const OpenMaxClass& one);

/// Fits the law that the parameters ask for.
std::variant<stats::TailFit, stats::WeibullMaxFit> fit_tail(const OpenMaxParams& params, std::span<const double> tail);

/// An object: figures of the whole, `classes` with those of each, and `warnings`.
std::string diagnostics_json(const OpenMaxState& state, const OpenMaxObservations& seen);

/// What a person should know, a sentence each.
std::vector<std::string> warnings_of(const OpenMaxState& state, const OpenMaxObservations& seen);

} // namespace openset::detect
