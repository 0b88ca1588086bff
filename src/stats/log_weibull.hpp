#pragma once

#include <span>

namespace openset::stats {

/// A Weibull law seen in logarithms (a Gumbel law of minima): u = ln x has the cumulative distribution
/// 1 - exp(-exp(shape (u - log_scale))).
struct LogWeibull {
    double shape = 0;
    double log_scale = 0;
};

/// The maximum likelihood fit; there is exactly one.
///
/// log_values  [n], n >= 2, finite, not all equal
/// Returns     a shape of infinity where the values lie so close together that a double cannot hold it
LogWeibull fit_log_weibull(std::span<const double> log_values);

/// The scale that belongs to a shape: (mean x^shape)^(1/shape), as its logarithm.
double log_scale_for(std::span<const double> log_values, double shape);

/// ln likelihood of the logarithms u; that of x = e^u is smaller by sum u.
double log_likelihood(std::span<const double> log_values, const LogWeibull& law);

} // namespace openset::stats
