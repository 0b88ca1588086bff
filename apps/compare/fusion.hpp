#pragma once

#include <string>
#include <vector>

#include "scores/input.hpp"

namespace openset::compare {

/// Columns that rank the calibration rows as an earlier one does (Spearman's correlation above this) add nothing but its
/// weight.
inline constexpr double same_ranking = 0.95;

/// Adds a column of that name, made of the others: their p-values against known calibration rows, put together by `kind`
/// (rank-average, fisher or stouffer). Members and p-values follow from the calibration rows alone.
/// calibration  of the same columns; known rows that neither the network nor the detectors have learned from
/// Returns the members.
std::vector<std::string> add_fusion(const std::string& kind, const scores::Side& calibration, scores::Inputs& inputs);

} // namespace openset::compare
