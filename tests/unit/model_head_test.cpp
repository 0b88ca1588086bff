#include "openset/model/head.hpp"

#include <gtest/gtest.h>
#include <random>

namespace openset::model {
namespace {

TEST(Head, MultipliesAndAddsTheBias) {
    const std::vector<float> weight = {1, 2, 3, 4, 5, 6}, bias = {0.5F, -1}, features = {1, 0.5F, 2};
    const Head head(2, 3, weight, bias);
    std::vector<float> logits(2);
    head.apply(features, logits);
    EXPECT_EQ(logits, (std::vector<float>{8.5F, 17.5F}));
    EXPECT_EQ(head.weight(), weight);
}

TEST(Head, SumsInDoubleFromTheFirstFeatureUpwardsWhateverTheNumberOfClasses) {
    constexpr int classes = 77, features = 501; // not multiples of a block
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> weight(classes * features), bias(classes), row(features), logits(classes);
    for (auto* values : {&weight, &bias, &row}) {
        for (float& value : *values) value = normal(random);
    }
    const Head head(classes, features, weight, bias);
    head.apply(row, logits);
    for (std::size_t k = 0; k < classes; ++k) {
        double sum = 0;
        for (std::size_t d = 0; d < features; ++d)
            sum += static_cast<double>(row[d]) * static_cast<double>(weight[k * features + d]);
        EXPECT_EQ(logits[k], static_cast<float>(sum + static_cast<double>(bias[k]))) << "class " << k;
    }

    std::vector<float> rows, of_all(classes * 9); // nine rows: more than a kernel takes at once
    for (int i = 0; i < 9; ++i) rows.insert(rows.end(), row.begin(), row.end());
    head.apply(rows, of_all);
    for (std::size_t i = 0; i < of_all.size(); ++i) EXPECT_EQ(of_all[i], logits[i % classes]) << i;
}

} // namespace
} // namespace openset::model
