#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "openset/io/operating_point.hpp"
#include "openset/stats/thresholds.hpp"
#include "scores/input.hpp"
#include "scores/unit.hpp"

namespace openset::sweep {

/// What a rule chose.
struct Picked {
    stats::PickRule rule;
    stats::ThresholdPoint point; ///< with what it does to the rows, thresholds by label counted in
    /// Conformal thresholds of the labels that have enough rows; empty: one threshold for all.
    std::map<std::string, double> by_label;
    /// Rows of the other labels where those are too few together for a threshold that keeps the promise.
    std::int64_t without_promise = 0;
};

/// What a point does where some labels have thresholds of their own.
stats::ThresholdPoint with_thresholds_by_label(const stats::RankedRows& rows, stats::ThresholdPoint point,
                                               const std::map<std::string, double>& by_label,
                                               const io::LabelNames& labels);

/// The point with where it comes from and what was measured there.
io::OperatingPoint operating_point(const scores::Inputs& inputs, const stats::ThresholdSweep& sweep,
                                   const Picked& picked);

/// What the point does, in words: a line each.
std::vector<std::string> told(const stats::ThresholdSweep& sweep, const Picked& picked, const scores::Unit& unit);

/// Where the point goes: as asked, else operating_point.json beside the table.
std::filesystem::path place_for_point(const std::string& asked, const std::string& table);

/// Throws Error(output) where something else than an operating point has the name.
void check_place_for_point(const std::filesystem::path& path);

} // namespace openset::sweep
