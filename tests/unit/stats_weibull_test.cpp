#include "openset/stats/weibull.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace openset::stats {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> gamma_values(std::size_t count, unsigned seed) {
    std::mt19937 engine(seed);
    std::gamma_distribution<double> gamma(2, 3);
    std::vector<double> values(count);
    for (double& value : values) value = gamma(engine);
    return values;
}

TailStatus status_of(const std::vector<double>& distances, std::int64_t tail_size, double translate = 1) {
    return fit_weibull_tail(distances, {tail_size, translate}).status;
}

// Of 1, 2, 3 with libMR's translate; checked by hand and with 60 digits.
TEST(WeibullTail, FitsThreeValuesToTheLastDigits) {
    const std::vector<double> distances = {1, 2, 3};
    const TailFit fit = fit_weibull_tail(distances, {3, 1});
    ASSERT_EQ(fit.status, TailStatus::ok);
    EXPECT_NEAR(fit.shape, 2.7385731735959604, 1e-14);
    EXPECT_NEAR(fit.scale(), 2.2585862462440263, 1e-14);
    EXPECT_NEAR(fit.w(1), 0.10183101811486757, 1e-15);
    EXPECT_NEAR(fit.w(2), 0.5116771940550818, 1e-15);
    EXPECT_NEAR(fit.w(3), 0.886485459849454, 1e-15);
}

// The example of libMR's tutorial. libMR stops where its shape is right to 1e-6: 11.595156 and 1.1737118.
TEST(WeibullTail, AgreesWithLibMrOnItsTutorialAndIsMoreExact) {
    const std::vector<double> scores = {0.245, 0.2632, 0.3233, 0.3573, 0.4014, 0.4055, 0.4212, 0.5677};
    const TailFit fit = fit_weibull_tail(scores, {8, 1});
    EXPECT_NEAR(fit.shape, 11.5951307, 5e-8);
    EXPECT_NEAR(fit.scale(), 1.1737117, 5e-8);
    EXPECT_NEAR(fit.shape, 11.595156, 1e-4);
}

TEST(WeibullTail, TakesTheLargestDistancesInAnyOrder) {
    const TailFit sorted = fit_weibull_tail(std::vector<double>{1, 2, 3, 4, 5, 7}, {3, {}});
    const TailFit mixed = fit_weibull_tail(std::vector<double>{4, 1, 7, 2, 5, 3}, {3, {}});
    EXPECT_EQ(sorted.smallest_tail, 4);
    EXPECT_EQ(sorted.largest_tail, 7);
    EXPECT_EQ(sorted.n_used, 3);
    EXPECT_EQ(sorted.shape, mixed.shape);
    EXPECT_EQ(sorted.log_scale_rel, mixed.log_scale_rel);
}

TEST(WeibullTail, NamesTheFirstReasonAgainstAFit) {
    EXPECT_EQ(status_of({nan}, 0), TailStatus::bad_parameter);
    EXPECT_EQ(status_of({1, 2, 3}, 3, 0), TailStatus::bad_parameter);
    EXPECT_EQ(status_of({1, 2, 3}, 3, infinity), TailStatus::bad_parameter);
    EXPECT_EQ(status_of({1, 2, 3}, 3, nan), TailStatus::bad_parameter);
    EXPECT_EQ(status_of({}, 20), TailStatus::empty);
    EXPECT_EQ(status_of({nan}, 20), TailStatus::non_finite);
    EXPECT_EQ(status_of({-infinity, 1, 2, 3}, 3), TailStatus::non_finite) << "outside of the tail too";
    EXPECT_EQ(status_of({1, 2}, 20), TailStatus::too_few);
    EXPECT_EQ(status_of({1, 2, 3, 4}, 2), TailStatus::too_few);
    EXPECT_EQ(status_of({1, 3, 3, 3}, 3), TailStatus::constant);
    EXPECT_EQ(status_of({1, 1 + 4e-16, 1}, 3), TailStatus::constant) << "apart by rounding alone";
    EXPECT_EQ(status_of({1, 2, 3}, 3), TailStatus::ok);
}

TEST(WeibullTail, SaysThatItHadFewerThanItWasToldToTake) {
    EXPECT_TRUE(fit_weibull_tail(std::vector<double>{1, 2, 3}, {20, {}}).tail_clipped);
    EXPECT_FALSE(fit_weibull_tail(std::vector<double>{1, 2, 3}, {3, {}}).tail_clipped);
}

