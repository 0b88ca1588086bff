#pragma once

#include <span>

/// One score from several: p-values of the same row under several detectors, made one number. Larger = more unknown.
namespace openset::stats {

/// Fisher's -2 sum ln p (Fisher 1925, Statistical Methods for Research Workers). p  in (0, 1]
double fisher_score(std::span<const double> p);

/// Stouffer's sum of normal quantiles of 1 - p over the root of their number (Stouffer et al. 1949, The American
/// Soldier).
/// p     in (0, 1]
/// step  between p-values, 1 / (calibration rows + 1): 1 counts as half a step below it, whose quantile is finite
double stouffer_score(std::span<const double> p, double step);

/// The mean of 1 - p: of the ranks among calibration rows, as shares.
double mean_rank_score(std::span<const double> p);

/// Spearman's rank correlation, ties at their mean rank; 0 where one side is constant.
/// one, other  of equal length, not NaN
double spearman_correlation(std::span<const double> one, std::span<const double> other);

} // namespace openset::stats
