#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "error_of.hpp"
#include "io/checked_json.hpp"
#include "memory_rows.hpp"
#include "openset/detect/detector.hpp"
#include "temporary_folder.hpp"

// Every method on rows that can be done in one's head, and what all of them have in common. Against golden/store:
// golden/detectors_test.cpp; against NumPy: tests/detectors.
namespace openset::detect {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<double> scores_of(const Detector& detector, const MemoryRows& rows) {
    std::vector<double> scores(rows.labels.size());
    detector.score(rows.activations(), scores);
    return scores;
}

std::unique_ptr<Detector> made(const std::string& method, std::int64_t classes, const Parameters& parameters = {}) {
    return method_named(method).make(classes, parameters);
}

std::unique_ptr<Detector> fitted(const std::string& method, const MemoryRows& rows, const Parameters& parameters = {}) {
    return fit_detector(method_named(method), rows.training(), parameters);
}

/// The score of one row.
double score_of(const Detector& detector, const std::vector<double>& logits, const std::vector<double>& features = {}) {
    MemoryRows row;
    row.labels = {-1};
    row.logits = MemoryRows::flat({logits});
    row.features = MemoryRows::flat({features});
    return scores_of(detector, row).front();
}

/// Two classes, two features, the head that passes them on: logits are the features.
MemoryRows cross() {
    MemoryRows rows;
    const MemoryRows::Matrix features = {{3, 1}, {5, 1}, {4, 0}, {4, 2}, {1, 3}, {1, 5}, {0, 4}, {2, 4}};
    rows.labels = {0, 0, 0, 0, 1, 1, 1, 1};
    rows.features = rows.logits = MemoryRows::flat(features);
    rows.head_weight = {1, 0, 0, 1};
    rows.head_bias = {0, 0};
    return rows;
}

// ---- of logits

TEST(Energy, IsMinusTheTemperedLogSumExp) {
    EXPECT_DOUBLE_EQ(score_of(*made("energy", 2), {0, 0}), -std::log(2.0));
    EXPECT_DOUBLE_EQ(score_of(*made("energy", 2, {{"temperature", "2"}}), {4, 4}), -4 - 2 * std::log(2.0));
    EXPECT_EQ(score_of(*made("energy", 2), {1000, -1000}), -1000);
}

TEST(Entropy, IsThatOfTheSoftmax) {
    EXPECT_DOUBLE_EQ(score_of(*made("entropy", 4), {1, 1, 1, 1}), std::log(4.0));
    EXPECT_EQ(score_of(*made("entropy", 2), {3e38, -3e38}), 0);
}

TEST(Gen, AddsUpTheLargestClasses) {
    EXPECT_DOUBLE_EQ(score_of(*made("gen", 2), {0, 0}), 2 * std::pow(0.25, 0.1));
    EXPECT_NEAR(score_of(*made("gen", 2, {{"m", "1"}, {"gamma", "1"}}), {std::log(3.0), 0}), 0.75 * 0.25, 1e-7);
    EXPECT_EQ(score_of(*made("gen", 1), {5}), 0); // nothing beside the one class
}

TEST(Gen, KeepsTheDigitsOfWhatIsLeftBesideACertainClass) {
    // p (1 - p) = e^-100 for both, though 1 - p is 0 in double
    EXPECT_NEAR(score_of(*made("gen", 2), {100, 0}), 2 * std::exp(-10.0), 1e-17);
    EXPECT_NEAR(score_of(*made("gen", 3), {2000, 0, 0}), 3 * std::exp(-200.0), 1e-85);
}

TEST(Temperature, IsWhereTheLogLossIsLeast) {
    // Three of four rows are right, whatever the temperature: the best p is 3/4, so v / T is ln 3 above the other.
    MemoryRows rows;
    rows.labels = {0, 0, 0, 1};
    rows.logits = MemoryRows::flat({{2, 0}, {2, 0}, {2, 0}, {2, 0}});
    const auto detector = fitted("temperature", rows);
    EXPECT_NEAR(score_of(*detector, {2, 0}), -0.75, 1e-12);
    EXPECT_NEAR(io::Json::parse(detector->fitted()->diagnostics_json)["temperature"], 2 / std::log(3.0), 1e-12);
    EXPECT_THAT(fit_warnings(*detector->fitted()), ElementsAre(HasSubstr("fitted on the store's rows")));
    EXPECT_THAT(fit_warnings(*fitted("temperature", rows, {{"rows", "calibration"}})->fitted()), ElementsAre());
}

TEST(Temperature, SaysWhereTheLogLossHasNoMinimum) {
    MemoryRows rows;
    rows.labels = {0, 1};
    rows.logits = MemoryRows::flat({{2, 0}, {0, 2}}); // all right: ever colder is ever better
    const auto detector = fitted("temperature", rows);
    EXPECT_THAT(fit_warnings(*detector->fitted()), ElementsAre(HasSubstr("temperature 0.02 is the edge")));
    rows.labels = {1, 0};
    EXPECT_THAT(fit_warnings(*fitted("temperature", rows)->fitted()),
                ElementsAre(HasSubstr("temperature 50 is the edge")));
}

TEST(KlMatching, IsTheDivergenceFromTheNearestTemplate) {
    MemoryRows rows;
    rows.labels = {-1, -1};
    rows.logits = MemoryRows::flat({{std::log(3.0), 0, -100}, {std::log(3.0), 0, -100}}); // predicted 0, p = 3/4, 1/4
    const auto detector = fitted("kl-matching", rows);
    EXPECT_NEAR(score_of(*detector, {std::log(3.0), 0, -100}), 0, 1e-7);
    EXPECT_NEAR(score_of(*detector, {0, 0, -100}), 0.5 * std::log(0.5 / 0.75) + 0.5 * std::log(0.5 / 0.25), 1e-7);
    EXPECT_NEAR(score_of(*detector, {-100, -100, 900}), 0, 1e-12); // never predicted: certainty is its template
    EXPECT_THAT(fit_warnings(*detector->fitted()), ElementsAre(HasSubstr("2 of 3 classes are predicted for no row")));
}

// ---- of features

TEST(Mahalanobis, MeasuresInUnitsOfTheScatterWithinTheClasses) {
    // Around either mean, (4, 1) and (1, 4), the covariance is half the identity: squared distances count twice.
    const auto detector = fitted("mahalanobis", cross());
    EXPECT_NEAR(score_of(*detector, {0, 0}, {4, 1}), 0, 1e-12);
    EXPECT_NEAR(score_of(*detector, {0, 0}, {4, 2}), 2, 1e-12);
    EXPECT_NEAR(score_of(*detector, {0, 0}, {1, 7}), 18, 1e-12);
    EXPECT_NEAR(score_of(*detector, {0, 0}, {2.5, 2.5}), 9, 1e-12); // as far from both
}

TEST(Mahalanobis, OfAllRowsIsSubtracted) {
    // All rows: mean (2.5, 2.5), variance 0.5 along (1, 1) and 0.5 + 4.5 = 5 along (1, -1).
    const auto detector = fitted("relative-mahalanobis", cross());
    EXPECT_NEAR(score_of(*detector, {0, 0}, {2.5, 2.5}), 9, 1e-12);
    EXPECT_NEAR(score_of(*detector, {0, 0}, {4, 1}), 0 - 4.5 / 5, 1e-12);
}

TEST(Mahalanobis, OfLengthOneLooksAtDirectionsAlone) {
    for (const char* method : {"mahalanobis-l2", "relative-mahalanobis-l2", "knn"}) {
        const auto detector = fitted(method, cross());
        EXPECT_NEAR(score_of(*detector, {0, 0}, {3, 2}), score_of(*detector, {0, 0}, {6, 4}), 1e-12) << method;
    }
}

TEST(Mahalanobis, DirectionsWithoutScatterAreLeftOutAndTheRankIsTold) {
    MemoryRows rows = cross();
    for (std::size_t i = 1; i < rows.features.size(); i += 2) rows.features[i] = 7; // the second feature is dead
    const auto detector = fitted("mahalanobis", rows);
    EXPECT_EQ(io::Json::parse(detector->fitted()->diagnostics_json)["rank"], 1);
    EXPECT_NEAR(score_of(*detector, {0, 0}, {4, 7}), score_of(*detector, {0, 0}, {4, 1000}), 1e-12);
    for (float& value : rows.features) value = 1;
    EXPECT_THAT(error_of([&] { fitted("mahalanobis", rows); }),
                AllOf(HasSubstr("usage: "), HasSubstr("are all equal")));
}

TEST(Knn, IsTheDistanceToTheKthNearest) {
    MemoryRows rows;
    rows.labels = {0, 0, 0, 0};
    rows.features = MemoryRows::flat({{2, 0}, {0, 3}, {-1, 0}, {0, 0}});
    rows.logits.assign(8, 0);
    EXPECT_DOUBLE_EQ(score_of(*fitted("knn", rows, {{"k", "1"}}), {0, 0}, {9, 0}), 0);
    EXPECT_DOUBLE_EQ(score_of(*fitted("knn", rows, {{"k", "2"}}), {0, 0}, {9, 0}), 1); // zeros stay where they are
    EXPECT_DOUBLE_EQ(score_of(*fitted("knn", rows, {{"k", "3"}}), {0, 0}, {9, 0}), std::sqrt(2.0));
    const auto of_all = fitted("knn", rows);
    EXPECT_DOUBLE_EQ(score_of(*of_all, {0, 0}, {9, 0}), 2);
    EXPECT_THAT(fit_warnings(*of_all->fitted()), testing::Contains(HasSubstr("k is 50, and there are 4 rows")));
}

TEST(Knn, APartOfTheRowsFollowsFromTheSeed) {
    MemoryRows rows;
    for (int i = 0; i < 100; ++i) {
        rows.labels.push_back(0);
        rows.features.insert(rows.features.end(), {static_cast<float>(i), 1});
        rows.logits.push_back(0);
    }
    const auto bank = [&](const char* seed) {
        return fitted("knn", rows, {{"k", "1"}, {"share", "0.2"}, {"seed", seed}})->fitted()->float_arrays.at("bank");
    };
    EXPECT_THAT(bank("1").shape, ElementsAre(20, 2));
    EXPECT_EQ(bank("1").values, bank("1").values);
    EXPECT_NE(bank("1").values, bank("2").values);
}

TEST(Vim, AddsWhatLiesOutsideThePrincipalSpace) {
    MemoryRows rows;
    rows.labels = {0, 0, 1, 1};
    rows.features = MemoryRows::flat({{4, 1}, {4, -1}, {-4, 1}, {-4, -1}}); // one dimension is kept, the second is left
    rows.logits = MemoryRows::flat({{4, 0}, {4, 0}, {-4, 0}, {-4, 0}});
    rows.head_weight = {1, 0, 0, 0};
    rows.head_bias = {0, 0};
    const Parameters one = {{"dim", "1"}};
    EXPECT_NEAR(score_of(*fitted("residual", rows, one), {0, 0}, {9, 3}), 3, 1e-12);
    // alpha: the mean largest logit, (4 + 4 + 0 + 0) / 4, by the mean residual, 1
    EXPECT_NEAR(score_of(*fitted("vim", rows, one), {1, 1}, {9, 3}), 2 * 3 - (1 + std::log(2.0)), 1e-12);
    EXPECT_THAT(error_of([&] { fitted("vim", rows, {{"dim", "2"}}); }), HasSubstr("dim: found 2, expected at most 1"));
    EXPECT_THAT(fit_warnings(*fitted("vim", rows)->fitted()), ElementsAre(HasSubstr("dim is 1, half of the features")));
}

TEST(Vim, MeasuresFromThePointWhereTheHeadSaysNothing) {
    MemoryRows rows;
    rows.labels = {0, 1};
    rows.features = MemoryRows::flat({{3, 0}, {-1, 0}});
    rows.logits = MemoryRows::flat({{1, 0}, {-3, 0}});
    rows.head_weight = {1, 0, 0, 0};
    rows.head_bias = {-2, 0};
    EXPECT_THAT(fitted("residual", rows, {{"dim", "1"}})->fitted()->arrays.at("origin").values,
                ElementsAre(testing::DoubleNear(2, 1e-12), testing::DoubleNear(0, 1e-12)));
}

TEST(React, CutsTheFeatures) {
    const auto detector = fitted("react", cross(), {{"percentile", "100"}}); // at the largest, 5
    EXPECT_DOUBLE_EQ(score_of(*detector, {0, 0}, {50, 5}), -5 - std::log(2.0));
}

TEST(Scale, StretchesByHowLittleTheLargestHold) {
    const auto detector = fitted("scale", cross(), {{"percentile", "50"}}); // one of two is kept: r = (3 + 1) / 3
    EXPECT_DOUBLE_EQ(score_of(*detector, {0, 0}, {3, 1}),
                     -std::log(std::exp(3 * std::exp(4.0 / 3)) + std::exp(std::exp(4.0 / 3))));
    EXPECT_DOUBLE_EQ(score_of(*detector, {0, 0}, {0, 0}), -std::log(2.0));
}

TEST(Ash, GivesTheLargestAllThereIs) {
    const auto detector = fitted("ash", cross(), {{"percentile", "50"}});
    EXPECT_DOUBLE_EQ(score_of(*detector, {0, 0}, {3, 1}), -std::log(std::exp(4.0) + 1));
    EXPECT_DOUBLE_EQ(score_of(*detector, {0, 0}, {2, 2}), -std::log(std::exp(4.0) + 1)); // of a tie the first
}

TEST(Ash, HalvesAreRoundedToTheEven) {
    for (const auto& [percent, kept] : {std::pair("50", 2), {"30", 4}, {"100", 1}}) { // of 5: 2.5 and 1.5 are dropped
        MemoryRows rows;
        rows.labels = {0};
        rows.features = {5, 4, 3, 2, 1};
        rows.logits = {15};
        rows.head_weight = {1, 1, 1, 1, 1};
        rows.head_bias = {0};
        const auto detector = fitted("ash", rows, {{"percentile", percent}});
        EXPECT_DOUBLE_EQ(score_of(*detector, {15}, {5, 4, 3, 2, 1}), -15) << kept; // the sum stays what it was
    }
}

TEST(Dice, LooksAtWhatContributesMost) {
    // Mean features 2.5 and 2.5, weights 1 and 0.5 on the diagonal: contributions 2.5, 0, 0, 1.25.
    MemoryRows rows = cross();
    rows.head_weight = {1, 0, 0, 0.5F};
    for (std::size_t i = 1; i < rows.logits.size(); i += 2) rows.logits[i] *= 0.5F;
    const auto detector = fitted("dice", rows, {{"percentile", "90"}}); // above 2.125: the first alone
    EXPECT_DOUBLE_EQ(score_of(*detector, {0, 0}, {3, 8}), -std::log(std::exp(3.0) + 1));
}

TEST(She, IsTheProductWithThePatternOfThePredictedClass) {
    const auto detector = fitted("she", cross()); // patterns (4, 1) and (1, 4)
    EXPECT_DOUBLE_EQ(score_of(*detector, {1, 0}, {2, 3}), -11);
    EXPECT_DOUBLE_EQ(score_of(*detector, {0, 1}, {2, 3}), -14);
}

TEST(She, AClassThatIsNeverRightHasThePatternOfAllItsRows) {
    MemoryRows rows = cross();
    for (std::size_t i = 8; i < 16; ++i) rows.logits[i] = i % 2 == 0 ? 1.0F : 0.0F; // class 1 is taken for class 0
    const auto detector = fitted("she", rows);
    EXPECT_DOUBLE_EQ(score_of(*detector, {0, 1}, {2, 3}), -14);
    EXPECT_THAT(fit_warnings(*detector->fitted()), ElementsAre(HasSubstr("1 classes have no row")));
}

TEST(Fdbd, IsTheDistanceFromTheBoundariesByThatFromTheMean) {
    const auto detector = fitted("fdbd", cross()); // mean (2.5, 2.5), weights sqrt(2) apart
    EXPECT_NEAR(score_of(*detector, {5, 1}, {5.5, 6.5}), -(4 / std::sqrt(2.0)) / 5, 1e-15);
    EXPECT_NEAR(score_of(*fitted("fdbd", cross(), {{"normalizer", "norm"}}), {5, 1}, {3, 4}), -(4 / std::sqrt(2.0)) / 5,
                1e-15);
    EXPECT_EQ(score_of(*detector, {5, 1}, {2.5, 2.5}), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(score_of(*detector, {1, 1}, {2.5, 2.5}), 0);
}

TEST(Nci, IsTheCosineWithThePredictedWeightAndALittleOfTheSize) {
    const auto detector = fitted("nci", cross(), {{"alpha", "0.5"}});
    EXPECT_NEAR(score_of(*detector, {1, 0}, {5.5, 6.5}), -(3.0 / 5 + 0.5 * 12), 1e-15);
    EXPECT_NEAR(score_of(*detector, {0, 1}, {2.5, 2.5}), -2.5, 1e-15);
}

TEST(NnGuide, WeighsTheEnergyByTheMostSimilarRows) {
    MemoryRows rows;
    rows.labels = {0, 0, 0};
    rows.features = MemoryRows::flat({{2, 0}, {0, 5}, {-1, 0}});
    rows.logits = {3, 4, 100};
    const auto detector = fitted("nnguide", rows, {{"k", "2"}, {"share", "1"}}); // guides (3, 0), (0, 4), (-100, 0)
    EXPECT_DOUBLE_EQ(score_of(*detector, {10}, {7, 0}), -10 * (3 + 0) / 2);
    EXPECT_DOUBLE_EQ(score_of(*detector, {10}, {0, 7}), -10 * (4 + 0) / 2);
}

TEST(GradNorm, IsTheProductOfTwoNorms) {
    EXPECT_NEAR(score_of(*made("gradnorm", 2), {std::log(3.0), 0}, {1, -4, 2}), -(0.5 + 0.5) * 7, 1e-6);
    EXPECT_EQ(score_of(*made("gradnorm", 2), {1, 1}, {1, -4, 2}), 0);
}

// ---- what all of them have in common

MemoryRows random_world(unsigned seed, std::size_t count) {
    MemoryRows rows = cross();
    MemoryRows many;
    many.head_weight = rows.head_weight;
    many.head_bias = rows.head_bias;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t place = (i * 2654435761U + seed) % 8;
        many.labels.push_back(rows.labels[place]);
        for (std::size_t j = 0; j < 2; ++j) {
            const float value = rows.features[2 * place + j] + 0.01F * static_cast<float>((i * 7 + j * 3 + seed) % 41);
            many.features.push_back(value);
            many.logits.push_back(value);
        }
    }
    return many;
}

std::unique_ptr<Detector> any_detector(const Method& method, const MemoryRows& rows) {
    return method.fit ? fit_detector(method, rows.training(), {}) : method.make(2, {});
}

TEST(EveryMethod, ScoresARowTheSameWhateverStandsBesideIt) {
    const MemoryRows train = random_world(1, 60), test = random_world(5, 70);
    for (const Method& method : methods()) {
        const auto detector = any_detector(method, train);
        const auto together = scores_of(*detector, test);
        for (std::int64_t row = 0; row < std::ssize(together); ++row) {
            double alone = 0;
            detector->score(io::one_row(test.activations(), row), {&alone, 1});
            EXPECT_EQ(alone, together[static_cast<std::size_t>(row)]) << method.name << " row " << row;
        }
    }
}

TEST(EveryMethod, ScoresTheSameBitsAfterItWasWrittenAndRead) {
    const TemporaryFolder folder;
    const MemoryRows train = random_world(2, 60), test = random_world(6, 20);
    for (const Method& method : methods()) {
        if (!method.fit) continue;
        const auto detector = fit_detector(method, train.training(), {});
        io::write_fitted(folder.path() / (method.name + ".json"), *detector->fitted());
        const auto read = load_detector(io::read_fitted(folder.path() / (method.name + ".json")));
        EXPECT_EQ(read->method(), method.name);
        EXPECT_EQ(scores_of(*read, test), scores_of(*detector, test)) << method.name;
    }
}

TEST(EveryMethod, FitsTheSameHoweverTheRowsAreDividedIntoBlocks) {
    const MemoryRows train = random_world(3, 60);
    TrainingRows divided = train.training();
    divided.for_each_block = [&train](const auto& receive) {
        for (std::int64_t first = 0; first < 60; first += 7)
            receive(first, io::some_rows(train.activations(), first, std::min<std::int64_t>(7, 60 - first)));
    };
    for (const Method& method : methods()) {
        if (!method.fit) continue;
        const auto one = *fit_detector(method, train.training(), {})->fitted();
        const auto other = *fit_detector(method, divided, {})->fitted();
        EXPECT_EQ(one.state_json, other.state_json) << method.name;
        EXPECT_EQ(one.diagnostics_json, other.diagnostics_json) << method.name;
        for (const auto& [name, array] : one.arrays)
            EXPECT_EQ(array.values, other.arrays.at(name).values) << method.name;
    }
}

TEST(EveryMethod, GivesNoNanHoweverLargeOrSmallTheActivations) {
    MemoryRows extreme;
    extreme.head_weight = cross().head_weight;
    for (const float size : {0.0F, 1e-30F, 1e4F, 1e30F, 3e38F}) {
        for (const auto& [x, y] : {std::pair(1.0F, 0.0F), {1.0F, 1.0F}, {-1.0F, 1.0F}, {-1.0F, -1.0F}}) {
            extreme.labels.push_back(-1);
            for (const float value : {size * x, size * y}) {
                extreme.features.push_back(value);
                extreme.logits.push_back(value);
            }
        }
    }
    for (const Method& method : methods()) {
        const auto detector = any_detector(method, random_world(4, 60));
        for (const double score : scores_of(*detector, extreme)) EXPECT_FALSE(std::isnan(score)) << method.name;
    }
}

TEST(EveryMethod, SaysWhatTheStoreLacks) {
    MemoryRows rows = cross();
    rows.head_weight.clear();
    EXPECT_THAT(error_of([&] { fitted("vim", rows); }),
                HasSubstr("vim needs the network's head, and the store has none"));
    rows.features.clear();
    EXPECT_THAT(error_of([&] { fitted("knn", rows); }), HasSubstr("knn needs features, and the store has none"));
    rows.labels.assign(8, -1);
    EXPECT_THAT(error_of([&] { fitted("temperature", rows); }), HasSubstr("temperature needs labelled rows"));
    EXPECT_THAT(error_of([&] { fitted("msp", rows); }), HasSubstr("msp: needs no fit"));
}

TEST(EveryMethod, NamesARowThatIsNotFinite) {
    for (const Method& method : methods()) {
        if (!method.fit || method.make) continue;
        MemoryRows rows = cross();
        rows.logits[7] = std::numeric_limits<float>::quiet_NaN();
        rows.features[7] = std::numeric_limits<float>::infinity();
        const auto message = error_of([&] { fit_detector(method, rows.training(), {}); });
        EXPECT_THAT(message, HasSubstr("row 3 has a NaN or an infinity")) << method.name;
    }
}

TEST(Vim, TakesFewerDimensionsWhereTheRowsSpanNoMore) {
    MemoryRows line; // four features, rows on a line through the origin of the head
    line.head_weight = {1, 0, 0, 0, 0, 1, 0, 0};
    line.head_bias = {0, 0};
    for (int i = 1; i <= 8; ++i) {
        line.labels.push_back(i % 2);
        for (const float part : {1.0F, 2.0F, 3.0F, 0.0F}) line.features.push_back(part * static_cast<float>(i * (1 + i % 2)));
        line.features[line.features.size() - 2] += static_cast<float>(i % 3); // two dimensions
        line.logits.push_back(line.features[line.features.size() - 4]);
        line.logits.push_back(line.features[line.features.size() - 3]);
    }
    EXPECT_THAT(fitted("vim", line)->fitted()->diagnostics_json, HasSubstr("half of the 2 dimensions that the rows' features span"));
    EXPECT_THAT(error_of([&] {
                    fitted("vim", line, {{"dim", "2"}});
                }),
                HasSubstr("dim: found 2, expected less than the 2 dimensions"));
    EXPECT_THAT(fitted("residual", line)->fitted()->diagnostics_json, HasSubstr("no row lies outside of dim 2"));
}

TEST(RelativeMahalanobis, OfOneClassAloneIsRefused) {
    MemoryRows rows = cross();
    rows.labels.assign(8, 0);
    EXPECT_THAT(error_of([&] { fitted("relative-mahalanobis", rows); }), HasSubstr("has rows of one class alone, expected two at least"));
    EXPECT_EQ(error_of([&] { fitted("mahalanobis", rows); }), "none");
    rows.labels.front() = -1; // what has no label is a second group
    EXPECT_EQ(error_of([&] { fitted("relative-mahalanobis", rows); }), "none");
}

TEST(NnGuide, SaysWhereEveryKeptRowIsANeighbour) {
    EXPECT_THAT(fitted("nnguide", random_world(1, 60))->fitted()->diagnostics_json, HasSubstr("no neighbour counts more than another"));
    EXPECT_THAT(fitted("nnguide", random_world(1, 60), {{"k", "5"}, {"share", "1"}})->fitted()->diagnostics_json,
                testing::Not(HasSubstr("no neighbour")));
}

TEST(EveryMethod, RefusesAHeadThatDidNotMakeTheLogits) {
    for (const Method& method : methods()) {
        if (!method.needs.head) continue;
        MemoryRows rows = cross();
        rows.head_bias = {0, 0.0011F};
        EXPECT_THAT(error_of([&] { fit_detector(method, rows.training(), {}); }),
                    HasSubstr("away from the logits, expected at most 0.001"))
            << method.name;
        rows.head_bias = {0, 0.0009F};
        EXPECT_EQ(error_of([&] { fit_detector(method, rows.training(), {}); }), "none") << method.name;
    }
}

TEST(EveryMethod, RefusesParametersThatItDoesNotHave) {
    for (const Method& method : methods()) {
        const Parameters unknown = {{"kk", "1"}};
        const auto message =
            error_of([&] { method.fit ? fit_detector(method, cross().training(), unknown) : method.make(2, unknown); });
        EXPECT_THAT(message, AllOf(HasSubstr("usage: "), HasSubstr("\"kk\""), HasSubstr("expected"))) << method.name;
    }
    EXPECT_THAT(error_of([&] {
                    fitted("knn", cross(), {{"k", "0"}});
                }),
                HasSubstr("knn: k: found \"0\", expected a whole number of at least 1"));
    EXPECT_THAT(error_of([&] {
                    fitted("react", cross(), {{"percentile", "101"}});
                }),
                HasSubstr("expected a number from 0 to 100"));
    EXPECT_THAT(error_of([&] {
                    fitted("fdbd", cross(), {{"normalizer", "meen"}});
                }),
                HasSubstr("did you mean \"mean\"?"));
    EXPECT_THAT(error_of([&] { made("energy", 2, {{"temperature", "nan"}}); }), HasSubstr("a number greater than 0"));
}

TEST(EveryMethod, TellsEveryParameterInItsFile) {
    for (const Method& method : methods()) {
        if (!method.fit || method.name.starts_with("openmax")) continue;
        const auto params = io::Json::parse(any_detector(method, random_world(1, 60))->fitted()->params_json);
        EXPECT_EQ(params.size(), method.parameters.size()) << method.name;
        for (const Parameter& parameter : method.parameters) {
            EXPECT_TRUE(params.contains(parameter.name)) << method.name << " " << parameter.name;
            EXPECT_FALSE(parameter.help.empty() || parameter.source.empty()) << parameter.name;
        }
    }
}

TEST(EveryMethod, TellsWhatActivationsItWasFittedOn) {
    const MemoryRows world = random_world(1, 60);
    TrainingRows rows = world.training();
    rows.meta = {.model_name = "cats",
                 .model_sha256 = "12",
                 .labels = {"a", "b"},
                 .activation = "softmax",
                 .preprocess_json = "{}",
                 .head = "fc",
                 .precision = "int8",
                 .engine = "onednn",
                 .fast_decode = true};
    for (const Method& method : methods()) {
        if (!method.fit) continue;
        const io::FittedFile file = *fit_detector(method, rows, {})->fitted();
        EXPECT_THAT(io::mismatches(file, rows.meta), ElementsAre()) << method.name;
        EXPECT_EQ(file.labels, rows.meta.labels) << method.name;
        for (const auto& [member, other] : {std::pair(&io::StoreMeta::model_sha256, "34"),
                                            {&io::StoreMeta::preprocess_json, "[]"},
                                            {&io::StoreMeta::precision, "fp32"}}) {
            io::StoreMeta another = rows.meta;
            another.*member = other;
            EXPECT_EQ(io::mismatches(file, another).size(), 1U) << method.name << " " << other;
        }
        io::StoreMeta decoded_otherwise = rows.meta;
        decoded_otherwise.fast_decode = false;
        EXPECT_EQ(io::mismatches(file, decoded_otherwise).size(), 1U) << method.name;
    }
}

TEST(EveryMethod, RefusesAFileThatDoesNotHoldTogether) {
    for (const Method& method : methods()) {
        if (!method.fit || method.name.starts_with("openmax")) continue;
        const io::FittedFile sound = *any_detector(method, random_world(1, 60))->fitted();
        io::FittedFile broken = sound;
        broken.params_json = R"({"kk": 1})";
        EXPECT_THAT(error_of([&] { load_detector(broken); }), HasSubstr("corrupt: ")) << method.name;
        for (const auto& [name, array] : sound.arrays) {
            broken = sound;
            broken.arrays.erase(name);
            EXPECT_THAT(error_of([&] { load_detector(broken); }), HasSubstr("corrupt: ")) << method.name << " " << name;
            broken = sound;
            broken.arrays[name].values.front() = 1e61; // its square may be infinite, and infinities give NaN
            EXPECT_THAT(error_of([&] { load_detector(broken); }), HasSubstr("beyond 1e60"))
                << method.name << " " << name;
            broken = sound;
            broken.arrays[name].shape.front() += 1;
            EXPECT_THAT(error_of([&] { load_detector(broken); }), HasSubstr("corrupt: ")) << method.name << " " << name;
        }
        for (const auto& [name, array] : sound.float_arrays) {
            broken = sound;
            broken.float_arrays[name].shape.front() = 0;
            EXPECT_THAT(error_of([&] { load_detector(broken); }), HasSubstr("corrupt: ")) << method.name << " " << name;
        }
        if (sound.state_json == "{}") continue;
        broken = sound;
        broken.state_json = "{}";
        EXPECT_THAT(error_of([&] { load_detector(broken); }), HasSubstr("corrupt: ")) << method.name;
    }
}

} // namespace
} // namespace openset::detect
