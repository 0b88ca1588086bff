#include "openset/stats/conformal.hpp"

#include <gtest/gtest.h>
#include <limits>
#include <random>

namespace openset::stats {
namespace {

TEST(ConformalScores, CountTheCalibrationRowsThatAreAsUnknownOrMore) {
    const ConformalScores scores({4, 1, 3, 2});
    EXPECT_DOUBLE_EQ(scores.p_value(2.5), 3.0 / 5);
    EXPECT_DOUBLE_EQ(scores.p_value(0), 1);
    EXPECT_DOUBLE_EQ(scores.p_value(5), 1.0 / 5);
}

TEST(ConformalScores, ATieCountsAgainstRejecting) {
    const ConformalScores scores({1, 2, 2, 3});
    EXPECT_DOUBLE_EQ(scores.p_value(2), 4.0 / 5);
}

TEST(ConformalScores, WithoutCalibrationNothingIsUnusual) { EXPECT_EQ(ConformalScores({}).p_value(7), 1); }

TEST(ConformalScores, InfinityIsAScoreLikeOthers) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const ConformalScores scores({infinity, 0, -infinity});
    EXPECT_DOUBLE_EQ(scores.p_value(infinity), 2.0 / 4);
    EXPECT_DOUBLE_EQ(scores.p_value(-infinity), 1);
}

TEST(ConformalScores, RejectNoMoreThanAlphaOfKnownRowsOnAverage) {
    std::mt19937 random(1);
    std::normal_distribution<double> normal;
    constexpr int sets = 4000;
    for (const double alpha : {0.05, 0.1, 0.5}) {
        int rejected = 0;
        for (int set = 0; set < sets; ++set) {
            std::vector<double> calibration(30);
            for (double& value : calibration) value = normal(random);
            rejected += ConformalScores(calibration).p_value(normal(random)) <= alpha ? 1 : 0;
        }
        const double deviation = std::sqrt(alpha * (1 - alpha) / sets), rate = static_cast<double>(rejected) / sets;
        EXPECT_LE(rate, alpha + 3 * deviation) << alpha;
        EXPECT_GE(rate, alpha - 1.0 / 31 - 3 * deviation) << alpha; // nor much less: p-values come in steps of 1/31
    }
}

} // namespace
} // namespace openset::stats