TEST(WeibullTail, AConstantTailHasNoSpanToTranslateBy) {
    const TailFit fit = fit_weibull_tail(std::vector<double>{2, 2, 2, 2}, {4, {}});
    EXPECT_EQ(fit.status, TailStatus::constant);
    EXPECT_EQ(fit.largest_tail, 2);
}

TEST(WeibullTail, NoUnitChangesAFitThatIsTranslatedByItsSpan) {
    for (unsigned seed = 0; seed < 50; ++seed) {
        const std::vector<double> distances = gamma_values(60, seed);
        const TailFit fit = fit_weibull_tail(distances, {20, {}});
        for (const double unit : {1e-12, 0.37, 25.4, 1e9}) {
            std::vector<double> converted;
            for (const double distance : distances) converted.push_back(distance * unit);
            const TailFit other = fit_weibull_tail(converted, {20, {}});
            EXPECT_NEAR(other.shape, fit.shape, 1e-12 * fit.shape);
            EXPECT_NEAR(other.translate, fit.translate * unit, 1e-12 * fit.translate * unit);
            for (std::size_t i = 0; i < distances.size(); ++i) {
                EXPECT_NEAR(other.w(converted[i]), fit.w(distances[i]), 1e-12);
            }
        }
    }
}

TEST(WeibullTail, WIsAProbabilityThatRisesWithTheDistance) {
    for (const double translate : {1e-3, 1.0, 1e4}) {
        const std::vector<double> distances = gamma_values(40, 7);
        const TailFit fit = fit_weibull_tail(distances, {20, translate});
        double before = 0;
        for (double distance = -100; distance < 200; distance += 0.5) {
            const WScore score = fit.w_score(distance);
            EXPECT_GE(score.w, before);
            EXPECT_LE(score.w, 1);
            EXPECT_NEAR(score.w + score.rest, 1, 1e-15);
            before = score.w;
        }
    }
}

TEST(WeibullTail, WIsZeroBelowTheTranslatedOriginAndOneAtInfinity) {
    const TailFit fit = fit_weibull_tail(std::vector<double>{1, 2, 3}, {3, 1});
    EXPECT_EQ(fit.w(0), 0) << "smallest - translate";
    EXPECT_EQ(fit.w(-5), 0);
    EXPECT_GT(fit.w(0.001), 0);
    EXPECT_EQ(fit.w(1e308), 1);
    EXPECT_GT(fit.w_score(20).rest, 0) << "what is missing to 1 keeps its digits";
}

TEST(WeibullTail, KeepsTheDigitsOfTailsThatAreTightAgainstTranslate) {
    std::vector<double> distances;
    for (const double value : {0.1, 0.4, 0.5, 0.9, 1.0}) distances.push_back(value * 1e-9);
    const TailFit fit = fit_weibull_tail(distances, {5, 1});
    EXPECT_TRUE(fit.tight);
    EXPECT_GT(fit.shape, 1e8);
    EXPECT_LT(fit.w(distances.front()), 0.2);
    EXPECT_GT(fit.w(distances.back()), 0.8);
}

TEST(WeibullTail, SpansThatADoubleCannotHoldAreNoFit) {
    EXPECT_EQ(status_of({-1.5e308, 0, 1.5e308}, 3), TailStatus::non_finite);
    EXPECT_EQ(status_of({1e-200, 2e-200, 3e-200}, 3, 1e200), TailStatus::constant) << "lost beside translate";
}

TEST(WeibullTail, TwentyValuesKnowTheShapeToAboutAThird) {
    const TailFit fit = fit_weibull_tail(gamma_values(20, 3), {20, {}});
    const auto [low, high] = fit.shape_interval();
    EXPECT_NEAR(low / fit.shape, 0.7, 0.1);
    EXPECT_NEAR(high / fit.shape, 1.4, 0.15);
    EXPECT_NEAR(std::sqrt(low * high), fit.shape, 1e-9);
    EXPECT_LT(fit.scale_interval()[0], fit.scale());
    EXPECT_GT(fit.scale_interval()[1], fit.scale());
}

TEST(WeibullTail, TheKolmogorovSmirnovDistanceIsTheLargestGapToTheFit) {
    const TailFit fit = fit_weibull_tail(std::vector<double>{1, 2, 3}, {3, 1});
    // w = 0.1018, 0.5117, 0.8865 against the steps at 1/3, 2/3, 1
    EXPECT_NEAR(fit.ks, 1.0 / 3 - fit.w(1), 1e-15);
}

} // namespace
} // namespace openset::stats
