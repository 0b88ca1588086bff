#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

/// Weibull tails: how far out is a distance, given the largest distances that a class has shown?
namespace openset::stats {

/// Whether there is a fit, and if not, why. The tests are made in this order; the first that holds gives the status.
enum class TailStatus {
    bad_parameter, ///< tail_size < 1, or translate not finite and > 0
    empty,         ///< no distance
    non_finite,    ///< a NaN or an infinity among the distances, in the tail or not; or a span that no double holds
    too_few,       ///< fewer than 3 values in the tail
    constant,      ///< largest - smallest of the tail <= 8 * 2^-52 * the larger of their magnitudes; or lost beside
                   ///< translate (below 2e-308 of it)
    ok,
};

/// `bad_parameter`, `empty`, `non_finite`, `too_few`, `constant`, `ok`.
std::string_view to_string(TailStatus status);

struct TailParams {
    std::int64_t tail_size = 20;     ///< so many of the largest distances
    std::optional<double> translate; ///< the smallest tail value is moved here; none: the tail's span (largest -
                                     ///< smallest), which frees the fit of the distances' unit. libMR: 1
};

/// A W-score and what is missing to 1, each with all its digits: 1 - w has none left where w is nearly 1.
struct WScore {
    double w = 0;    ///< probability that a row of the class is nearer than this, 0 to 1
    double rest = 1; ///< 1 - w
};

/// What every fit of a tail says beside its parameters.
struct TailSummary {
    TailStatus status = TailStatus::empty;
    bool tail_clipped = false; ///< tail_size was larger than the number of distances: all were used
    std::int64_t n_used = 0;   ///< values in the tail; 0 for bad_parameter
    double smallest_tail = 0;  ///< defined for too_few, constant and ok
    double largest_tail = 0;   ///< the same
    // Defined for ok alone:
    double loglik = 0; ///< natural logarithm of the likelihood, of the tail in its unit
    double ks = 0;     ///< Kolmogorov-Smirnov distance between tail and fit; no table holds, the parameters were fitted

    bool ok() const { return status == TailStatus::ok; }
    bool has_tail() const { return ok() || status == TailStatus::constant || status == TailStatus::too_few; }
};

/// A Weibull law on x = d - smallest_tail + translate: w = 1 - exp(-(x / scale)^shape), 0 for x <= 0. What libMR fits
/// (FitHigh), by exact maximum likelihood.
struct TailFit : TailSummary {
    static constexpr double tight_shape = 1000;

    // Defined for ok alone:
    bool tight = false;   ///< shape > tight_shape: the tail's span is small against translate; nothing is wrong with it
    double translate = 0; ///< as it was used, in the unit of the distances
    double shape = 0;     ///< k
    double log_scale_rel = 0; ///< ln(scale / translate); a rebuilt scale would lose shape * 1e-16 of w
    double se_log_shape = 0;  ///< standard error of ln shape, from the observed information
    double se_log_scale = 0;  ///< of ln scale

    double scale() const;
    std::array<double, 2> shape_interval() const; ///< 95 %
    std::array<double, 2> scale_interval() const; ///< 95 %

    /// The W-score of a distance of any size. Only for ok.
    WScore w_score(double distance) const;
    double w(double distance) const { return w_score(distance).w; }
};

/// Fits the upper tail of a class's distances. Data never throw: see the status.
///
/// The likelihood of a tail with two distinct values has one maximum (its profile equation in the shape is monotone);
/// it is found to the last digits, in logarithms relative to translate, so that very tight and very wide tails keep
/// theirs.
///
/// distances  [n], any order
/// Cost       O(n) to find the tail, O(tail_size log tail_size) after it
/// Source     Scheirer et al. 2011 (meta-recognition), as libMR's weibull_fit; Bendale & Boult 2016 for what it is for
TailFit fit_weibull_tail(std::span<const double> distances, const TailParams& params);

} // namespace openset::stats
