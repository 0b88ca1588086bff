#include <array>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"
#include "openset/detect/detector.hpp"

// The detectors that need no fit. Against golden/store: golden/detectors_test.cpp.
namespace openset::detect {
namespace {

using testing::HasSubstr;

std::vector<double> scores_of(const Detector& detector, const std::vector<float>& logits, std::int64_t classes) {
    const auto rows = std::ssize(logits) / classes;
    io::Activations activations;
    activations.rows = rows;
    activations.logits = {rows, classes, logits.data()};
    std::vector<double> scores(static_cast<std::size_t>(rows));
    detector.score(activations, scores);
    return scores;
}

double score_of(const Detector& detector, const std::vector<float>& logits) {
    return scores_of(detector, logits, std::ssize(logits)).front();
}

TEST(Baselines, MspIsMinusTheLargestSoftmax) {
    EXPECT_DOUBLE_EQ(score_of(*make_msp(2), {0, 0}), -0.5);
    EXPECT_DOUBLE_EQ(score_of(*make_msp(3), {1, 2, 3}), -1 / (1 + std::exp(-1.0) + std::exp(-2.0)));
    EXPECT_EQ(score_of(*make_msp(2), {3e38F, -3e38F}), -1);
}

TEST(Baselines, MaxLogitIsMinusTheLargestLogit) {
    EXPECT_EQ(score_of(*make_max_logit(3), {-3, -1.5F, -2}), 1.5);
    EXPECT_EQ(score_of(*make_max_logit(1), {7}), -7);
}

TEST(Baselines, SigmoidMaxIsMinusTheLargestSigmoid) {
    EXPECT_EQ(score_of(*make_sigmoid_max(2), {0, -1}), -0.5);
    EXPECT_DOUBLE_EQ(score_of(*make_sigmoid_max(2), {-40, -50}), -std::exp(-40.0) / (1 + std::exp(-40.0)));
    EXPECT_EQ(score_of(*make_sigmoid_max(1), {-3e38F}), 0);
}

TEST(Baselines, ARowScoresTheSameWhateverStandsBesideIt) {
    const std::vector<float> logits = {1, 2, 3, -1, 0.5F, 0, 9, 9, 9};
    for (const auto make : {make_msp, make_max_logit, make_sigmoid_max}) {
        const auto detector = make(3);
        const auto together = scores_of(*detector, logits, 3);
        for (std::size_t row = 0; row < together.size(); ++row)
            EXPECT_EQ(together[row], score_of(*detector, {&logits[row * 3], &logits[row * 3] + 3}));
    }
}

TEST(Baselines, HaveNothingFittedAndNeedTheLogitsAlone) {
    for (const char* name : {"msp", "max-logit", "entropy", "sigmoid-max"}) {
        const Method& method = method_named(name);
        const auto detector = method.make(4, {});
        EXPECT_EQ(detector->method(), method.name);
        EXPECT_FALSE(detector->fitted().has_value());
        EXPECT_FALSE(detector->score_is_log_odds());
        EXPECT_EQ(detector->needs().classes, 4);
        EXPECT_EQ(detector->needs().features, 0);
    }
}

TEST(Methods, AreFoundByNameOrByWhatIsCloseToIt) {
    EXPECT_EQ(method_named("max-logit").name, "max-logit");
    EXPECT_THAT(error_of([] { method_named("max-logits"); }),
                testing::AllOf(testing::StartsWith("usage: no method \"max-logits\""),
                               HasSubstr("did you mean \"max-logit\"?")));
}

TEST(Methods, AFittedFileOfAMethodWithoutAFitIsRefused) {
    io::FittedFile fitted;
    fitted.method = "msp";
    EXPECT_THAT(error_of([&] { load_detector(fitted); }), HasSubstr("corrupt: "));
    fitted.method = "mahalanobis 3";
    EXPECT_THAT(error_of([&] { load_detector(fitted); }), HasSubstr("usage: "));
}

TEST(Methods, WhatTheActivationsLackIsSaid) {
    const std::vector<float> logits(6);
    io::Activations activations;
    activations.rows = 2;
    activations.logits = {2, 3, logits.data()};
    EXPECT_EQ(error_of([&] { require_needs(*make_msp(3), activations, "a.store"); }), "none");
    EXPECT_THAT(error_of([&] { require_needs(*make_msp(4), activations, "a.store"); }),
                HasSubstr("usage: a.store: msp needs logits of 4 columns, found 3"));
}

} // namespace
} // namespace openset::detect
