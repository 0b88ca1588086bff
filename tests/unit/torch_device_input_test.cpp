// What goes to a device and comes back, with the CPU in the device's place.

#include <ATen/ops/ones.h>
#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <torch/csrc/jit/ir/constants.h>
#include <vector>

#include "torch/device_graph.hpp"
#include "torch/device_input.hpp"

namespace openset::torch {
namespace {

image::Picture every_level(int shift) {
    image::Picture picture{16, 16, {}};
    for (int i = 0; i < 16 * 16 * 3; ++i) picture.rgb.push_back(static_cast<std::uint8_t>(i * 7 + shift));
    return picture;
}

std::vector<float> normalised(const image::Picture& picture, const image::PreprocessSpec& preprocess) {
    std::vector<float> values(picture.rgb.size());
    image::normalise(picture, preprocess, values);
    return values;
}

TEST(Upload, GivesTheVeryNumbersOfNormalise) {
    const image::PreprocessSpec preprocess;
    const image::Picture one = every_level(0), other = every_level(91);
    const std::vector<const image::Picture*> pictures = {&one, &other};
    const at::Tensor batch = upload(pictures, preprocess, at::kCPU, at::kFloat);
    ASSERT_EQ(batch.sizes(), at::IntArrayRef({2, 3, 16, 16}));
    for (int i = 0; i < 2; ++i) {
        const at::Tensor plane = batch[i].contiguous();
        const std::vector<float> values(plane.data_ptr<float>(), plane.data_ptr<float>() + plane.numel());
        EXPECT_EQ(values, normalised(*pictures[static_cast<std::size_t>(i)], preprocess)) << i;
    }
}

TEST(Upload, IsChannelsLastInMemoryWithoutACopy) {
    const image::Picture one = every_level(0);
    const std::vector<const image::Picture*> pictures = {&one};
    EXPECT_TRUE(upload(pictures, {}, at::kCPU, at::kFloat).is_contiguous(at::MemoryFormat::ChannelsLast));
}

TEST(Upload, RoundsTheNumbersToTheTypeOfTheNetwork) {
    const image::Picture one = every_level(0);
    const std::vector<const image::Picture*> pictures = {&one};
    const at::Tensor exact = upload(pictures, {}, at::kCPU, at::kFloat);
    EXPECT_TRUE(upload(pictures, {}, at::kCPU, at::kHalf).equal(exact.to(at::kHalf)));
}

TEST(Download, GivesFloatsOfTheSameSizes) {
    const at::Tensor half = at::ones({2, 3}).div(3).to(at::kHalf), whole = at::ones({1}, at::kFloat);
    const auto here = download({half, whole});
    ASSERT_EQ(here.size(), 2U);
    EXPECT_TRUE(here[0].equal(half.to(at::kFloat)));
    EXPECT_TRUE(here[1].equal(whole));
}

TEST(OwnStream, IsNoneOnTheCpu) { EXPECT_FALSE(own_stream(at::kCPU)); }

TEST(ConvertConstants, TurnsWeightsAndFiltersAndLeavesWholeNumbers) {
    auto graph = std::make_shared<::torch::jit::Graph>();
    graph->insertConstant(at::ones({4, 3, 2, 2}));
    graph->insertConstant(at::ones({4}, at::kLong));
    convert_constants(*graph, at::kBFloat16);
    std::vector<at::Tensor> constants;
    for (const auto* node : graph->nodes()) constants.push_back(node->t(::torch::jit::attr::value));
    ASSERT_EQ(constants.size(), 2U);
    EXPECT_EQ(constants[0].scalar_type(), at::kBFloat16);
    EXPECT_TRUE(constants[0].is_contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_EQ(constants[1].scalar_type(), at::kLong);
}

} // namespace
} // namespace openset::torch
