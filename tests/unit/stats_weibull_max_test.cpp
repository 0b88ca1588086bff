#include "openset/stats/weibull_max.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace openset::stats {
namespace {

std::vector<double> uniform_values(std::size_t count) {
    std::mt19937 engine(1);
    std::vector<double> values(count);
    for (double& value : values) value = std::uniform_real_distribution<double>(0, 1)(engine);
    return values;
}

std::vector<double> gamma_values(std::size_t count, double scale) {
    std::mt19937 engine(2);
    std::vector<double> values(count);
    for (double& value : values) value = scale * std::gamma_distribution<double>(2, 3)(engine);
    return values;
}

TEST(WeibullMax, OfBoundedValuesHasItsEndJustAboveThem) {
    const WeibullMaxFit fit = fit_weibull_max(uniform_values(200), 200);
    ASSERT_TRUE(fit.ok());
    EXPECT_FALSE(fit.gumbel_limit);
    EXPECT_GE(fit.shape, 1);
    EXPECT_GE(fit.loc, fit.largest_tail);
    EXPECT_NEAR(fit.loc, 1, 0.25);
    EXPECT_EQ(fit.w(fit.loc), 1);
    EXPECT_EQ(fit.w_score(fit.loc + 1).rest, 0);
}

TEST(WeibullMax, OfValuesWithALongTailIsTheGumbelLaw) {
    const WeibullMaxFit fit = fit_weibull_max(gamma_values(200, 1), 200);
    ASSERT_TRUE(fit.ok());
    EXPECT_TRUE(fit.gumbel_limit);
    EXPECT_NEAR(fit.w(fit.mode), std::exp(-1), 1e-15);
    EXPECT_LT(fit.w(fit.largest_tail), 1);
    EXPECT_GT(fit.w(fit.largest_tail), 0.9);
}

TEST(WeibullMax, NoUnitChangesTheBestRegularFit) {
    const std::vector<double> distances = gamma_values(100, 1);
    const WeibullMaxFit fit = fit_weibull_max(distances, 100);
    for (const double unit : {1e-250, 1e3, 1e250}) {
        const std::vector<double> converted = gamma_values(100, unit);
        const WeibullMaxFit other = fit_weibull_max(converted, 100);
        for (std::size_t i = 0; i < distances.size(); ++i) {
            EXPECT_NEAR(other.w(converted[i]), fit.w(distances[i]), 1e-9);
        }
    }
}

TEST(WeibullMax, WhereScipysOptimiserOverflowsThereIsNoFit) {
    const std::vector<double> distances = {-2e279, -1e279, 0, 1e279, 2e279, 5e278, 7e278, -3e278};
    EXPECT_EQ(fit_weibull_max_like_scipy(distances, 8).status, TailStatus::non_finite);
    EXPECT_EQ(fit_weibull_max(distances, 8).status, TailStatus::ok);
}

TEST(WeibullMax, ValuesThatPileUpAtTheEndGetTheEdgeOfTheRegularFits) {
    // A reversed exponential law: shape 1 with loc on the largest value itself.
    std::vector<double> values;
    for (int i = 0; i < 100; ++i) values.push_back(std::log((i + 0.5) / 100));
    const WeibullMaxFit fit = fit_weibull_max(values, 100);
    ASSERT_TRUE(fit.ok());
    EXPECT_NEAR(fit.shape, 1, 0.05);
    EXPECT_NEAR(fit.loc, fit.largest_tail, 0.02);
}

TEST(WeibullMax, ScipysEndPointIsNeverBetterThanTheBestRegularFit) {
    for (const double scale : {0.01, 1.0, 1000.0}) {
        const std::vector<double> distances = gamma_values(100, scale);
        EXPECT_GE(fit_weibull_max(distances, 100).loglik, fit_weibull_max_like_scipy(distances, 100).loglik - 1e-6);
    }
}

TEST(WeibullMax, ScipysFitDependsOnTheUnit) {
    const std::vector<double> distances = gamma_values(100, 1), converted = gamma_values(100, 1000);
    const WeibullMaxFit small = fit_weibull_max_like_scipy(distances, 100);
    const WeibullMaxFit large = fit_weibull_max_like_scipy(converted, 100);
    EXPECT_LT(large.shape, 1) << "it ends in the corner where the density has no bound";
    double difference = 0;
    for (std::size_t i = 0; i < distances.size(); ++i) {
        difference = std::max(difference, std::abs(small.w(distances[i]) - large.w(converted[i])));
    }
    EXPECT_GT(difference, 0.05);
}

TEST(WeibullMax, HasTheSameReasonsAgainstAFitAsTheOtherFamily) {
    EXPECT_EQ(fit_weibull_max(std::vector<double>{}, 3).status, TailStatus::empty);
    EXPECT_EQ(fit_weibull_max(std::vector<double>{1, 2}, 3).status, TailStatus::too_few);
    EXPECT_EQ(fit_weibull_max(std::vector<double>{1, 1, 1}, 3).status, TailStatus::constant);
    EXPECT_EQ(fit_weibull_max_like_scipy(std::vector<double>{1, 1, 1}, 3).status, TailStatus::constant);
    EXPECT_EQ(fit_weibull_max_like_scipy(std::vector<double>{1, 2, 3}, 0).status, TailStatus::bad_parameter);
}

} // namespace
} // namespace openset::stats
