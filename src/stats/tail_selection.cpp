#include "stats/tail_selection.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace openset::stats {
namespace {

constexpr std::int64_t fewest_values = 3;

/// Whether the two differ by rounding alone.
bool nearly_equal(double largest, double smallest) {
    const double magnitude = std::max(std::abs(largest), std::abs(smallest));
    return largest - smallest <= 8 * std::numeric_limits<double>::epsilon() * magnitude;
}

} // namespace

SelectedTail select_tail(std::span<const double> distances, std::int64_t tail_size) {
    SelectedTail tail;
    TailSummary& summary = tail.summary;
    if (tail_size < 1) {
        summary.status = TailStatus::bad_parameter;
        return tail;
    }
    const auto available = static_cast<std::int64_t>(distances.size());
    summary.n_used = std::min(tail_size, available);
    if (available == 0) return tail;
    if (!std::ranges::all_of(distances, [](double distance) { return std::isfinite(distance); })) {
        summary.status = TailStatus::non_finite;
        return tail;
    }
    summary.tail_clipped = tail_size > available;

    tail.values.assign(distances.begin(), distances.end());
    const auto end = tail.values.begin() + summary.n_used;
    std::ranges::partial_sort(tail.values, end, std::greater<>());
    tail.values.erase(end, tail.values.end());
    summary.largest_tail = tail.values.front();
    summary.smallest_tail = tail.values.back();
    if (summary.n_used < fewest_values) {
        summary.status = TailStatus::too_few;
    } else if (nearly_equal(summary.largest_tail, summary.smallest_tail)) {
        summary.status = TailStatus::constant;
    } else {
        summary.status = TailStatus::ok;
    }
    return tail;
}

double kolmogorov_smirnov(std::span<const double> sorted_w) {
    const auto n = static_cast<double>(sorted_w.size());
    double largest = 0;
    for (std::size_t i = 0; i < sorted_w.size(); ++i) {
        const auto before = static_cast<double>(i);
        largest = std::max({largest, (before + 1) / n - sorted_w[i], sorted_w[i] - before / n});
    }
    return largest;
}

} // namespace openset::stats
