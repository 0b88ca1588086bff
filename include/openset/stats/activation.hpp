#pragma once

#include <span>
#include <vector>

namespace openset::stats {

/// Softmax with the maximum taken out, so that no exponential overflows. values: finite, not empty
std::vector<double> softmax(std::span<const double> values);

/// 1 / (1 + exp(-value)), accurate on both sides of 0.
double sigmoid(double value);

/// ln sum exp(values), with the maximum taken out. values: not empty
double log_sum_exp(std::span<const double> values);

} // namespace openset::stats
