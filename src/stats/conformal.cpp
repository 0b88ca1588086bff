#include "openset/stats/conformal.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace openset::stats {
namespace {

/// at_least  calibration scores that are as large or larger
double p_of(std::ptrdiff_t at_least, std::size_t rows) {
    return static_cast<double>(1 + at_least) / static_cast<double>(rows + 1);
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

} // namespace openset::stats
