#pragma once

#include <cstddef>
#include <vector>

namespace openset::stats {

/// Conformal p-values of scores, larger = more unknown, held against known rows that nothing was fitted on
/// (Vovk, Gammerman & Shafer 2005; Bates et al. 2023, Testing for outliers with conformal p-values).
///
/// p(s) = (1 + #{calibration scores >= s}) / (n + 1). Where a row is exchangeable with the calibration rows,
/// P(p <= alpha) <= alpha for every alpha, whatever the score: rejecting where p <= alpha wrongly rejects at most a share
/// alpha of known rows, on average over calibration sets. Ties count against rejecting.
class ConformalScores {
public:
    /// calibration  not NaN; in any order. Throws nothing; without scores every p-value is 1.
    explicit ConformalScores(std::vector<double> calibration);

    /// In (0, 1].
    double p_value(double score) const;

    /// The score above which, and only above which, the p-value is below `p`: +inf where none is, -inf where all are.
    /// For p just above alpha it is conformal_threshold() at alpha.
    double threshold_below(double p) const;

    /// Nearly the p-value, without its steps: between calibration scores it falls in straight lines, above the largest one as
    /// 1 / (1 + distance / spread). It promises nothing by itself, but rows that would tie as p-values keep an order, which
    /// another ranking can use. In [0, 1], falling; 0 for +inf alone.
    double smooth_p_value(double score) const;

    /// The score above which, and only above which, smooth_p_value() is below `p`.
    double smooth_threshold_below(double p) const;

    /// Calibration rows.
    std::size_t size() const { return sorted_.size(); }
    const std::vector<double>& sorted() const { return sorted_; } ///< rising

private:
    std::vector<double> sorted_;
};

} // namespace openset::stats
