#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "openset/stats/bootstrap.hpp"
#include "openset/stats/metrics.hpp"

namespace openset::eval {

/// What a rate is a share of; its interval follows from that.
enum class Whole { none, known, unknown, all };

struct MetricInfo {
    const char* name;
    const char* meaning; ///< for people; of a rate, which class is positive
    Whole whole;
    bool at_threshold = false; ///< what it is depends on the threshold
};

/// Every metric, in the order of the output.
std::span<const MetricInfo> metrics();

struct Measured {
    std::vector<std::optional<double>> values;             ///< [metrics]; none: what it needs is not there
    std::vector<std::optional<stats::Interval>> intervals; ///< [metrics] 95 %
};

struct Bootstrap {
    std::int64_t resamples = 0; ///< 0: exact intervals for rates (Clopper-Pearson), none for the rest
    std::uint64_t seed = 0;
};

/// Measures everything.
/// rejected  what the threshold rejects; none: no threshold, so that nothing is told that needs one
/// openness  as it was counted
/// Known and unknown rows are resampled apart, so that their numbers stay; the threshold stays too.
Measured measure(const stats::RankedRows& rows, const std::optional<stats::Rejected>& rejected,
                 std::optional<double> openness, const Bootstrap& bootstrap);

} // namespace openset::eval
