#include "openset/stats/conformal.hpp"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "openset/stats/thresholds.hpp"

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

TEST(ConformalScores, GiveTheThresholdThatRejectsExactlyTheSmallPValues) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const ConformalScores scores({1, 2, 2, 3}); // p-values: 1/5 above 3, 2/5 above 2, 4/5 above 1, 1 below
    EXPECT_EQ(scores.threshold_below(0.2), infinity);
    EXPECT_EQ(scores.threshold_below(0.3), 3);
    EXPECT_EQ(scores.threshold_below(0.5), 2);
    EXPECT_EQ(scores.threshold_below(0.8), 2);
    EXPECT_EQ(scores.threshold_below(0.9), 1);
    EXPECT_EQ(scores.threshold_below(1), 1);
    EXPECT_EQ(scores.threshold_below(1.1), -infinity);
    for (const double p : {0.1, 0.2, 0.35, 0.5, 0.8, 1.0, 1.1})
        for (const double score : {0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5})
            EXPECT_EQ(scores.p_value(score) < p, score > scores.threshold_below(p)) << p << " " << score;
}

TEST(ConformalScores, SmoothPValuesFallBetweenTheScoresAndBeyondThem) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const ConformalScores scores({1, 2, 2, 4});
    EXPECT_EQ(scores.smooth_p_value(0), 1);
    EXPECT_DOUBLE_EQ(scores.smooth_p_value(1), 4.0 / 5);
    EXPECT_DOUBLE_EQ(scores.smooth_p_value(2), 2.0 / 5);
    EXPECT_DOUBLE_EQ(scores.smooth_p_value(3), 1.5 / 5);
    EXPECT_DOUBLE_EQ(scores.smooth_p_value(4), 1.0 / 5);
    EXPECT_DOUBLE_EQ(scores.smooth_p_value(6), 0.5 / 5); // as far above as the largest is above the middle one
    EXPECT_EQ(scores.smooth_p_value(infinity), 0);
    EXPECT_EQ(ConformalScores({}).smooth_p_value(7), 1);
}

TEST(ConformalScores, SmoothThresholdsRejectExactlyTheSmallSmoothPValues) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const ConformalScores some({1, 2, 2, 3, 1e-300, -5}), ends({-infinity, 0, infinity}), same({7, 7, 7}), none({}),
        nothing_finite({-infinity, -infinity});
    std::mt19937 random(2);
    std::uniform_real_distribution<double> uniform(-8, 9);
    for (const ConformalScores* scores : {&some, &ends, &same, &none, &nothing_finite}) {
        for (int i = 0; i < 300; ++i) {
            const double p = std::abs(uniform(random)) / 8, score = i % 10 == 0 ? infinity : uniform(random);
            const double threshold = scores->smooth_threshold_below(p);
            EXPECT_EQ(scores->smooth_p_value(score) < p, score > threshold) << p << " " << score;
            if (std::isfinite(threshold)) {
                EXPECT_FALSE(scores->smooth_p_value(threshold) < p);
                EXPECT_LT(scores->smooth_p_value(std::nextafter(threshold, infinity)), p);
            }
        }
    }
}

TEST(ConformalScores, HaveTheThresholdOfSplitConformal) {
    std::vector<double> calibration;
    for (int i = 0; i < 199; ++i) calibration.push_back((i * 37) % 199);
    const ConformalScores scores(calibration);
    for (const double alpha : {0.005, 0.01, 0.05, 0.1, 0.3, 0.5, 0.9})
        EXPECT_EQ(scores.threshold_below(std::nextafter(alpha, 2)), conformal_threshold(calibration, alpha)) << alpha;
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

TEST(ConformalScores, OrderTheLargestAlsoWhereHalfOfThemAreMinusInfinity) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const ConformalScores scores({-infinity, -infinity, -infinity, 1});
    EXPECT_EQ(scores.smooth_p_value(infinity), 0);
    EXPECT_DOUBLE_EQ(scores.smooth_p_value(1), 1.0 / 5);
    EXPECT_GT(scores.smooth_p_value(2), scores.smooth_p_value(1000));
    const ConformalScores all({-infinity, -infinity});
    EXPECT_EQ(all.smooth_p_value(infinity), 0);
    EXPECT_DOUBLE_EQ(all.smooth_p_value(5), 1.0 / 3 / (1 + 5)); // beyond nothing finite: by the score itself
    EXPECT_DOUBLE_EQ(all.smooth_p_value(-infinity), 1.0 / 3);
}

} // namespace
} // namespace openset::stats
