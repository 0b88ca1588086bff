#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "openset/stats/metrics.hpp"

namespace openset::stats {

/// Draws rows with replacement. What is drawn follows from the seed and the resample's number alone, on every machine and
/// whatever was drawn before: std::mt19937_64 from std::seed_seq{seed's lower and upper 32 bits, number}, whose numbers the
/// standard fixes, and from each the upper 32 bits times n, shifted right by 32, where those of a short interval are drawn
/// again (Lemire 2019); what std::uniform_int_distribution makes of them is up to the library.
class Resampler {
public:
    Resampler(std::uint64_t seed, std::uint32_t number);

    /// Sets how often each of the rows was drawn, in as many draws as there are rows (below 2^32).
    void draw(std::span<std::uint32_t> weights);

private:
    std::uint32_t below(std::uint32_t bound);

    std::mt19937_64 generator_;
};

/// The middle `confidence` of the values, by linear interpolation (percentile bootstrap); none without values.
std::optional<Interval> percentile_interval(std::vector<double> values, double confidence = 0.95);

} // namespace openset::stats
