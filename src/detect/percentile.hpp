#pragma once

#include <vector>

#include "openset/detect/training_rows.hpp"

/// Percentiles by linear interpolation between neighbours, at h = (n - 1) q / 100 of the sorted values (NumPy's default).
namespace openset::detect {

/// values   not empty; their order is lost
/// percent  0 to 100
double percentile(std::vector<double>& values, double percent);

/// Of all features of all rows, exactly, in two passes that keep counts alone: memory does not grow with the rows.
double feature_percentile(const TrainingRows& rows, double percent);

} // namespace openset::detect
