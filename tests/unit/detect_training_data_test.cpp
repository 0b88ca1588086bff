#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "error_of.hpp"
#include "memory_rows.hpp"
#include "openset/detect/detector.hpp"
#include "temporary_folder.hpp"

// What several methods take of all rows, and sums of shards put together: a fit from them is that of all rows.
namespace openset::detect {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

constexpr std::size_t classes = 3, features = 5;

/// Some rows of which some have no label, features far from the origin, and the head that made the logits.
/// labels  which of the classes there are
MemoryRows shard(unsigned seed, std::size_t rows, const std::vector<std::int64_t>& labels) {
    std::mt19937 bits(seed);
    const auto number = [&bits] { return static_cast<float>(bits() % 1000) / 250; };
    MemoryRows made;
    std::mt19937 of_head(1);
    for (std::size_t i = 0; i < classes * features; ++i)
        made.head_weight.push_back(static_cast<float>(of_head() % 100) / 100 - 0.5F);
    made.head_bias = {0.25F, 0, -0.25F};
    for (std::size_t i = 0; i < rows; ++i) {
        made.labels.push_back(labels[bits() % labels.size()]);
        for (std::size_t j = 0; j < features; ++j)
            made.features.push_back(100 + number() + 3 * static_cast<float>(made.labels.back() == static_cast<int>(j)));
        for (std::size_t c = 0; c < classes; ++c) {
            double logit = made.head_bias[c];
            for (std::size_t j = 0; j < features; ++j)
                logit += static_cast<double>(made.head_weight[c * features + j]) *
                         static_cast<double>(made.features[made.features.size() - features + j]);
            made.logits.push_back(static_cast<float>(logit));
        }
    }
    return made;
}

MemoryRows together(const std::vector<MemoryRows>& shards) {
    MemoryRows all = shards.front();
    for (std::size_t i = 1; i < shards.size(); ++i) {
        all.labels.insert(all.labels.end(), shards[i].labels.begin(), shards[i].labels.end());
        all.features.insert(all.features.end(), shards[i].features.begin(), shards[i].features.end());
        all.logits.insert(all.logits.end(), shards[i].logits.begin(), shards[i].logits.end());
    }
    return all;
}

/// A class that one shard alone has, one that another has none of, rows without a label in two of three.
std::vector<MemoryRows> three_shards() { return {shard(1, 40, {0, 1, -1}), shard(2, 25, {0, 1, 2}), shard(3, 1, {-1})}; }

io::FittedFile sums_of(const MemoryRows& rows) {
    const TrainingRows training = rows.training();
    return TrainingData(training).sums();
}

std::vector<io::FittedFile> sums_of(const std::vector<MemoryRows>& shards) {
    std::vector<io::FittedFile> files;
    for (const MemoryRows& rows : shards) files.push_back(sums_of(rows));
    return files;
}

std::vector<double> scores_of(const Detector& detector, const MemoryRows& rows) {
    std::vector<double> scores(rows.labels.size());
    detector.score(rows.activations(), scores);
    return scores;
}

TEST(TrainingData, MeansAndScatterAreThoseOfNumPy) {
    MemoryRows rows;
    rows.labels = {0, 0, 1, -1, -1};
    rows.features = rows.logits = {1, 2, 3, 6, 5, 5, 0, 1, 2, 3};
    const TrainingRows training = rows.training();
    const TrainingData data(training);
    const GroupMeans& means = data.by_label(FeatureScale::as_they_are);
    EXPECT_THAT(means.counts, ElementsAre(2, 1, 2));
    EXPECT_THAT(means.means, ElementsAre(2, 4, 5, 5, 1, 2));
    EXPECT_THAT(means.overall(), ElementsAre(2.2, 3.4));
    EXPECT_THAT(data.scatter(FeatureScale::as_they_are).labelled, ElementsAre(2, 4, 4, 8));
    EXPECT_THAT(data.scatter(FeatureScale::as_they_are).unlabelled, ElementsAre(2, 2, 2, 2));
    // np.cov(f.T, bias=True), and f' f / 5
    EXPECT_THAT(data.squares_about(means.overall(), FeatureScale::as_they_are),
                Pointwise(DoubleNear(1e-12), std::vector<double>{2.96, 2.72, 2.72, 3.44}));
    EXPECT_THAT(data.squares_about(std::vector<double>{0, 0}, FeatureScale::as_they_are),
                Pointwise(DoubleNear(1e-12), std::vector<double>{7.8, 10.2, 10.2, 15}));
    EXPECT_THAT(data.of_correct().counts, ElementsAre(0, 0)); // label 0's rows have the larger second logit, 1's are equal
}

TEST(TrainingData, EveryFitFromMergedSumsIsTheFitOnAllRows) {
    const TemporaryFolder folder;
    const std::vector<MemoryRows> shards = three_shards();
    std::vector<io::FittedFile> parts;
    for (const io::FittedFile& sums : sums_of(shards)) {
        const auto file = folder.path() / (std::to_string(parts.size()) + ".json");
        io::write_fitted(file, sums);
        parts.push_back(io::read_fitted(file));
    }
    const TrainingData merged = TrainingData::merged(parts);
    const MemoryRows all = together(shards), test = shard(9, 30, {0, 1, 2, -1});
    int fitted = 0;
    for (const Method& method : methods()) {
        if (!method.fit || method.needs.rows || what_is_missing(method, merged)) continue;
        const auto from_sums = fit_detector(method, merged, {}), from_rows = fit_detector(method, all.training(), {});
        const auto found = scores_of(*from_sums, test), expected = scores_of(*from_rows, test);
        for (std::size_t i = 0; i < found.size(); ++i)
            EXPECT_NEAR(found[i], expected[i], 1e-9 * std::max(1.0, std::abs(expected[i]))) << method.name << " row " << i;
        EXPECT_EQ(from_sums->fitted()->labels, from_rows->fitted()->labels);
        ++fitted;
    }
    EXPECT_EQ(fitted, 12);
}

TEST(TrainingData, SumsOfMergedSumsAreThoseOfAllRowsInAnyOrder) {
    std::vector<io::FittedFile> parts = sums_of(three_shards());
    const io::FittedFile expected = sums_of(together(three_shards()));
    std::ranges::reverse(parts);
    const io::FittedFile found = TrainingData::merged(parts).sums();
    EXPECT_EQ(found.state_json, expected.state_json);
    EXPECT_EQ(found.float_arrays.at("head_weight").values, expected.float_arrays.at("head_weight").values);
    ASSERT_EQ(found.arrays.size(), expected.arrays.size());
    for (const auto& [name, array] : expected.arrays)
        EXPECT_THAT(found.arrays.at(name).values, Pointwise(DoubleNear(1e-9), array.values)) << name;
}

TEST(TrainingData, WhatDoesNotBelongTogetherIsRefused) {
    const auto refusal = [](std::vector<io::FittedFile> parts) {
        parts.front().name = "a.json";
        parts.back().name = "b.json";
        return error_of([&] { TrainingData::merged(parts); });
    };
    const std::vector<io::FittedFile> parts = {sums_of(three_shards()[0]), sums_of(three_shards()[1])};
    EXPECT_EQ(refusal(parts), "none");

    auto other = parts;
    other[0].model_sha256 = std::string(64, 'a');
    other[1].model_sha256 = std::string(64, 'b');
    EXPECT_THAT(refusal(other), HasSubstr("b.json: cannot be put together with a.json, which was fitted on activations of "
                                          "another network"));
    other = parts;
    other[0].fitted_on = other[1].fitted_on = "one";
    EXPECT_THAT(refusal(other), HasSubstr("b.json: is of the very same store as a.json"));
    other = parts;
    other[1].float_arrays["head_bias"].values[0] = 1;
    EXPECT_THAT(refusal(other), HasSubstr("has another head"));
    other = parts;
    other[1].labels[0] = "other";
    EXPECT_THAT(refusal(other), HasSubstr("labels"));
    other = parts;
    other[1] = *fit_detector(method_named("energy"), three_shards()[0].training(), {})->fitted();
    EXPECT_THAT(refusal(other), HasSubstr("b.json: is a fitted energy, expected sums of a store"));
}

TEST(TrainingData, SumsThatDoNotHoldTogetherAreRefused) {
    const auto refusal = [](const auto& damage) {
        io::FittedFile file = sums_of(three_shards()[0]);
        file.name = "a.json";
        damage(file);
        return error_of([&] { TrainingData::merged({&file, 1}); });
    };
    EXPECT_THAT(refusal([](auto& file) { file.arrays.erase("scatter_l2"); }),
                HasSubstr("/state/arrays/scatter_l2: missing, expected an array [5, 5]"));
    EXPECT_THAT(refusal([](auto& file) { file.arrays["label_counts"].values[0] = 0.5; }),
                HasSubstr("found 0.5, expected a number of rows"));
    EXPECT_THAT(refusal([](auto& file) { file.arrays["label_counts"].values[0] += 1; }),
                HasSubstr("label_counts"));
    EXPECT_THAT(refusal([](auto& file) { file.state_json = R"({"rows": 40, "labelled_rows": 41})"; }),
                HasSubstr("/state/labelled_rows"));
    EXPECT_THAT(refusal([](auto& file) {
                    file.float_arrays["head_weight"] = {{3, 1}, {1, 2, 3}};
                }),
                HasSubstr("/state/arrays/head_weight: found one of [3, 1], expected an array [3, 5]"));
    EXPECT_THAT(refusal([](auto& file) { file.arrays.erase("scatter_unlabelled"); }), HasSubstr("scatter_unlabelled"));
}

TEST(TrainingData, AMethodThatNeedsRowsSaysSo) {
    const io::FittedFile sums = sums_of(three_shards()[0]);
    const TrainingData data = TrainingData::merged({&sums, 1});
    EXPECT_THAT(error_of([&] { fit_detector(method_named("knn"), data, {}); }),
                HasSubstr("knn needs the rows themselves, and these are sums of them"));
    EXPECT_THAT(error_of([&] { load_detector(sums); }), HasSubstr("holds sums of training rows, expected a detector"));
}

} // namespace
} // namespace openset::detect
