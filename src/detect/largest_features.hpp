#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "detect/fitted_state.hpp"

/// What SCALE and ASH have in common: they look at the largest features of a row, and take all for >= 0.
namespace openset::detect {

/// The `percentile` that both have.
Parameter kept_percentile(const std::string& usual, const std::string& source);

/// How many of so many features are kept at a percentile: features - round(features * percent / 100), halves to the even, 1
/// at least.
std::size_t kept_features(std::size_t features, double percent);

/// The indices of the `kept` largest values, of equal ones the first; in no order.
/// order  scratch, reused from row to row
std::span<const std::size_t> largest_features(std::span<const double> values, std::size_t kept,
                                              std::vector<std::size_t>& order);

/// Warns where some training feature is below 0: what these methods do was made for what comes out of a ReLU.
void warn_of_negative_features(io::FittedFile& file, const TrainingRows& rows);

} // namespace openset::detect
