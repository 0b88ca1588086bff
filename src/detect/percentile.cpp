#include "detect/percentile.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "detect/training_walk.hpp"

namespace openset::detect {
namespace {

/// Where a percentile lies among so many sorted values: at `rank`, and a share of the way to the next.
struct Place {
    std::size_t rank = 0;
    double share = 0;
};

Place place_of(std::size_t count, double percent) {
    const double h = static_cast<double>(count - 1) * (percent / 100);
    const double rank = std::min(std::floor(h), static_cast<double>(count - 1));
    return {static_cast<std::size_t>(rank), h - rank};
}

double between(double low, double high, double share) { return share == 0 ? low : low + (high - low) * share; }

/// A whole number that rises with the value.
std::uint32_t key_of(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    constexpr std::uint32_t sign = 0x80000000;
    return (bits & sign) != 0 ? ~bits : bits | sign;
}

float value_of(std::uint32_t key) {
    constexpr std::uint32_t sign = 0x80000000;
    return std::bit_cast<float>((key & sign) != 0 ? key & ~sign : ~key);
}

constexpr int half_bits = 16;
using Counts = std::vector<std::size_t>; ///< [65536], by the upper or the lower half of the key

/// The bin that holds the value of this rank, and its rank in there.
std::pair<std::uint32_t, std::size_t> bin_of(const Counts& counts, std::size_t rank) {
    std::uint32_t bin = 0;
    while (rank >= counts[bin]) rank -= counts[bin++];
    return {bin, rank};
}

} // namespace

double percentile(std::vector<double>& values, double percent) {
    const Place place = place_of(values.size(), percent);
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(place.rank);
    std::ranges::nth_element(values, at);
    if (place.rank + 1 == values.size()) return *at;
    return between(*at, *std::min_element(at + 1, values.end()), place.share);
}

double feature_percentile(const TrainingRows& rows, double percent) {
    Counts upper(std::size_t{1} << half_bits);
    for_each_row(rows, [&](const TrainingRow& row) {
        for (const float value : row.features) ++upper[key_of(value) >> half_bits];
    });
    const auto count = static_cast<std::size_t>(rows.rows() * rows.features);
    const Place place = place_of(count, percent);
    const std::array<std::size_t, 2> ranks = {place.rank, std::min(place.rank + 1, count - 1)};
    std::array<std::pair<std::uint32_t, std::size_t>, 2> bins;
    std::array<Counts, 2> lower;
    for (std::size_t i = 0; i < 2; ++i) {
        bins[i] = bin_of(upper, ranks[i]);
        lower[i].resize(upper.size());
    }
    for_each_row(rows, [&](const TrainingRow& row) {
        for (const float value : row.features) {
            const std::uint32_t key = key_of(value);
            for (std::size_t i = 0; i < 2; ++i) {
                if (key >> half_bits == bins[i].first) ++lower[i][key & 0xFFFF];
            }
        }
    });
    std::array<double, 2> values{};
    for (std::size_t i = 0; i < 2; ++i) {
        const std::uint32_t key = bins[i].first << half_bits | bin_of(lower[i], bins[i].second).first;
        values[i] = static_cast<double>(value_of(key));
    }
    return between(values[0], values[1], place.share);
}

} // namespace openset::detect
