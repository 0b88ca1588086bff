#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "openset/stats/bootstrap.hpp"
#include "openset/stats/metrics.hpp"

namespace openset::stats {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double digits = 1e-12;

/// The worked example of methods.md section 4.
struct Worked {
    std::vector<double> known{1, 2, 3, 4, 5}, unknown{3, 5, 6, 7, 8}, confidence{.9, .55, .8, .75, .6};
    std::vector<std::int32_t> labels{0, 0, 1, 1, 1}, predicted{0, 1, 1, 1, 0}, unknown_predicted{0, 1, 0, 1, 0};

    RankedRows rows() const {
        return RankedRows({2, known, labels, predicted, confidence, unknown, unknown_predicted});
    }
};

ScoreCounts counts_of(const RankedRows& rows, const RowWeights& weights = {}) {
    ScoreCounts counts;
    count_scores(rows, weights, counts);
    return counts;
}

ScoreCounts counts_of(const std::vector<double>& known, const std::vector<double>& unknown) {
    return counts_of(RankedRows({0, known, {}, {}, {}, unknown, {}}));
}

ClassCounts classes_at(const RankedRows& rows, double threshold) {
    ClassCounts counts;
    count_classes(rows, reject(rows, threshold), {}, counts);
    return counts;
}

TEST(Metrics, OfTheWorkedExampleAreThoseOfTheText) {
    const RankedRows rows = Worked().rows();
    const ScoreCounts counts = counts_of(rows);
    EXPECT_NEAR(*auroc(counts), 0.88, digits);
    EXPECT_NEAR(*aupr_out(counts), 0.885, digits);
    EXPECT_NEAR(*aupr_in(counts), 0.852857142857, digits);
    EXPECT_NEAR(*aupr_out_trapezoid(counts), 0.909166666667, digits);
    EXPECT_NEAR(*aupr_in_trapezoid(counts), 0.881428571429, digits);
    EXPECT_NEAR(fpr_at_95_tpr_known(counts)->rate, 0.4, digits);
    EXPECT_EQ(rows.scores[fpr_at_95_tpr_known(counts)->score], 5);
    EXPECT_NEAR(fpr_at_95_tpr_unknown(counts)->rate, 0.6, digits);
    EXPECT_EQ(rows.scores[fpr_at_95_tpr_unknown(counts)->score], 3);
    EXPECT_NEAR(*oscr(counts), 0.54, digits);
    EXPECT_NEAR(youden(counts)->rate, 0.6, digits);
    EXPECT_EQ(rows.scores[youden(counts)->score], 5);
    EXPECT_NEAR(*expected_calibration_error(rows.known), 0.34, digits);
    EXPECT_NEAR(*aurc_known(counts), 0.296666666667, digits);
    EXPECT_NEAR(*aurc_open(counts), 0.496309523810, digits);
    EXPECT_NEAR(*closed_set_accuracy(counts), 0.6, digits);
}

TEST(OpenSetTable, OfTheWorkedExampleIsThatOfTheText) {
    const ClassCounts counts = classes_at(Worked().rows(), 5);
    EXPECT_NEAR(*accuracy(counts), 0.6, digits);
    EXPECT_NEAR(*figures_of_class(counts, 0).f1, 2.0 / 5, digits);
    EXPECT_NEAR(*figures_of_class(counts, 1).f1, 4.0 / 7, digits);
    EXPECT_NEAR(*figures_of_class(counts, 2).f1, 3.0 / 4, digits);
    EXPECT_NEAR(*macro_average(counts).f1, 0.573809523810, digits);
    EXPECT_NEAR(*balanced_accuracy(counts), 0.588888888889, digits);
}

TEST(OpenSetTable, AScoreThatEqualsTheThresholdIsAccepted) {
    const RankedRows rows = Worked().rows();
    EXPECT_THAT(reject(rows, 5).unknown, testing::ElementsAre(0, 0, 1, 1, 1));
    EXPECT_THAT(reject(rows, 4.9).unknown, testing::ElementsAre(0, 1, 1, 1, 1));
}

TEST(OpenSetTable, AClassMayHaveAThresholdOfItsOwn) {
    const RankedRows rows = Worked().rows();
    EXPECT_THAT(reject(rows, 5, {std::nullopt, 2.5}).known, testing::ElementsAre(0, 0, 1, 1, 0))
        << "rows 3 and 4 are predicted as class 1";
}

TEST(OpenSetTable, TheConfusionMatrixHasARowAndAColumnOfUnknown) {
    const RankedRows rows = Worked().rows();
    EXPECT_THAT(confusion_matrix(rows, reject(rows, 5)), testing::ElementsAre(1, 1, 0, /**/ 1, 2, 0, /**/ 1, 1, 3));
}

TEST(OpenSetTable, AWeightedAverageCountsClassesByTheirRows) {
    const ClassFigures average = weighted_average(classes_at(Worked().rows(), 5));
    EXPECT_NEAR(*average.f1, (2 * 2.0 / 5 + 3 * 4.0 / 7 + 5 * 3.0 / 4) / 10, digits);
    EXPECT_EQ(average.support, 10);
}

TEST(Metrics, OfOneSideAloneAreNone) {
    for (const ScoreCounts& counts : {counts_of({1, 2}, {}), counts_of({}, {1, 2}), counts_of({}, {})}) {
        EXPECT_FALSE(auroc(counts));
        EXPECT_FALSE(aupr_in(counts));
        EXPECT_FALSE(aupr_out_trapezoid(counts));
        EXPECT_FALSE(fpr_at_95_tpr_known(counts));
        EXPECT_FALSE(fpr_at_95_tpr_unknown(counts));
        EXPECT_FALSE(oscr(counts));
        EXPECT_FALSE(youden(counts));
    }
}

TEST(Metrics, WithoutLabelsLeaveOutWhatNeedsTheTruth) {
    const ScoreCounts counts = counts_of({1, 2}, {3});
    EXPECT_EQ(*auroc(counts), 1);
    EXPECT_FALSE(closed_set_accuracy(counts));
    EXPECT_FALSE(oscr(counts));
    EXPECT_FALSE(aurc_open(counts));
}

TEST(Metrics, TakeInfiniteScores) {
    const ScoreCounts counts = counts_of({-infinity, 0, infinity}, {infinity, infinity});
    EXPECT_NEAR(*auroc(counts), (2 + 2 * 0.5 + 2) / 6, digits);
    EXPECT_NEAR(youden(counts)->rate, 2.0 / 3, digits);
}

TEST(Metrics, OfAResampleAreThoseOfItsRowsWrittenOut) {
    const std::vector<std::uint32_t> known = {2, 0, 1, 2, 0}, unknown = {0, 3, 0, 1, 1};
    const ScoreCounts weighted = counts_of(Worked().rows(), {known, unknown});
    const ScoreCounts written_out = counts_of({1, 1, 3, 4, 4}, {5, 5, 5, 7, 8});
    EXPECT_EQ(auroc(weighted), auroc(written_out));
    EXPECT_EQ(aupr_in(weighted), aupr_in(written_out));
    EXPECT_EQ(aupr_out_trapezoid(weighted), aupr_out_trapezoid(written_out));
    EXPECT_EQ(fpr_at_95_tpr_known(weighted)->rate, fpr_at_95_tpr_known(written_out)->rate);
    EXPECT_EQ(youden(weighted)->rate, youden(written_out)->rate);
}

TEST(CalibrationError, PutsAValueOnAnEdgeIntoTheBinBelow) {
    // 0.6 = 9/15 as a double: with 0.55 in bin 8 their mean is right, apart they would not be.
    const std::vector<double> scores = {1, 2}, confidence = {0.6, 0.54};
    const std::vector<std::int32_t> labels = {0, 0}, predicted = {0, 1};
    const RankedRows rows({2, scores, labels, predicted, confidence, {}, {}});
    EXPECT_NEAR(*expected_calibration_error(rows.known), std::abs(0.57 - 0.5), digits);
}

TEST(ClopperPearson, GivesTheIntervalsOfTheText) {
    EXPECT_NEAR(clopper_pearson(8, 10).lower, 0.443904537692, digits);
    EXPECT_NEAR(clopper_pearson(8, 10).upper, 0.974789273673, digits);
    EXPECT_NEAR(clopper_pearson(380, 400).lower, 0.923833027245, digits);
    EXPECT_EQ(clopper_pearson(0, 10).lower, 0);
    EXPECT_EQ(clopper_pearson(10, 10).upper, 1);
}

TEST(Openness, GivesTheFigureOfTheText) { EXPECT_NEAR(openness(6, 10, 6), 0.133974596216, digits); }

TEST(Bootstrap, DrawsTheSameRowsOnEveryMachine) {
    // The standard fixes mt19937_64's numbers; a row is the upper 32 bits times 10, shifted right by 32.
    std::vector<std::uint32_t> weights(10);
    Resampler resampler(42, 7);
    resampler.draw(weights);
    std::uint32_t sum = 0;
    for (const std::uint32_t weight : weights) sum += weight;
    EXPECT_EQ(sum, 10U);
    std::seed_seq sequence{42, 0, 7};
    std::mt19937_64 generator(sequence);
    std::vector<std::uint32_t> expected(10);
    for (int i = 0; i < 10; ++i) ++expected[static_cast<std::size_t>(((generator() >> 32) * 10) >> 32)];
    EXPECT_EQ(weights, expected);
}

TEST(Bootstrap, DrawsEveryRowEquallyOften) {
    std::vector<std::uint32_t> weights(7), sums(7);
    Resampler resampler(1, 0);
    for (int i = 0; i < 20000; ++i) {
        resampler.draw(weights);
        for (std::size_t row = 0; row < 7; ++row) sums[row] += weights[row];
    }
    for (const std::uint32_t sum : sums) EXPECT_NEAR(sum, 20000, 5 * std::sqrt(20000.0));
}

TEST(Bootstrap, AnIntervalInterpolatesBetweenValues) {
    const auto interval = percentile_interval({4, 1, 3, 2, 5});
    EXPECT_NEAR(interval->lower, 1.1, digits);
    EXPECT_NEAR(interval->upper, 4.9, digits);
    EXPECT_FALSE(percentile_interval({}));
}

} // namespace
} // namespace openset::stats
