#include "openset/torch/quantise.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "error_of.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/random.hpp"
#include "openset/torch/architecture.hpp"
#include "openset/torch/runtime.hpp"
#include "openset/torch/script_network.hpp"
#include "temporary_folder.hpp"

namespace openset::torch {
namespace {

constexpr int side = 32;

model::Batch noise(int count, std::uint64_t seed) {
    model::Batch batch{count, side, side, {}};
    batch.data.resize(static_cast<std::size_t>(count) * 3 * side * side);
    Random random(seed);
    for (float& value : batch.data) value = static_cast<float>(2 * random.uniform() - 1);
    return batch;
}

model::Batch one_of(const model::Batch& batch, int index) {
    const std::ptrdiff_t picture = std::ptrdiff_t{3} * side * side;
    return {1, side, side, {batch.data.begin() + picture * index, batch.data.begin() + picture * (index + 1)}};
}

class QuantisedNetworks : public testing::Test {
protected:
    static void SetUpTestSuite() { prepare_process(); }

    model::NetworkFile built(const Architecture& architecture) {
        model::ModelInfo info;
        info.name = "built";
        info.labels = {"a", "b", "c"};
        info.head = "fc";
        info.preprocess.crop = image::Size{side, side};
        const auto path = folder_.path() / "float.pt";
        build_network(architecture, 3, 1).save(path, info);
        return model::open_network_file(path);
    }

    model::NetworkFile quantised(const model::NetworkFile& file, const Quantiser& quantiser) {
        const auto path = folder_.path() / "int8.pt";
        write_file_atomically(path, quantiser.archive(file.info, stats::RangeRule::minmax, 1));
        return model::open_network_file(path);
    }

    TemporaryFolder folder_;
};

double largest_difference(const model::Matrix& a, const model::Matrix& b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.values.size(); ++i)
        largest = std::max(largest, std::abs(static_cast<double>(a.values[i]) - static_cast<double>(b.values.at(i))));
    return largest;
}

double largest(const model::Matrix& matrix) {
    double most = 0;
    for (const float value : matrix.values) most = std::max(most, std::abs(static_cast<double>(value)));
    return most;
}

TEST_F(QuantisedNetworks, AResNetKeepsItsFeaturesWithinAFewPercent) {
    const auto file = built({"resnet18", 8, Stem::cifar});
    Quantiser quantiser(file);
    EXPECT_EQ(quantiser.layers().convolutions, 20);
    EXPECT_EQ(quantiser.layers().sums, 8);
    quantiser.observe(noise(16, 1));
    const auto int8 = quantised(file, quantiser);
    const auto before = load_network(file), after = load_network(int8);
    ASSERT_NE(after->head(), nullptr);
    EXPECT_EQ(after->head()->weight(), before->head()->weight());
    const auto pictures = noise(8, 2);
    const auto features = before->run(pictures).features, rounded = after->run(pictures).features;
    EXPECT_LT(largest_difference(features, rounded), 0.1 * largest(features));
    EXPECT_GT(largest_difference(features, rounded), 0);
}

TEST_F(QuantisedNetworks, GiveEqualBitsWhateverTheBatchAndThePlaceInIt) {
    const auto file = built({"resnet18", 8, Stem::imagenet});
    Quantiser quantiser(file);
    quantiser.observe(noise(4, 1));
    const auto network = load_network(quantised(file, quantiser));
    EXPECT_FALSE(network->report().picture_by_picture);
    const auto pictures = noise(16, 2);
    const auto together = network->run(pictures).features;
    for (int i = 0; i < pictures.count; ++i) {
        const auto alone = network->run(one_of(pictures, i)).features;
        const auto row = together.row(i);
        ASSERT_EQ(alone.values, std::vector<float>(row.begin(), row.end())) << "picture " << i;
    }
}

TEST_F(QuantisedNetworks, DoNotDependOnTheOrderInWhichPicturesWereObserved) {
    const auto file = built({"resnet18", 4, Stem::cifar});
    Quantiser forwards(file), backwards(file);
    const auto pictures = noise(6, 1);
    for (int i = 0; i < 6; ++i) forwards.observe(one_of(pictures, i));
    {
        std::jthread other([&] {
            for (int i = 5; i >= 3; --i) backwards.observe(one_of(pictures, i));
        });
        for (int i = 2; i >= 0; --i) backwards.observe(one_of(pictures, i));
    }
    EXPECT_EQ(forwards.observed(), 6);
    for (const auto rule : {stats::RangeRule::minmax, stats::RangeRule::percentile, stats::RangeRule::histogram})
        EXPECT_EQ(forwards.archive(file.info, rule, 0.9999), backwards.archive(file.info, rule, 0.9999));
}

} // namespace
} // namespace openset::torch
