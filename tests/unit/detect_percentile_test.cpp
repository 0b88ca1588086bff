#include "detect/percentile.hpp"

#include <gtest/gtest.h>

#include <random>

#include "memory_rows.hpp"

namespace openset::detect {
namespace {

std::vector<double> random_values(std::size_t count, unsigned seed) {
    std::mt19937 engine(seed);
    std::normal_distribution<double> normal;
    std::vector<double> values(count);
    for (double& value : values) value = normal(engine);
    return values;
}

TEST(Percentile, LiesBetweenNeighbours) {
    std::vector<double> values = {40, 10, 30, 20};
    EXPECT_EQ(percentile(values, 0), 10);
    EXPECT_EQ(percentile(values, 50), 25);
    EXPECT_NEAR(percentile(values, 90), 37, 1e-13);
    EXPECT_EQ(percentile(values, 100), 40);
}

TEST(Percentile, OfAllFeaturesNeedsNoSorting) {
    MemoryRows rows;
    rows.labels.assign(37, 0);
    std::vector<double> all;
    for (const double value : random_values(37 * 5, 6)) {
        rows.features.push_back(static_cast<float>(value));
        all.push_back(rows.features.back());
    }
    rows.logits.assign(37 * 2, 0);
    for (const double percent : {0.0, 0.4, 33.3, 50.0, 90.0, 99.9, 100.0}) {
        std::vector<double> copy = all;
        EXPECT_EQ(feature_percentile(rows.training(), percent), percentile(copy, percent)) << percent;
    }
}

} // namespace
} // namespace openset::detect
