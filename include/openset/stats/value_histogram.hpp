#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// Which values a layer takes, and the range that eight bits should stand for: what calibrating a network needs.
namespace openset::stats {

/// How the range of values that eight bits stand for is chosen.
enum class RangeRule {
    minmax,     ///< all that was seen
    percentile, ///< but for a share at either end (Wu et al. 2020, arXiv 2004.09602: 99.99 % for most networks)
    histogram, ///< with the least squared error of what comes back (torch.ao.quantization.HistogramObserver's criterion)
};

/// "minmax", "percentile", "histogram".
const std::vector<std::string>& range_rule_names();

/// An interval that holds 0, so that 0 is represented exactly: padding, ReLU.
struct ValueRange {
    float low = 0, high = 0;
};

/// Counts float values in bins whose width follows from the largest magnitude alone, a power of two: the same counts
/// whatever the order of the values and however they were divided among histograms that are merged in the end.
class ValueHistogram {
public:
    /// Values that are not finite are counted apart, and nowhere else.
    void add(std::span<const float> values);
    void merge(const ValueHistogram& other);

    std::int64_t count() const { return count_; } ///< of finite values
    std::int64_t not_finite() const { return not_finite_; }
    float min() const { return min_; } ///< 0 where there are none
    float max() const { return max_; }

    /// The range for values that are kept in `levels` equal steps; {0, 0} where there are none but 0.
    /// coverage  of RangeRule::percentile, above 0.5 to 1: the share of the values not above the range, and not below it
    ValueRange range(RangeRule rule, double coverage, int levels = 256) const;

private:
    static constexpr int half = 4096; ///< bins on either side of 0: at least half of them up to the largest magnitude

    double bin_width() const;
    double centre(std::size_t bin) const; ///< clamped to what was seen
    void grow_to(int exponent);
    ValueRange percentile_range(double coverage) const;
    ValueRange least_error_range(int levels) const;

    int exponent_ = least_exponent; ///< bins span -2^exponent to 2^exponent
    static constexpr int least_exponent = -60;
    std::array<std::int64_t, std::size_t{2} * half> bins_{};
    std::int64_t zeros_ = 0; ///< not in the bins: they are represented exactly by every range
    std::int64_t count_ = 0, not_finite_ = 0;
    float min_ = 0, max_ = 0;
};

} // namespace openset::stats
