#include "openset/stats/value_histogram.hpp"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "openset/base/random.hpp"

namespace openset::stats {
namespace {

std::vector<float> normal_values(std::size_t count, std::uint64_t seed) {
    Random random(seed);
    std::vector<float> values;
    while (values.size() < count) values.push_back(static_cast<float>(random.normal()));
    return values;
}

ValueHistogram of(const std::vector<float>& values) {
    ValueHistogram histogram;
    histogram.add(values);
    return histogram;
}

/// Mean squared error of what comes back of eight bits.
double error_of(const std::vector<float>& values, ValueRange range) {
    const double step = (static_cast<double>(range.high) - static_cast<double>(range.low)) / 255;
    double sum = 0;
    for (const float value : values) {
        const double level = std::clamp(std::round((static_cast<double>(value) - range.low) / step), 0.0, 255.0);
        sum += std::pow(range.low + level * step - static_cast<double>(value), 2);
    }
    return sum / static_cast<double>(values.size());
}

TEST(ValueHistograms, MinmaxIsAllThatWasSeenAndZero) {
    const auto range = of({0.5F, 3, 7.25F}).range(RangeRule::minmax, 1);
    EXPECT_EQ(range.low, 0);
    EXPECT_EQ(range.high, 7.25F);
    EXPECT_EQ(of({-2}).range(RangeRule::minmax, 1).low, -2);
}

TEST(ValueHistograms, HaveNoRangeWhereThereAreOnlyZeros) {
    for (const auto rule : {RangeRule::minmax, RangeRule::percentile, RangeRule::histogram}) {
        const auto range = of({0, 0, 0}).range(rule, 0.99);
        EXPECT_EQ(range.low, 0);
        EXPECT_EQ(range.high, 0);
    }
}

TEST(ValueHistograms, AreTheSameWhateverTheOrderAndTheParts) {
    std::vector<float> values = normal_values(1000, 1);
    values.push_back(40); // three more powers of two
    values.push_back(-0.001F);
    const ValueHistogram whole = of(values);
    ValueHistogram merged;
    for (std::size_t i = values.size(); i-- > 0;) merged.merge(of({values[i]}));
    EXPECT_EQ(merged.count(), whole.count());
    for (const auto rule : {RangeRule::minmax, RangeRule::percentile, RangeRule::histogram}) {
        EXPECT_EQ(merged.range(rule, 0.99).low, whole.range(rule, 0.99).low);
        EXPECT_EQ(merged.range(rule, 0.99).high, whole.range(rule, 0.99).high);
    }
}

TEST(ValueHistograms, PercentileLeavesTheShareOutsideAtEitherEnd) {
    std::vector<float> values;
    for (int i = -500; i <= 500; ++i) values.push_back(static_cast<float>(i) / 500);
    const auto range = of(values).range(RangeRule::percentile, 0.9);
    EXPECT_NEAR(range.low, -0.8, 0.005);
    EXPECT_NEAR(range.high, 0.8, 0.005);
}

TEST(ValueHistograms, LeastErrorIsNoWorseThanAnyOtherRule) {
    std::vector<float> values = normal_values(20000, 2);
    for (float& value : values) value = value * value * value * value * value; // few are large
    const ValueHistogram histogram = of(values);
    const double least = error_of(values, histogram.range(RangeRule::histogram, 1));
    EXPECT_LE(least, 1.02 * error_of(values, histogram.range(RangeRule::minmax, 1)));
    for (const double coverage : {0.9999, 0.999, 0.99})
        EXPECT_LE(least, 1.02 * error_of(values, histogram.range(RangeRule::percentile, coverage)));
}

TEST(ValueHistograms, LeastErrorOfWhatARectifierGivesBeginsAtZero) {
    std::vector<float> values = normal_values(20000, 3);
    for (float& value : values) value = std::max(value, 0.0F);
    const auto range = of(values).range(RangeRule::histogram, 1);
    EXPECT_EQ(range.low, 0);
    EXPECT_GT(range.high, 2.5);
}

TEST(ValueHistograms, CountWhatIsNotFiniteApart) {
    const auto histogram = of({1, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()});
    EXPECT_EQ(histogram.count(), 1);
    EXPECT_EQ(histogram.not_finite(), 2);
    EXPECT_EQ(histogram.range(RangeRule::minmax, 1).high, 1);
}

} // namespace
} // namespace openset::stats
