// What goes to a device and comes back, with the CPU in the device's place.

#include <ATen/ops/ones.h>
#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <string>
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
    const at::Tensor batch = upload(pictures, preprocess, at::kCPU, at::kFloat, at::MemoryFormat::Contiguous);
    ASSERT_EQ(batch.sizes(), at::IntArrayRef({2, 3, 16, 16}));
    for (int i = 0; i < 2; ++i) {
        const at::Tensor plane = batch[i].contiguous();
        const std::vector<float> values(plane.data_ptr<float>(), plane.data_ptr<float>() + plane.numel());
        EXPECT_EQ(values, normalised(*pictures[static_cast<std::size_t>(i)], preprocess)) << i;
    }
}

TEST(Upload, LaysTheNumbersOutAsTheNetworkWantsThem) {
    const image::Picture one = every_level(0);
    const std::vector<const image::Picture*> pictures = {&one};
    for (const auto layout : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast})
        EXPECT_TRUE(upload(pictures, {}, at::kCPU, at::kFloat, layout).is_contiguous(layout));
}

TEST(Upload, RoundsTheNumbersToTheTypeOfTheNetwork) {
    const image::Picture one = every_level(0);
    const std::vector<const image::Picture*> pictures = {&one};
    const at::Tensor exact = upload(pictures, {}, at::kCPU, at::kFloat, at::MemoryFormat::Contiguous);
    EXPECT_TRUE(upload(pictures, {}, at::kCPU, at::kHalf, at::MemoryFormat::Contiguous).equal(exact.to(at::kHalf)));
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
    convert_constants(*graph, at::kBFloat16, at::MemoryFormat::ChannelsLast);
    std::vector<at::Tensor> constants;
    for (const auto* node : graph->nodes()) constants.push_back(node->t(::torch::jit::attr::value));
    ASSERT_EQ(constants.size(), 2U);
    EXPECT_EQ(constants[0].scalar_type(), at::kBFloat16);
    EXPECT_TRUE(constants[0].is_contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_EQ(constants[1].scalar_type(), at::kLong);
}

/// A graph of one convolution of `channels` channels in `groups` groups.
std::shared_ptr<::torch::jit::Graph> convolution(std::int64_t channels, std::int64_t groups) {
    auto graph = std::make_shared<::torch::jit::Graph>();
    auto* const input = graph->addInput();
    const auto pair = [&](std::int64_t value) {
        return graph->insertConstant(std::vector<std::int64_t>{value, value});
    };
    auto* const filters = graph->insertConstant(at::ones({channels, channels / groups, 3, 3}));
    auto* const bias = graph->insertConstant(at::ones({channels}));
    graph->registerOutput(graph->insert(at::aten::conv2d, {input, filters, bias, pair(2), pair(1), pair(1), groups}));
    return graph;
}

std::string last_operation(const ::torch::jit::Graph& graph) {
    return graph.outputs()[0]->node()->kind().toQualString();
}

TEST(DepthwiseConvolutions, AreGivenToLibTorchsOwnKernelWithTheirStrideAndPadding) {
    const auto graph = convolution(8, 8);
    EXPECT_EQ(use_own_depthwise_kernel(*graph), 1);
    graph->lint();
    ASSERT_EQ(last_operation(*graph), "aten::_conv_depthwise2d");
    const auto list_of = [&](const char* name) {
        return ::torch::jit::toIValue(graph->outputs()[0]->node()->namedInput(name))->toIntVector();
    };
    EXPECT_EQ(list_of("kernel_size"), (std::vector<std::int64_t>{3, 3}));
    EXPECT_EQ(list_of("stride"), (std::vector<std::int64_t>{2, 2}));
    EXPECT_EQ(list_of("padding"), (std::vector<std::int64_t>{1, 1}));
}

TEST(DepthwiseConvolutions, AreNotThoseOfSeveralChannelsAGroup) {
    for (const std::int64_t groups : {1, 4}) {
        const auto graph = convolution(8, groups);
        EXPECT_EQ(use_own_depthwise_kernel(*graph), 0);
        EXPECT_EQ(last_operation(*graph), "aten::conv2d");
    }
}

} // namespace
} // namespace openset::torch
