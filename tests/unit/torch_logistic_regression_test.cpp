#include "openset/torch/logistic_regression.hpp"

#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

#include "openset/base/error.hpp"
#include "openset/base/random.hpp"
#include "openset/stats/activation.hpp"

namespace openset::torch {
namespace {

/// Three clouds of points that overlap.
struct Clouds {
    std::vector<float> features;
    std::vector<std::int64_t> labels;
    static constexpr int columns = 4, classes = 3;

    explicit Clouds(int rows, std::uint64_t seed = 1) {
        Random random(seed);
        for (int row = 0; row < rows; ++row) {
            const int label = row % 7 == 0 ? 0 : row % classes;
            labels.push_back(label);
            for (int column = 0; column < columns; ++column)
                features.push_back(static_cast<float>(random.normal() + (column == label ? 1.5 : 0)));
        }
    }

    LabelledFeatures view() const { return {features, columns, labels, classes}; }
};

/// The largest component of the objective's gradient, by the definition, in plain loops.
double gradient_of(const LabelledFeatures& rows, const LogisticRegression& problem, const FittedHead& fitted) {
    const auto columns = static_cast<std::size_t>(rows.columns), classes = static_cast<std::size_t>(rows.classes);
    std::vector<double> gradient(classes * columns), bias_gradient(classes);
    double weights = 0;
    for (std::size_t row = 0; row < rows.labels.size(); ++row)
        weights += problem.row_weights.empty() ? 1 : problem.row_weights[row];
    for (std::size_t row = 0; row < rows.labels.size(); ++row) {
        std::vector<double> logits(classes);
        for (std::size_t k = 0; k < classes; ++k) {
            logits[k] = fitted.bias[k];
            for (std::size_t j = 0; j < columns; ++j)
                logits[k] += fitted.weight[k * columns + j] * static_cast<double>(rows.features[row * columns + j]);
        }
        auto probability = stats::softmax(logits);
        if (problem.activation == model::Activation::sigmoid)
            for (std::size_t k = 0; k < classes; ++k) probability[k] = stats::sigmoid(logits[k]);
        const double weight = (problem.row_weights.empty() ? 1 : problem.row_weights[row]) / weights;
        for (std::size_t k = 0; k < classes; ++k) {
            const double error = probability[k] - (rows.labels[row] == static_cast<std::int64_t>(k) ? 1 : 0);
            bias_gradient[k] += weight * error;
            for (std::size_t j = 0; j < columns; ++j)
                gradient[k * columns + j] += weight * error * static_cast<double>(rows.features[row * columns + j]);
        }
    }
    double largest = 0;
    for (std::size_t i = 0; i < gradient.size(); ++i)
        largest = std::max(largest, std::abs(gradient[i] + problem.l2 * fitted.weight[i]));
    for (const double value : bias_gradient) largest = std::max(largest, std::abs(value));
    return largest;
}

LogisticRegression with_l2(double l2, model::Activation activation = model::Activation::softmax) {
    LogisticRegression problem;
    problem.activation = activation;
    problem.l2 = l2;
    return problem;
}

// The objective is strictly convex in the weights: where its gradient is 0 lies its only minimum.

TEST(FitHead, EndsWhereTheGradientOfTheObjectiveIsZero) {
    const Clouds clouds(200);
    for (const auto activation : {model::Activation::softmax, model::Activation::sigmoid}) {
        for (const double l2 : {1.0, 1e-2, 1e-4}) {
            const auto problem = with_l2(l2, activation);
            const FittedHead fitted = fit_head(clouds.view(), problem);
            EXPECT_TRUE(fitted.converged);
            EXPECT_LT(gradient_of(clouds.view(), problem, fitted), 2e-6) << l2;
        }
    }
}

TEST(FitHead, HonoursTheWeightsOfRows) {
    const Clouds clouds(120);
    auto problem = with_l2(1e-2);
    for (std::size_t i = 0; i < clouds.labels.size(); ++i)
        problem.row_weights.push_back(i % 5 == 0 ? 0 : 1 + static_cast<double>(i % 3));
    const FittedHead fitted = fit_head(clouds.view(), problem);
    EXPECT_LT(gradient_of(clouds.view(), problem, fitted), 2e-6);
}

TEST(FitHead, ARowOfWeightTwoIsTheRowTwice) {
    Clouds once(60);
    Clouds twice = once;
    twice.labels.push_back(once.labels[7]);
    for (int j = 0; j < Clouds::columns; ++j)
        twice.features.push_back(once.features[static_cast<std::size_t>(7 * Clouds::columns + j)]);
    auto weighted = with_l2(1e-2);
    weighted.tolerance = 1e-9;
    weighted.row_weights.assign(60, 1);
    weighted.row_weights[7] = 2;
    auto plain = with_l2(1e-2);
    plain.tolerance = 1e-9;
    const auto one = fit_head(once.view(), weighted), other = fit_head(twice.view(), plain);
    for (std::size_t i = 0; i < one.weight.size(); ++i) EXPECT_NEAR(one.weight[i], other.weight[i], 1e-6);
}

TEST(FitHead, TwoClassesOfTheSameRowsCannotBeToldApart) {
    const std::vector<float> features{1, 1};
    const std::vector<std::int64_t> labels{0, 1};
    const FittedHead fitted = fit_head({features, 1, labels, 2}, with_l2(0.1));
    EXPECT_NEAR(fitted.losses.back(), std::log(2.0), 1e-12);
    for (const double weight : fitted.weight) EXPECT_NEAR(weight, 0, 1e-9);
}

TEST(FitHead, GivesTheSameBitsEveryTimeAndItsLossesFall) {
    const Clouds clouds(200);
    const FittedHead first = fit_head(clouds.view(), with_l2(1e-3)), second = fit_head(clouds.view(), with_l2(1e-3));
    EXPECT_EQ(first.weight, second.weight);
    EXPECT_EQ(first.bias, second.bias);
    for (std::size_t i = 1; i < first.losses.size(); ++i) EXPECT_LE(first.losses[i], first.losses[i - 1]);
}

TEST(FitHead, SaysWhenItHadToStopBefore) {
    const Clouds clouds(200);
    auto problem = with_l2(1e-6);
    problem.max_iterations = 2;
    const FittedHead fitted = fit_head(clouds.view(), problem);
    EXPECT_FALSE(fitted.converged);
    EXPECT_GT(fitted.gradient, problem.tolerance);
}

TEST(FitHead, RefusesSpansThatDoNotFit) {
    const Clouds clouds(10);
    LabelledFeatures rows = clouds.view();
    rows.columns = 3;
    EXPECT_THROW(fit_head(rows, with_l2(1)), Error);
}

// ---- cross-validation

struct CrossValidation {
    Clouds clouds{150};
    std::vector<std::int64_t> picture; ///< each its own
    std::vector<int> fold;
    std::vector<double> l2{1, 0.1, 0.01, 1e-3};

