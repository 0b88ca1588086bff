#include "openset/stats/conformal.hpp"

#include <algorithm>
#include <utility>

namespace openset::stats {

ConformalScores::ConformalScores(std::vector<double> calibration) : sorted_(std::move(calibration)) {
    std::ranges::sort(sorted_);
}

double ConformalScores::p_value(double score) const {
    const auto at_least = sorted_.end() - std::ranges::lower_bound(sorted_, score);
    return static_cast<double>(1 + at_least) / static_cast<double>(sorted_.size() + 1);
}

} // namespace openset::stats
