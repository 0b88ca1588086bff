#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eval/measure.hpp"
#include "scores/input.hpp"

namespace openset::compare {

/// Sets of unknown rows that are averaged: `near`, `far`, or all of them.
struct Group {
    std::string name;
    std::vector<std::size_t> sets; ///< indices into Inputs::unknown
};

/// A score column against every set of unknown rows.
struct Contestant {
    std::string name;
    std::vector<eval::Measured> by_set; ///< [sets]
    /// How far its mean AUROC over all sets lies behind the best one's: 95 %, on the same resamples; none: it is the best.
    std::optional<stats::Interval> auroc_behind_best{};
    bool is_fusion = false;
};

struct Comparison {
    std::vector<std::string> sets;
    std::vector<std::int64_t> unknown_rows; ///< [sets]
    std::int64_t known_rows = 0;
    std::vector<Group> groups; ///< the last is of all sets, where there are several
    std::vector<Contestant> contestants;
    std::optional<std::size_t> best; ///< by the mean AUROC over all sets
};

/// Larger is better of this metric.
bool larger_is_better(const eval::MetricInfo& metric);

/// The mean of a metric over sets; none where one of them has none.
std::optional<double> mean_of(const Contestant& contestant, std::size_t metric, const std::vector<std::size_t>& sets);

/// Measures every column against every set.
/// groups  of the sets, by name
/// fusion  name of the column that is one; empty: none
Comparison compare(const scores::Inputs& inputs, std::vector<Group> groups, const std::string& fusion,
                   const eval::Bootstrap& bootstrap);

} // namespace openset::compare
