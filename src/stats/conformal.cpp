#include "openset/stats/conformal.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>

namespace openset::stats {
namespace {

/// at_least  calibration scores that are as large or larger
double p_of(std::ptrdiff_t at_least, std::size_t rows) {
    return static_cast<double>(1 + at_least) / static_cast<double>(rows + 1);
}

/// Doubles as whole numbers in the same order.
std::int64_t ordered(double value) {
    const auto bits = std::bit_cast<std::int64_t>(value);
    return bits >= 0 ? bits : std::numeric_limits<std::int64_t>::min() - bits;
}

double double_of(std::int64_t ordered) {
    return std::bit_cast<double>(ordered >= 0 ? ordered : std::numeric_limits<std::int64_t>::min() - ordered);
}

} // namespace

ConformalScores::ConformalScores(std::vector<double> calibration) : sorted_(std::move(calibration)) {
    std::ranges::sort(sorted_);
}

double ConformalScores::p_value(double score) const {
    return p_of(sorted_.end() - std::ranges::lower_bound(sorted_, score), size());
}

double ConformalScores::threshold_below(double p) const {
    // p-values rise with the number of scores above: the largest number whose p-value, as it is computed, is below p.
    std::ptrdiff_t fewer = 0, more = std::ssize(sorted_) + 1; // `fewer` numbers, from 0, are below
    while (fewer < more) {
        const std::ptrdiff_t middle = fewer + (more - fewer) / 2;
        if (p_of(middle, size()) < p)
            fewer = middle + 1;
        else
            more = middle;
    }
    if (fewer == 0) return std::numeric_limits<double>::infinity();
    if (fewer > std::ssize(sorted_)) return -std::numeric_limits<double>::infinity();
    return sorted_[size() - static_cast<std::size_t>(fewer)];
}

double ConformalScores::smooth_p_value(double score) const {
    const auto above = std::ranges::upper_bound(sorted_, score);
    if (above == sorted_.begin()) return 1;
    const double all = static_cast<double>(size() + 1), below = *(above - 1);
    if (above == sorted_.end()) {
        if (score > below && !std::isfinite(score)) return 0;
        const auto finite = std::ranges::upper_bound(sorted_, -std::numeric_limits<double>::infinity());
        if (finite == sorted_.end()) return 1 / all / (1 + (score > below ? std::max(score, 0.0) : 0)); // none is
        const double spread = below - *(finite + (sorted_.end() - finite) / 2); // from the middle of the finite ones
        const double distance = score > below ? (score - below) / (spread > 0 ? spread : 1) : 0;
        return 1 / all / (1 + distance);
    }
    const double gap = *above - below, part = std::isfinite(gap) ? (score - below) / gap : 0;
    return (1 + static_cast<double>(sorted_.end() - above) - part) / all;
}

double ConformalScores::smooth_threshold_below(double p) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (!(smooth_p_value(infinity) < p)) return infinity;
    if (smooth_p_value(-infinity) < p) return -infinity;
    std::int64_t passes = ordered(-infinity), rejected = ordered(infinity);
    while (passes + 1 < rejected) { // their difference would overflow
        const std::int64_t middle = std::midpoint(passes, rejected);
        (smooth_p_value(double_of(middle)) < p ? rejected : passes) = middle;
    }
    return double_of(passes);
}

} // namespace openset::stats
