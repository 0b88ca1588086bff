#include "openset/stats/value_histogram.hpp"

#include <algorithm>
#include <cmath>

namespace openset::stats {
namespace {

/// Sums over the first i bins, so that a stretch of bins costs two subtractions.
struct Moments {
    std::vector<double> count, sum, squares;

    /// Squared distances of the bins [first, last) from a point.
    double error_around(double point, std::size_t first, std::size_t last) const {
        const double n = count[last] - count[first];
        return squares[last] - squares[first] - 2 * point * (sum[last] - sum[first]) + n * point * point;
    }
};

} // namespace

const std::vector<std::string>& range_rule_names() {
    static const std::vector<std::string> names{"minmax", "percentile", "histogram"}; // as in RangeRule
    return names;
}

double ValueHistogram::bin_width() const { return std::ldexp(1.0, exponent_) / half; }

double ValueHistogram::centre(std::size_t bin) const {
    const double middle = (static_cast<double>(bin) - half + 0.5) * bin_width();
    return std::clamp(middle, static_cast<double>(min_), static_cast<double>(max_));
}

void ValueHistogram::grow_to(int exponent) {
    while (exponent_ < exponent) {
        if (count_ == zeros_) { // nothing to move
            exponent_ = exponent;
            return;
        }
        // Twice the width: bin b of before is in bin b / 2, both counted from 0.
        std::array<std::int64_t, std::size_t{2} * half> wider{};
        for (std::size_t bin = 0; bin < bins_.size(); ++bin) wider.at(half / 2 + bin / 2) += bins_.at(bin);
        bins_ = wider;
        ++exponent_;
    }
}

void ValueHistogram::add(std::span<const float> values) {
    float low = min_, high = max_;
    bool finite = true;
    for (const float value : values) {
        finite = finite && std::isfinite(value);
        low = std::min(low, value);
        high = std::max(high, value);
    }
    if (!finite) {
        std::vector<float> kept;
        std::ranges::copy_if(values, std::back_inserter(kept), [](float value) { return std::isfinite(value); });
        not_finite_ += std::ssize(values) - std::ssize(kept);
        return add(kept);
    }
    min_ = low;
    max_ = high;
    int exponent = 0;
    if (const float largest = std::max(-low, high); largest > 0) {
        // The least power of two that is above it.
        std::frexp(largest, &exponent);
        grow_to(exponent);
    }
    const auto bins_per_unit = static_cast<float>(half * std::ldexp(1.0, -exponent_)); // a power of two: exact
    for (const float value : values) {
        if (value == 0) {
            ++zeros_;
            continue;
        }
        const int bin = static_cast<int>(std::floor(value * bins_per_unit)) + half;
        ++bins_[static_cast<std::size_t>(std::clamp(bin, 0, 2 * half - 1))];
    }
    count_ += std::ssize(values);
}

void ValueHistogram::merge(const ValueHistogram& other) {
    ValueHistogram more = other;
    const int exponent = std::max(exponent_, other.exponent_);
    grow_to(exponent);
    more.grow_to(exponent);
    for (std::size_t bin = 0; bin < bins_.size(); ++bin) bins_.at(bin) += more.bins_.at(bin);
    zeros_ += more.zeros_;
    count_ += more.count_;
    not_finite_ += more.not_finite_;
    min_ = std::min(min_, more.min_);
    max_ = std::max(max_, more.max_);
}

ValueRange ValueHistogram::range(RangeRule rule, double coverage, int levels) const {
    if (count_ == zeros_) return {};
    switch (rule) {
    case RangeRule::minmax: break;
    case RangeRule::percentile: return percentile_range(coverage);
    case RangeRule::histogram: return least_error_range(levels);
    }
    return {min_, max_};
}

ValueRange ValueHistogram::percentile_range(double coverage) const {
    const auto may_lie_outside = static_cast<std::int64_t>((1 - coverage) * static_cast<double>(count_));
    std::size_t first = 0, last = bins_.size();
    for (std::int64_t outside = bins_.front(); outside <= may_lie_outside && first < half;)
        outside += bins_.at(++first);
    for (std::int64_t outside = bins_.back(); outside <= may_lie_outside && last > half;)
        outside += bins_.at(--last - 1);
    const double low = (static_cast<double>(first) - half) * bin_width();
    const double high = (static_cast<double>(last) - half) * bin_width();
    return {std::max(min_, static_cast<float>(low)), std::min(max_, static_cast<float>(high))};
}

/// Of values inside the range the rounding error is uniform within a step, s^2 / 12 each; those outside come back as the
/// range's end. Zeros have no error. Either end is moved in turn to where the sum is least, until neither moves.
ValueRange ValueHistogram::least_error_range(int levels) const {
    Moments moments{{0}, {0}, {0}};
    for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
        const auto n = static_cast<double>(bins_.at(bin));
        const double value = centre(bin);
        moments.count.push_back(moments.count.back() + n);
        moments.sum.push_back(moments.sum.back() + n * value);
        moments.squares.push_back(moments.squares.back() + n * value * value);
    }
    const auto edge = [this](std::size_t bin) {
        return std::clamp((static_cast<double>(bin) - half) * bin_width(), static_cast<double>(min_),
                          static_cast<double>(max_));
    };
    const auto error = [&](std::size_t first, std::size_t last) {
        const double step = (edge(last) - edge(first)) / (levels - 1);
        return (moments.count[last] - moments.count[first]) * step * step / 12 +
               moments.error_around(edge(first), 0, first) + moments.error_around(edge(last), last, bins_.size());
    };
    std::size_t first = 0, last = bins_.size();
    const auto least = [](std::size_t from, std::size_t to, std::size_t now, const auto& error_at) {
        std::size_t best = now;
        double best_error = error_at(now);
        for (std::size_t bin = from; bin <= to; ++bin) {
            if (const double e = error_at(bin); e < best_error) {
                best = bin;
                best_error = e;
            }
        }
        return best;
    };
    for (;;) {
        const auto before = std::pair(first, last);
        last = least(half, bins_.size(), last, [&](std::size_t bin) { return error(first, bin); });
        first = least(0, half, first, [&](std::size_t bin) { return error(bin, last); });
        if (std::pair(first, last) == before) break;
    }
    return {static_cast<float>(edge(first)), static_cast<float>(edge(last))};
}

} // namespace openset::stats
