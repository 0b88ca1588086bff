#include "openset/stats/rate_watch.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include "openset/base/random.hpp"

namespace openset::stats {
namespace {

using Alarm = RateWatch::Alarm;
using Side = RateWatch::Side;

/// The first alarm of a stream whose rate is `before` for `change` observations and `after` from then on.
std::optional<Alarm> first_alarm(RateRange expected, double false_alarm, double before, double after, int change,
                                 int length, std::uint32_t stream) {
    Random random(7, stream);
    RateWatch watch(expected, false_alarm);
    for (int i = 0; i < length; ++i)
        if (const auto alarm = watch.add(random.chance(i < change ? before : after))) return alarm;
    return std::nullopt;
}

TEST(RateWatch, RaisesNoMoreFalseAlarmsThanStatedHoweverLongItIsLookedAt) {
    constexpr int streams = 1000;
    constexpr double stated = 0.1;
    int alarms = 0;
    for (std::uint32_t stream = 0; stream < streams; ++stream)
        alarms += first_alarm({0.05, 0.05}, stated, 0.05, 0.05, 0, 2000, stream) ? 1 : 0;
    EXPECT_LE(alarms, static_cast<int>(stated * streams)); // the bound itself: the test is conservative
    EXPECT_GT(alarms, 0);                                  // but not asleep
}

TEST(RateWatch, SeesADoubledRate) {
    std::vector<std::int64_t> delays;
    for (std::uint32_t stream = 0; stream < 101; ++stream) {
        const auto alarm = first_alarm({0.05, 0.05}, 0.01, 0.1, 0.1, 0, 5000, stream);
        ASSERT_TRUE(alarm) << stream;
        EXPECT_EQ(alarm->side, Side::above);
        delays.push_back(alarm->at);
    }
    std::ranges::nth_element(delays, delays.begin() + 50);
    EXPECT_LT(delays[50], 600);
}

TEST(RateWatch, SeesAChangeAfterALongQuietTimeAndSaysSinceWhen) {
    const auto alarm = first_alarm({0.05, 0.05}, 0.01, 0.05, 0.25, 20'000, 25'000, 1);
    ASSERT_TRUE(alarm);
    EXPECT_GT(alarm->at, 20'000);
    EXPECT_LT(alarm->at, 22'500);
    EXPECT_NEAR(static_cast<double>(alarm->since), 20'000, 2200); // starts lie a tenth of the way apart
    EXPECT_GT(static_cast<double>(alarm->events), 0.07 * static_cast<double>(alarm->at - alarm->since));
}

TEST(RateWatch, SeesARateThatFallsShort) {
    const auto alarm = first_alarm({0.1, 0.3}, 0.01, 0.01, 0.01, 0, 5000, 1);
    ASSERT_TRUE(alarm);
    EXPECT_EQ(alarm->side, Side::below);
    EXPECT_LT(alarm->at, 400);
}

TEST(RateWatch, IsSilentWithinTheRange) {
    for (std::uint32_t stream = 0; stream < 20; ++stream)
        EXPECT_FALSE(first_alarm({0.1, 0.3}, 0.01, 0.2, 0.2, 0, 5000, stream)) << stream;
}

TEST(RateWatch, RaisesOneAlarmASide) {
    RateWatch watch({0.05, 0.05}, 0.01);
    int alarms = 0;
    for (int i = 0; i < 1000; ++i) alarms += watch.add(true) ? 1 : 0;
    EXPECT_EQ(alarms, 1);
}

TEST(RateWatch, ABoundOfZeroOrOneHasNothingBeyondIt) {
    RateWatch anything({0, 1}, 0.01);
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(anything.add(i < 500));
    RateWatch never({0, 0}, 0.01);
    EXPECT_FALSE(never.add(false));
    never.add(true);
    EXPECT_TRUE(never.add(true)); // what never should happen, twice
}

} // namespace
} // namespace openset::stats