    CrossValidation() : picture(150), fold(150) {
        std::iota(picture.begin(), picture.end(), 0);
        for (std::size_t i = 0; i < fold.size(); ++i) fold[i] = static_cast<int>(i % 5);
    }
};

TEST(ChooseL2, TakesTheSmallestLossOfRowsThatDidNotLearn) {
    const CrossValidation made;
    const L2Choice choice = choose_l2(made.clouds.view(), with_l2(1), made.picture, made.fold, made.l2, 2);
    ASSERT_GE(choice.trials.size(), 2U);
    for (const L2Trial& trial : choice.trials) EXPECT_GE(trial.loss, choice.trials[choice.best].loss);
    EXPECT_EQ(choice.logits.size(), 150U * 3);
}

TEST(ChooseL2, JudgesEachPictureByAHeadThatHasNotSeenIt) {
    const CrossValidation made;
    const std::vector<double> one{0.1};
    const L2Choice choice = choose_l2(made.clouds.view(), with_l2(1), made.picture, made.fold, one, 1);
    auto problem = with_l2(0.1);
    problem.tolerance = 1e-4;
    for (const int row : {0, 1, 77}) {
        problem.row_weights.clear();
        for (const int fold : made.fold)
            problem.row_weights.push_back(fold == made.fold[static_cast<std::size_t>(row)] ? 0 : 1);
        const model::Head head = fit_head(made.clouds.view(), problem).head();
        std::vector<float> logits(3);
        head.apply({made.clouds.features.data() + row * 4, 4}, logits);
        for (std::size_t k = 0; k < 3; ++k)
            EXPECT_NEAR(logits[k], choice.logits[static_cast<std::size_t>(row) * 3 + k], 1e-2);
    }
}

TEST(ChooseL2, GivesTheSameForAnyNumberOfThreads) {
    const CrossValidation made;
    const auto run = [&](int threads) {
        return choose_l2(made.clouds.view(), with_l2(1), made.picture, made.fold, made.l2, threads);
    };
    const L2Choice one = run(1), three = run(3);
    EXPECT_EQ(one.logits, three.logits);
    EXPECT_EQ(one.best, three.best);
    for (std::size_t i = 0; i < one.trials.size(); ++i) EXPECT_EQ(one.trials[i].loss, three.trials[i].loss);
}

TEST(ChooseL2, FurtherViewsOfAPictureLearnButAreNotJudged) {
    CrossValidation made;
    Clouds two_views(0);
    std::vector<std::int64_t> picture;
    for (std::size_t i = 0; i < made.clouds.labels.size(); ++i) {
        for (const float shift : {0.F, 0.25F}) {
            two_views.labels.push_back(made.clouds.labels[i]);
            picture.push_back(static_cast<std::int64_t>(i));
            for (std::size_t j = 0; j < 4; ++j)
                two_views.features.push_back(made.clouds.features[i * 4 + j] + shift);
        }
    }
    const std::vector<double> one{0.1};
    const L2Choice choice = choose_l2(two_views.view(), with_l2(1), picture, made.fold, one, 2);
    EXPECT_EQ(choice.logits.size(), 150U * 3);
    EXPECT_NEAR(choice.trials[0].accuracy * 150, std::round(choice.trials[0].accuracy * 150), 1e-9);
}

} // namespace
} // namespace openset::torch
