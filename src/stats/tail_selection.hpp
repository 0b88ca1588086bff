#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "openset/stats/weibull.hpp"

namespace openset::stats {

struct SelectedTail {
    TailSummary summary;        ///< status ok: nothing speaks against a fit
    std::vector<double> values; ///< descending; only for ok
};

/// Takes the tail_size largest distances and looks whether a law can be fitted to them, in TailStatus' order.
SelectedTail select_tail(std::span<const double> distances, std::int64_t tail_size);

/// sorted_w  [n], ascending: W-scores of the tail under its own fit
double kolmogorov_smirnov(std::span<const double> sorted_w);

} // namespace openset::stats
