#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "error_of.hpp"
#include "openset/stats/thresholds.hpp"

namespace openset::stats {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The worked example of methods.md section 4.
const std::vector<double> known = {1, 2, 3, 4, 5}, unknown = {3, 5, 6, 7, 8};
const std::vector<std::int32_t> labels = {0, 0, 1, 1, 1}, predicted = {0, 1, 1, 1, 0},
                                unknown_predicted = {0, 1, 0, 1, 0};

ThresholdSweep worked() {
    return sweep_thresholds(RankedRows({2, known, labels, predicted, {}, unknown, unknown_predicted}));
}

ThresholdSweep unnamed(const std::vector<double>& of_known, const std::vector<double>& of_unknown) {
    return sweep_thresholds(RankedRows({0, of_known, {}, {}, {}, of_unknown, {}}));
}

double picked(const ThresholdSweep& sweep, const std::string& rule) {
    return pick(sweep, parse_pick_rule(rule)).threshold;
}

std::vector<double> thresholds_of(const std::vector<ThresholdPoint>& points) {
    std::vector<double> thresholds;
    for (const ThresholdPoint& point : points) thresholds.push_back(point.threshold);
    return thresholds;
}

TEST(Sweep, HasAPointForEachScoreAndOneThatRejectsAll) {
    const ThresholdSweep sweep = worked();
    EXPECT_THAT(thresholds_of(sweep.points), testing::ElementsAre(-infinity, 1, 2, 3, 4, 5, 6, 7, 8));
    EXPECT_EQ(sweep.points.front().known_accepted, 0);
    EXPECT_EQ(sweep.points.front().unknown_rejected, 5);
    EXPECT_EQ(sweep.points.back().known_accepted, 5);
    EXPECT_EQ(sweep.points.back().unknown_rejected, 0);
}

TEST(Sweep, SaysOfAPointWhatTheOpenSetTableSaysThere) {
    const ThresholdSweep sweep = worked();
    const ThresholdPoint point = sweep.at(5);
    EXPECT_EQ(*sweep.known_acceptance(point), 1);
    EXPECT_EQ(*sweep.known_accuracy(point), 3.0 / 5);
    EXPECT_EQ(*sweep.unknown_rejection(point), 3.0 / 5);
    EXPECT_NEAR(*sweep.balanced_accuracy(point), 0.588888888889, 1e-12);
}

TEST(Sweep, ATresholdBetweenTwoScoresDoesWhatTheLowerOneDoes) {
    const ThresholdSweep sweep = worked();
    EXPECT_EQ(sweep.at(4.5).threshold, 4.5);
    EXPECT_EQ(sweep.at(4.5).known_accepted, sweep.at(4).known_accepted);
    EXPECT_EQ(sweep.at(0).known_accepted, 0);
    EXPECT_EQ(sweep.at(infinity).unknown_rejected, 0);
}

TEST(Sweep, AScoreOfMinusInfinityIsNeverRejected) {
    const ThresholdSweep sweep = unnamed({-infinity, 1}, {infinity});
    EXPECT_THAT(thresholds_of(sweep.points), testing::ElementsAre(-infinity, 1, infinity));
    EXPECT_EQ(sweep.points.front().known_accepted, 1);
    EXPECT_EQ(sweep.points[1].unknown_rejected, 1) << "inf > 1";
    EXPECT_EQ(sweep.points[2].unknown_rejected, 0) << "inf > inf is false";
}

TEST(Sweep, WithoutLabelsKnowsNoAccuracy) {
    const ThresholdSweep sweep = unnamed({1}, {2});
    EXPECT_FALSE(sweep.known_accuracy(sweep.points[0]));
    EXPECT_FALSE(sweep.balanced_accuracy(sweep.points[0]));
    EXPECT_TRUE(sweep.known_acceptance(sweep.points[0]));
}

TEST(Thinning, KeepsTheFirstAndTheLastAndEvenlyBetween) {
    EXPECT_THAT(thresholds_of(thin(worked().points, 3)), testing::ElementsAre(-infinity, 4, 8));
    EXPECT_EQ(thin(worked().points, 100).size(), 9U);
    EXPECT_EQ(thin(worked().points, 1).size(), 1U);
}

TEST(ThresholdRange, HoldsItsEndWhereStepsLeadThere) {
    EXPECT_THAT(threshold_range(0.30, 0.40, 0.01),
                testing::ElementsAre(0.3, 0.31, 0.32, 0.33, 0.34, 0.35, 0.36, 0.37, 0.38, 0.39, 0.4))
        << "eleven, as numpy.arange(0.30, 0.40, 0.01)";
    EXPECT_THAT(threshold_range(0.1, 0.5, 0.1), testing::ElementsAre(0.1, 0.2, 0.3, 0.4, 0.5));
    EXPECT_THAT(threshold_range(0, 1, 0.3), testing::ElementsAre(0, 0.3, 0.6, 0.9));
    EXPECT_THAT(threshold_range(-0.2, 0.1, 0.1), testing::ElementsAre(-0.2, -0.1, 0.0, 0.1));
    EXPECT_THAT(threshold_range(1e-5, 3e-5, 1e-5), testing::ElementsAre(1e-5, 2e-5, 3e-5));
}

TEST(ThresholdRange, RefusesWhatNeverEnds) {
    EXPECT_EQ(error_of([] { threshold_range(0, 1, 0); }),
              "usage: --thresholds 0:1:0: expected LO:HI:STEP with HI at or above LO and STEP above 0");
    EXPECT_EQ(error_of([] { threshold_range(1, 0, 0.1); }).substr(0, 24), "usage: --thresholds 1:0:");
    EXPECT_EQ(error_of([] { threshold_range(0, 1, 1e-9); }),
              "usage: --thresholds 0:1:1e-09: more than 10000000 thresholds; expected a larger step");
}

TEST(Pick, TprAcceptsTheShareWithTheLeastThreshold) {
    EXPECT_EQ(picked(worked(), "tpr=0.8"), 4);
    EXPECT_EQ(picked(worked(), "tpr=0.81"), 5);
    EXPECT_EQ(picked(worked(), "tpr=1"), 5);
    std::vector<double> twenty;
    for (int i = 1; i <= 20; ++i) twenty.push_back(i);
    EXPECT_EQ(picked(unnamed(twenty, {}), "tpr=0.95"), 19) << "95 % of twenty are exactly nineteen";
}

TEST(Pick, YoudenOfEqualPointsIsTheLargestThreshold) {
    EXPECT_EQ(picked(worked(), "youden"), 5);
    EXPECT_EQ(picked(unnamed({1, 2}, {1, 2}), "youden"), 2) << "a useless score: the index is 0 everywhere";
}

TEST(Pick, KnownAccuracyRejectsAsManyUnknownAsItMay) {
    // Right rows have the scores 1, 3, 4.
    EXPECT_EQ(picked(worked(), "known-accuracy>=0.4"), 4) << "3 and 4 reject as many; 4 names more rightly";
    EXPECT_EQ(picked(worked(), "known-accuracy>=0.2"), 2) << "1 and 2 reject all";
    EXPECT_EQ(
        error_of([] { picked(worked(), "known-accuracy>=0.7"); }),
        "usage: --pick known-accuracy>=0.7: known_accuracy reaches 0.6 at its best threshold, expected a rule at or "
        "below that");
    EXPECT_NE(error_of([] { picked(unnamed({1}, {2}), "known-accuracy>=0.5"); }).find("no labels"), std::string::npos);
}

TEST(Pick, UnknownRejectionNamesAsManyKnownRightlyAsItMay) {
    EXPECT_EQ(picked(worked(), "unknown-rejection>=0.8"), 4);
    EXPECT_EQ(picked(worked(), "unknown-rejection>=0.6"), 4) << "5 accepts one more, but names it wrongly";
    EXPECT_EQ(picked(unnamed(known, unknown), "unknown-rejection>=0.6"), 5) << "without labels: accepts";
    EXPECT_EQ(
        error_of([] {
            picked(unnamed({1}, {-infinity, 2}), "unknown-rejection>=0.9");
        }),
        "usage: --pick unknown-rejection>=0.9: unknown_rejection reaches 0.5 at its best threshold, expected a rule "
        "at or below that");
}

TEST(Pick, ConformalTakesTheRankThatKeepsThePromise) {
    EXPECT_EQ(picked(worked(), "conformal=0.25"), 5) << "n = 5: rank ceil(0.75 * 6) = 5";
    EXPECT_EQ(picked(worked(), "conformal=0.5"), 3);
    EXPECT_EQ(error_of([] { picked(worked(), "conformal=0.1"); }),
              "usage: --pick conformal=0.1: found 5 known rows, expected at least 9 for this share; fewer give no "
              "threshold that keeps the promise");
}

TEST(Pick, NeedsRowsToLookAt) {
    EXPECT_EQ(error_of([] { picked(unnamed({}, {1}), "tpr=0.95"); }),
              "usage: --pick tpr=0.95: found no known rows, expected some to look at");
    EXPECT_EQ(error_of([] { picked(unnamed({1}, {}), "youden"); }),
              "usage: --pick youden: found no unknown rows, expected some to look at");
}

TEST(PickRule, IsReadStrictly) {
    EXPECT_EQ(
        error_of([] { parse_pick_rule("yuden"); }),
        "usage: --pick yuden: expected one of tpr=X, youden, known-accuracy>=X, unknown-rejection>=X, conformal=X; "
        "did you mean \"youden\"?");
    EXPECT_EQ(error_of([] { parse_pick_rule("tpr=95"); }),
              "usage: --pick tpr=95: expected a share above 0 and at most 1 behind tpr=, such as 0.95");
    EXPECT_EQ(error_of([] { parse_pick_rule("conformal=1"); }),
              "usage: --pick conformal=1: expected a share above 0 and below 1 behind conformal=, such as 0.05");
    for (const char* wrong : {"tpr=", "tpr=0", "tpr=0.9x", "tpr=nan", "conformal=0", "conformal=-0.1",
                              "conformal=1e-300", "conformal=0.99999999999999"})
        EXPECT_NE(error_of([&] { parse_pick_rule(wrong); }), "none") << wrong;
}

TEST(Conformal, IsInfiniteWhereThereAreTooFewRows) {
    EXPECT_EQ(conformal_threshold({1, 2, 3, 4, 5}, 0.1), infinity);
    EXPECT_EQ(conformal_threshold({5, 3, 1, 2, 4}, 0.25), 5);
    EXPECT_EQ(rows_for_conformal(0.05), 19);
    EXPECT_EQ(rows_for_conformal(0.1), 9);
    for (const double alpha : {0.01, 0.05, 0.1, 0.2, 1.0 / 3}) {
        const std::int64_t rows = rows_for_conformal(alpha);
        EXPECT_LE(conformal_rank(rows, alpha), rows) << alpha;
        EXPECT_GT(conformal_rank(rows - 1, alpha), rows - 1) << alpha;
    }
}

TEST(Conformal, HoldsAtBothEndsOfTheShares) {
    EXPECT_EQ(conformal_threshold({2, 1}, 1 - 1e-9), 1) << "the smallest score, not the one before it";
    EXPECT_EQ(conformal_threshold({}, 0.5), infinity);
    EXPECT_GT(rows_for_conformal(1e-9), 999'999'000);
}

TEST(Conformal, GivesClassesWithEnoughRowsAThresholdOfTheirOwn) {
    const std::vector<double> scores = {1, 2, 3, 10, 20, 30, 7};
    const std::vector<std::int32_t> classes = {0, 0, 0, 1, 1, 1, 2};
    const ConformalByClass found = conformal_by_class(scores, classes, 0.25);
    EXPECT_THAT(found.own, testing::ElementsAre(testing::Pair(0, 3.0), testing::Pair(1, 30.0)));
    EXPECT_EQ(found.other_rows, 1);
    EXPECT_EQ(found.others, std::nullopt);
}

TEST(Conformal, ClassesWithTooFewRowsShareAThresholdOfTheirRowsAlone) {
    const std::vector<double> scores = {1, 2, 3, 4, 50, 60, 70};
    const std::vector<std::int32_t> classes = {0, 0, 0, 0, 1, 2, 3};
    const ConformalByClass found = conformal_by_class(scores, classes, 0.25);
    EXPECT_THAT(found.own, testing::ElementsAre(testing::Pair(0, 4.0)));
    EXPECT_EQ(found.others, 70) << "all rows together would give 60, and reject a third of them";
}

} // namespace
} // namespace openset::stats
