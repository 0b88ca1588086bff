#include "openset/stats/bootstrap.hpp"

#include <algorithm>
#include <cmath>

namespace openset::stats {
namespace {

/// Linear interpolation between order statistics, h = (n - 1) q.
double quantile(const std::vector<double>& sorted, double q) {
    const double place = static_cast<double>(sorted.size() - 1) * q;
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - std::floor(place)) * (sorted[above] - sorted[below]);
}

} // namespace

void Resampler::draw(std::span<std::uint32_t> weights) {
    std::ranges::fill(weights, 0U);
    const auto rows = static_cast<std::uint32_t>(weights.size());
    for (std::uint32_t i = 0; i < rows; ++i) ++weights[random_.below(rows)];
}

std::optional<Interval> percentile_interval(std::vector<double> values, double confidence) {
    if (values.empty()) return std::nullopt;
    std::ranges::sort(values);
    return Interval{quantile(values, (1 - confidence) / 2), quantile(values, (1 + confidence) / 2)};
}

} // namespace openset::stats
