#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "openset/base/random.hpp"
#include "openset/stats/metrics.hpp"

namespace openset::stats {

/// Draws rows with replacement. What is drawn follows from the seed and the resample's number alone, on every machine and
/// whatever was drawn before.
class Resampler {
public:
    Resampler(std::uint64_t seed, std::uint32_t number) : random_(seed, number) {}

    /// Sets how often each of the rows was drawn, in as many draws as there are rows (below 2^32).
    void draw(std::span<std::uint32_t> weights);

private:
    Random random_;
};

/// The middle `confidence` of the values, by linear interpolation (percentile bootstrap); none without values.
std::optional<Interval> percentile_interval(std::vector<double> values, double confidence = 0.95);

} // namespace openset::stats
