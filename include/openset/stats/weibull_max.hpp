#pragma once

#include <cstdint>
#include <span>

#include "openset/stats/weibull.hpp"

namespace openset::stats {

/// A reversed Weibull law (scipy's weibull_max) on the distances themselves: w = exp(-((loc - d) / scale)^shape), 1 for
/// d >= loc; or the law to which it runs with loc to infinity, the Gumbel law w = exp(-exp(-(d - mode) / beta)).
struct WeibullMaxFit : TailSummary {
    // Defined for ok alone:
    bool gumbel_limit = false;            ///< mode and beta hold instead of shape, loc and scale
    double shape = 0, loc = 0, scale = 0; ///< loc and scale in the unit of the distances
    double mode = 0, beta = 0;            ///< the same

    /// The W-score of a distance of any size. Only for ok.
    WScore w_score(double distance) const;
    double w(double distance) const { return w_score(distance).w; }
};

/// The best fit with shape >= 1, where the likelihood is bounded: the profile likelihood over loc, and the Gumbel limit
/// where no finite loc beats it by more than 1e-6. Free of the distances' unit.
///
/// distances  [n], any order
WeibullMaxFit fit_weibull_max(std::span<const double> distances, std::int64_t tail_size);

/// Where scipy 1.17's weibull_max.fit ends: Nelder-Mead with its own starting point, penalties and stopping rules, and
/// no look at whether it converged. Far from the best fit for most data (it starts with scale 1, whatever the unit, and
/// often stops where shape < 1 and loc touches the maximum); for reproducing results that were made with it.
///
/// distances  [n], any order; another order may end elsewhere by what rounding makes of it
WeibullMaxFit fit_weibull_max_like_scipy(std::span<const double> distances, std::int64_t tail_size);

} // namespace openset::stats
