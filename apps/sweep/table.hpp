#pragma once

#include <string>
#include <vector>

#include "openset/base/byte_sink.hpp"
#include "openset/stats/thresholds.hpp"
#include "scores/unit.hpp"

namespace openset::sweep {

inline const std::vector<std::string> table_columns = {"threshold", "known_accuracy", "known_acceptance",
                                                       "unknown_rejection", "balanced_accuracy"};

/// Puts points in the order of a column: thresholds as they are printed rise, rates fall (the best first); equal ones keep
/// their order.
void sort_by(const std::string& column, const scores::Unit& unit, const stats::ThresholdSweep& sweep,
             std::vector<stats::ThresholdPoint>& points);

/// The points as CSV (RFC 4180); what is not known is empty.
void write_table(const std::vector<stats::ThresholdPoint>& points, const stats::ThresholdSweep& sweep,
                 const scores::Unit& unit, ByteSink& sink);

} // namespace openset::sweep
