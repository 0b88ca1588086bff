#include "openset/cascade/chain_calibration.hpp"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>

#include "error_of.hpp"
#include "openset/base/random.hpp"
#include "openset/io/calibration.hpp"

namespace openset::cascade {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

io::StageCalibration stage(Stage which, std::vector<double> scores = {}) {
    io::StageCalibration calibration;
    calibration.stage = which;
    calibration.method = which == Stage::unknown ? "msp" : "mass";
    calibration.scores = std::move(scores);
    return calibration;
}

/// Three stages whose scores have much to do with each other, as those of one picture have.
ChainRows some_rows(std::size_t count, std::uint32_t stream) {
    Random random(5, stream);
    ChainRows rows;
    rows.stages = {stage(Stage::gate), stage(Stage::species), stage(Stage::unknown)};
    rows.scores.resize(3);
    rows.label_names = {"cat", "dog"};
    for (std::size_t i = 0; i < count; ++i) {
        const double shared = random.normal();
        for (auto& scores : rows.scores) scores.push_back(shared + random.normal());
        rows.predicted.push_back(random.chance(0.3) ? 1 : 0);
        rows.classifier_rejects.push_back(0);
    }
    return rows;
}

/// One detector, whose scores are 0, 1, 2, ...: so many rows that are predicted cat, then dog, then hen.
ChainRows rows_of_labels(std::initializer_list<int> counts) {
    ChainRows rows;
    rows.stages = {stage(Stage::unknown)};
    rows.scores.resize(1);
    rows.label_names = {"cat", "dog", "hen"};
    for (const int count : counts) {
        const int label = rows.predicted.empty() ? 0 : rows.predicted.back() + 1;
        rows.predicted.insert(rows.predicted.end(), static_cast<std::size_t>(count), label);
    }
    rows.classifier_rejects.resize(rows.predicted.size(), 0);
    rows.scores[0].resize(rows.predicted.size());
    std::iota(rows.scores[0].begin(), rows.scores[0].end(), 0);
    return rows;
}

std::vector<std::size_t> all_of(const ChainRows& rows) {
    std::vector<std::size_t> all(rows.rows());
    std::iota(all.begin(), all.end(), 0);
    return all;
}

TEST(ChainCalibration, OfOneStageIsItsConformalPValue) {
    io::Calibration file;
    file.budget = 0.4;
    file.stages = {stage(Stage::unknown, {1, 2, 3, 4})};
    const ChainCalibration chain(file);
    EXPECT_DOUBLE_EQ(chain.stage_share(Stage::unknown, 3.5), 2.0 / 5);
    EXPECT_DOUBLE_EQ(chain.p_value(2.0 / 5), 2.0 / 5);
    EXPECT_EQ(chain.operating_points(0.4).at(Stage::unknown).threshold, 3); // rejects a score above: p <= 0.4
    EXPECT_EQ(chain.operating_points(0.2).at(Stage::unknown).threshold, 4);
    EXPECT_EQ(chain.operating_points(0.19).at(Stage::unknown).threshold, infinity);
}

TEST(ChainCalibration, OfSeveralStagesRanksTheLeastOfTheirShares) {
    io::Calibration file;
    file.stages = {stage(Stage::gate, {0.1, 0.2, 0.3, 0.4}), stage(Stage::unknown, {1, 2, 3, 4})};
    file.least_shares = {{0.2, 0.4, 0.6, 0.8}};
    const ChainCalibration chain(file);
    EXPECT_DOUBLE_EQ(chain.p_value(0.5), 3.0 / 5); // two of the four are as small
    EXPECT_DOUBLE_EQ(chain.p_value(0), 1.0 / 5);
    // p <= 0.4 where at most one of the four is as small: a least share below 0.4, which a score above the third has.
    const auto points = chain.operating_points(0.4);
    EXPECT_NEAR(points.at(Stage::gate).threshold, 0.3, 1e-12);
    EXPECT_NEAR(points.at(Stage::unknown).threshold, 3, 1e-12);
    EXPECT_DOUBLE_EQ(chain.stage_share(Stage::unknown, 3.5), 1.5 / 5); // half-way between 2/5 and 1/5
    EXPECT_DOUBLE_EQ(chain.stage_share(Stage::unknown, 6), 0.2 / 3);   // 2 above the largest, whose spread is 1
    EXPECT_EQ(points.at(Stage::gate).method, "mass");
    EXPECT_EQ(points.at(Stage::unknown).stage, "unknown");
}

TEST(ChainCalibration, RejectsByThresholdsExactlyWhereThePValueIsSmall) {
    const ChainRows rows = some_rows(301, 1), others = some_rows(500, 2);
    for (const bool by_label : {false, true}) {
        const ChainCalibration chain(calibrate(rows, all_of(rows), 0.1, by_label, 3));
        for (const double significance : {0.02, 0.05, 0.1, 0.5}) {
            const auto points = chain.operating_points(significance);
            for (std::size_t row = 0; row < others.rows(); ++row) {
                double least = 1;
                for (std::size_t i = 0; i < 3; ++i)
                    least = std::min(
                        least, chain.stage_share(others.stages[i].stage, others.scores[i][row], others.label(row)));
                EXPECT_EQ(chain.p_value(least) <= significance, rejected_by(others, row, points) != RejectedBy::nothing)
                    << row << " at " << significance;
            }
        }
    }
}

TEST(ChainCalibration, AllStagesTogetherRejectNoMoreThanTheBudgetOnAverage) {
    constexpr int sets = 300, judged = 50;
    for (const bool by_label : {false, true}) {
        for (const double budget : {0.05, 0.2}) {
            int rejected = 0;
            for (std::uint32_t set = 0; set < sets; ++set) {
                const ChainRows rows = some_rows(120 + judged, 100 + set);
                std::vector<std::size_t> which(120);
                std::iota(which.begin(), which.end(), 0);
                const auto points =
                    ChainCalibration(calibrate(rows, which, budget, by_label, set)).operating_points(budget);
                for (std::size_t row = 120; row < rows.rows(); ++row)
                    rejected += rejected_by(rows, row, points) != RejectedBy::nothing ? 1 : 0;
            }
            // Rows of one set share a calibration: the rate of a set spreads by about sqrt(budget / 60).
            const double deviation = std::sqrt(budget / 60 / sets),
                         rate = rejected / static_cast<double>(sets * judged);
            EXPECT_LE(rate, budget + 3 * deviation);
            EXPECT_GE(rate, budget - 1.0 / 61 - 3 * deviation); // and spends it, but for the steps of 60 rows
        }
    }
}

TEST(ChainCalibration, WhatTheClassifierRejectsItselfIsSpentOfTheBudget) {
    ChainRows rows = some_rows(400, 4);
    for (std::size_t row = 0; row < 400; row += 50) rows.classifier_rejects[row] = 1; // 2 %
    rows.classifier_can_reject = true;
    const io::Calibration file = calibrate(rows, all_of(rows), 0.1, false, 1);
    EXPECT_GT(std::ranges::count(*file.least_shares, 0.0), 0);
    const auto points = ChainCalibration(file).operating_points(0.1);
    int rejected = 0, by_classifier = 0;
    for (std::size_t row = 0; row < 400; ++row) {
        rejected += rejected_by(rows, row, points) != RejectedBy::nothing ? 1 : 0;
        by_classifier += rejected_by(rows, row, points) == RejectedBy::classifier ? 1 : 0;
    }
    EXPECT_GT(by_classifier, 0);
    EXPECT_LE(rejected, 48);
    for (std::size_t row = 0; row < 400; row += 5) rows.classifier_rejects[row] = 1;
    rows.classifier_can_reject = true;
    const std::string refused = error_of([&] { calibrate(rows, all_of(rows), 0.1, false, 1); });
    EXPECT_TRUE(refused.starts_with("usage: the classifier alone, by its min_probability, rejects ")) << refused;
}

TEST(ChainCalibration, ClassesWithEnoughRowsAreRankedByThemselves) {
    const ChainRows rows = rows_of_labels({20, 10, 10});
    const ChainCalibration chain(calibrate(rows, all_of(rows), 0.05, true, 0));
    EXPECT_DOUBLE_EQ(chain.stage_share(Stage::unknown, 39.5, "cat"), 1.0 / 21);
    EXPECT_DOUBLE_EQ(chain.stage_share(Stage::unknown, 29.5, "dog"), 11.0 / 21); // among the twenty of dog and hen
    EXPECT_DOUBLE_EQ(chain.stage_share(Stage::unknown, 39.5, "hen"), 1.0 / 21);
    EXPECT_DOUBLE_EQ(chain.stage_share(Stage::unknown, 39.5, "owl"), 1.0 / 21) << "which nothing was predicted to be";
    EXPECT_EQ(chain.operating_points(0.05).at(Stage::unknown).threshold_for("cat"), 19);
    EXPECT_EQ(chain.operating_points(0.05).at(Stage::unknown).threshold_for("hen"), 39);
}

TEST(ChainCalibration, LabelsThatWouldShareTooFewRowsShareThoseOfTheRarestThatHasEnough) {
    const ChainRows rows = rows_of_labels({30, 25, 5});
    const auto points = ChainCalibration(calibrate(rows, all_of(rows), 0.05, true, 0)).operating_points(0.05);
    EXPECT_EQ(points.at(Stage::unknown).threshold_for("cat"), 29);
    EXPECT_EQ(points.at(Stage::unknown).threshold_for("hen"), 59) << "five alone would never be rejected";
    EXPECT_EQ(points.at(Stage::unknown).threshold_for("dog"), 59);
}

TEST(ChainCalibration, AClassifierThatCouldRejectTakesItsPartEvenWhereItRejectsNothing) {
    ChainRows rows = some_rows(60, 6);
    rows.stages.resize(1);
    rows.scores.resize(1);
    EXPECT_FALSE(calibrate(rows, all_of(rows), 0.1, false, 0).least_shares);
    rows.classifier_can_reject = true;
    EXPECT_TRUE(calibrate(rows, all_of(rows), 0.1, false, 0).least_shares);
}

TEST(ChainCalibration, KnowsTheLeastPValueThatItCanGive) {
    io::Calibration file;
    file.stages = {stage(Stage::unknown, {1, 2, 3, 4})};
    EXPECT_DOUBLE_EQ(ChainCalibration(file).least_p_value(), 1.0 / 5);
    EXPECT_EQ(ChainCalibration(file).ranking_rows(), 4);
    file.least_shares = {{0, 0, 0.6, 0.8, 0.9}};
    EXPECT_DOUBLE_EQ(ChainCalibration(file).least_p_value(), 3.0 / 6);
    EXPECT_EQ(ChainCalibration(file).rejected_by_classifier(), 2);
}

TEST(ChainCalibration, ItsOwnRateLiesInTheRangeThatIsToldOfItAlsoWhereFoldsMeasuredOthers) {
    constexpr int sets = 400, judged = 4000;
    int outside = 0, outside_of_folds = 0;
    const auto folds = stats::clopper_pearson(20, 200, 0.95);
    for (std::uint32_t set = 0; set < sets; ++set) {
        const ChainRows rows = some_rows(200 + judged, 1000 + set);
        std::vector<std::size_t> which(200);
        std::iota(which.begin(), which.end(), 0);
        io::Calibration file = calibrate(rows, which, 0.1, false, set);
        file.measured_rows = 200;
        file.measured_rejected = 20; // what folds tell on the average
        file.measured_in_folds = true;
        const ChainCalibration chain(file);
        const auto points = chain.operating_points(0.1);
        double rejected = 0;
        for (std::size_t row = 200; row < rows.rows(); ++row)
            rejected += rejected_by(rows, row, points) != RejectedBy::nothing ? 1 : 0;
        const auto range = *chain.rejection_range(0.95);
        outside += rejected / judged < range.lower || rejected / judged > range.upper ? 1 : 0;
        outside_of_folds += rejected / judged < folds.lower || rejected / judged > folds.upper ? 1 : 0;
    }
    EXPECT_LE(outside, 33); // 20 and three standard errors
    EXPECT_GT(outside_of_folds, 33) << "what folds tell is no range of this calibration's own rate";
    EXPECT_FALSE(ChainCalibration(io::Calibration{}).rejection_range(0.95));
}

TEST(ChainCalibration, SaysHowManyRowsABudgetNeeds) {
    const ChainRows rows = some_rows(36, 1);
    EXPECT_EQ(
        error_of([&] { calibrate(rows, all_of(rows), 0.05, false, 1); }),
        "usage: found 36 known rows, of which 18 rank, expected 37 or more for a budget of 5 %; add held-out known "
        "pictures, or raise --budget");
    const ChainRows enough = some_rows(37, 1);
    EXPECT_EQ(calibrate(enough, all_of(enough), 0.05, false, 1).least_shares->size(), 19U);
}

// ---- the file

io::Calibration some_calibration() {
    io::Calibration calibration;
    calibration.budget = 0.05;
    calibration.stages = {stage(Stage::gate, {0.25, -infinity, infinity}), stage(Stage::unknown, {1})};
    calibration.stages[0].accept = R"(["151-268"])";
    calibration.stages[0].network_sha256 = std::string(64, 'a');
    calibration.stages[1].scores_by_label = {{"cat", {2, 3}}};
    calibration.stages[1].fitted_sha256 = std::string(64, 'b');
    calibration.least_shares = {{0, 0.5}};
    calibration.measured_rows = 100;
    calibration.measured_rejected = 4;
    calibration.calibrated_on = R"({"rows":6})";
    return calibration;
}

TEST(Calibration, ComesBackAsItWasWritten) {
    const io::Calibration read = io::parse_calibration(io::to_json(some_calibration()), "c.json");
    EXPECT_EQ(io::to_json(read), io::to_json(some_calibration()));
    EXPECT_EQ(read.stages[0].scores, (std::vector{0.25, -infinity, infinity}));
    EXPECT_EQ(read.stages[1].scores_by_label.at("cat"), (std::vector<double>{2, 3}));
    EXPECT_EQ(read.measured_rejected, 4);
}

TEST(Calibration, SaysWhatIsWrongWithAFile) {
    const auto problem = [](const std::string& from, const std::string& to) {
        std::string text = io::to_json(some_calibration());
        text.replace(text.find(from), from.size(), to);
        return error_of([&] { io::parse_calibration(text, "c.json"); });
    };
    EXPECT_EQ(problem("\"budget\":0.05", "\"budget\":5"),
              "corrupt: c.json: /budget: found 5, expected a number from 0 to 1");
    EXPECT_EQ(problem("\"stage\":\"gate\"", "\"stage\":\"unknown\""),
              "corrupt: c.json: /stages/1: found the stage unknown behind unknown, expected gate, species and unknown "
              "in this "
              "order, each once at most");
    EXPECT_EQ(problem("\"least_shares\":[0.0,0.5]", "\"least_shares\":[]"),
              "corrupt: c.json: /least_shares: found an empty array, expected an array of shares");
    EXPECT_EQ(problem(",\"least_shares\":[0.0,0.5]", ""),
              "corrupt: c.json: no \"least_shares\", expected those of the rows that rank the stages together, as "
              "there is more than one stage");
    EXPECT_EQ(problem("\"rejected\":4", "\"rejected\":400"),
              "corrupt: c.json: /measured/rejected: found 400, expected no more than known_rows");
    EXPECT_EQ(problem("0.25", "null"),
              "corrupt: c.json: /stages/0/scores/0: found null, expected a number, \"inf\" or \"-inf\"");
    EXPECT_EQ(problem("\"*\":", "\"rest\":"),
              "corrupt: c.json: /stages/1/scores: no \"*\", expected the scores of the rows of all other labels");
}

} // namespace
} // namespace openset::cascade
