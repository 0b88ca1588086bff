#include "openset/engine/compiled_network.hpp"

#include <cmath>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <thread>

#include "engine_reference.hpp"
#include "error_of.hpp"

namespace openset::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr Activation relu{Activation::Kind::clip, 0, std::numeric_limits<float>::infinity()};

model::Batch drawn_batch(const Shape& shape, int count, std::uint64_t seed = 3) {
    Random random(seed);
    return {count, shape.height, shape.width, drawn(static_cast<std::size_t>(count) * shape.size(), random)};
}

/// The largest difference from the reference, as a part of the reference's largest number; over all outputs.
double relative_difference(const LayerGraph& graph, Precision precision = Precision::fp32) {
    const CompiledNetwork network(graph, precision);
    const auto batch = drawn_batch(graph.nodes.front().shape, 2);
    const auto got = network.run(batch);
    double worst = 0;
    for (int picture = 0; picture < batch.count; ++picture) {
        const std::size_t size = graph.nodes.front().shape.size();
        const auto expected =
            reference(graph, std::span(batch.data).subspan(static_cast<std::size_t>(picture) * size, size));
        for (std::size_t o = 0; o < graph.outputs.size(); ++o) {
            const Values& wanted = expected[graph.outputs[o].value];
            const auto row = got[o].row(picture);
            EXPECT_EQ(row.size(), wanted.size());
            double largest = 0, scale = 0;
            for (std::size_t i = 0; i < wanted.size(); ++i) {
                EXPECT_TRUE(std::isfinite(row[i])) << i;
                largest = std::max(largest, std::abs(static_cast<double>(row[i]) - wanted[i]));
                scale = std::max(scale, std::abs(wanted[i]));
            }
            worst = std::max(worst, largest / scale);
        }
    }
    return worst;
}

struct ConvolutionCase {
    const char* name;
    Shape input;
    int channels;
    Convolution kind;
};

class Convolutions : public testing::TestWithParam<ConvolutionCase> {};

TEST_P(Convolutions, GiveWhatPlainLoopsGive) {
    const ConvolutionCase& given = GetParam();
    GraphBuilder build(given.input);
    EXPECT_LT(relative_difference(build.graph({build.convolution(0, given.channels, given.kind)})), 5e-6);
}

INSTANTIATE_TEST_SUITE_P(
    OfEveryKind, Convolutions,
    testing::Values(
        ConvolutionCase{"of_a_picture", {3, 20, 22}, 32, {.kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3, 3, 3}}},
        ConvolutionCase{"1x1", {24, 9, 9}, 40, {}}, ConvolutionCase{"1x1_strided", {16, 9, 8}, 32, {.stride = {2, 2}}},
        ConvolutionCase{"3x3", {16, 11, 13}, 16, {.kernel = {3, 3}, .padding = {1, 1, 1, 1}}},
        ConvolutionCase{"3x3_over_many_channels", {64, 14, 13}, 80, {.kernel = {3, 3}, .padding = {1, 1, 1, 1}}},
        ConvolutionCase{"of_few_channels", {5, 8, 8}, 7, {.kernel = {3, 3}, .padding = {1, 1, 1, 1}}},
        ConvolutionCase{
            "padded_below_and_right", {8, 10, 10}, 8, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {0, 0, 1, 1}}},
        ConvolutionCase{"taller_than_wide", {8, 9, 9}, 8, {.kernel = {3, 1}, .padding = {1, 0, 1, 0}}},
        ConvolutionCase{"dilated", {8, 12, 12}, 8, {.kernel = {3, 3}, .dilation = {2, 2}, .padding = {2, 2, 2, 2}}},
        ConvolutionCase{"in_groups", {32, 7, 7}, 64, {.kernel = {3, 3}, .padding = {1, 1, 1, 1}, .groups = 4}},
        ConvolutionCase{"depthwise", {48, 12, 12}, 48, {.kernel = {3, 3}, .padding = {1, 1, 1, 1}, .groups = 48}},
        ConvolutionCase{"depthwise_5x5_strided",
                        {40, 14, 14},
                        40,
                        {.kernel = {5, 5}, .stride = {2, 2}, .padding = {1, 1, 2, 2}, .groups = 40}},
        ConvolutionCase{"fully_connected", {16, 4, 4}, 10, {.kernel = {4, 4}}}),
    [](const auto& each) { return std::string(each.param.name); });

class Activations : public testing::TestWithParam<Activation::Kind> {};

TEST_P(Activations, GiveWhatTheyAreDefinedAsBehindAConvolutionAndAlone) {
    const Activation activation{GetParam(), -0.25F, 1.5F};
    GraphBuilder build({8, 6, 6});
    const ValueId fused = build.activate(build.convolution(0, 16, {}), activation);
    EXPECT_LT(relative_difference(build.graph({fused, build.activate(0, activation)})), 5e-6);
}

INSTANTIATE_TEST_SUITE_P(OfEveryKind, Activations,
                         testing::Values(Activation::Kind::clip, Activation::Kind::sigmoid, Activation::Kind::silu,
                                         Activation::Kind::hard_sigmoid, Activation::Kind::hard_swish));

TEST(CompiledNetworks, PoolByTheLargestAndByTheMean) {
    GraphBuilder build({20, 9, 10});
    const Pool largest{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}};
    const Pool mean{Pool::Kind::average, {3, 3}, {2, 2}, {1, 1, 1, 1}, false};
    const Pool mean_with_zeros{Pool::Kind::average, {3, 3}, {2, 2}, {1, 1, 1, 1}, true};
    const Pool whole{Pool::Kind::average, {9, 10}, {9, 10}, {}, false};
    EXPECT_LT(relative_difference(build.graph(
                  {build.pool(0, largest), build.pool(0, mean), build.pool(0, mean_with_zeros), build.pool(0, whole)})),
              1e-6);
}

TEST(CompiledNetworks, AddWhatIsNeededAgainLater) {
    GraphBuilder build({16, 8, 8});
    const ValueId start = build.convolution(0, 16, {});
    const ValueId sum = build.sum(build.convolution(start, 16, {.kernel = {3, 3}, .padding = {1, 1, 1, 1}}), start);
    const ValueId again = build.sum(build.convolution(sum, 16, {}), start); // start is used after the first sum
    EXPECT_LT(relative_difference(build.graph({again, sum, build.sum(again, sum)})), 2e-6);
}

TEST(CompiledNetworks, ScaleChannelsByWhatIsSqueezedOutOfThem) {
    GraphBuilder build({32, 7, 7});
    const ValueId squeezed = build.pool(0, {Pool::Kind::average, {7, 7}, {1, 1}, {}, false});
    const ValueId gate =
        build.activate(build.convolution(build.activate(build.convolution(squeezed, 8, {}), relu), 32, {}),
                       {Activation::Kind::sigmoid, 0, 0});
    EXPECT_LT(relative_difference(build.graph({build.product(0, gate)})), 2e-6);
}

TEST(CompiledNetworks, JoinChannelsAndNormaliseWhatWasJoined) {
    GraphBuilder build({8, 6, 6});
    const ValueId joined = build.concatenation({build.convolution(0, 12, {}), 0, build.convolution(0, 16, {})});
    const ValueId normalised = build.activate(build.scale_shift(joined), relu);
    EXPECT_LT(relative_difference(build.graph({build.convolution(normalised, 8, {})})), 2e-6);
}

TEST(CompiledNetworks, PutZerosAroundAPictureThatNoConvolutionTakes) {
    GraphBuilder build({16, 6, 6});
    const ValueId padded = build.pad(0, {1, 0, 2, 3});
    EXPECT_LT(relative_difference(build.graph({build.pool(padded, {.kernel = {2, 2}, .stride = {2, 2}})})), 1e-7);
}

TEST(CompiledNetworks, AddToA3x3ConvolutionOverManyChannelsWhateverLayoutTheOtherTermHas) {
    GraphBuilder build({3, 14, 14});
    const Convolution same{.kernel = {3, 3}, .padding = {1, 1, 1, 1}};
    const ValueId start = build.activate(build.convolution(0, 64, {}), relu);
    const ValueId x =
        build.activate(build.sum(build.convolution(build.convolution(start, 64, same), 64, same), start), relu);
    const ValueId y = build.activate(build.sum(build.convolution(x, 64, same), x), {Activation::Kind::clip, 0, 6});
    EXPECT_LT(relative_difference(build.graph({build.sum(y, start), y})), 1e-5);
}

/// Stem, depthwise block with a shortcut, strided block, mean: a small EfficientNet.
LayerGraph small_network() {
    GraphBuilder build({3, 33, 33});
    const Convolution stem{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}};
    ValueId x = build.activate(build.convolution(0, 24, stem), {Activation::Kind::clip, 0, 6});
    for (const int stride : {1, 2}) {
        const Convolution depthwise{
            .kernel = {5, 5}, .stride = {stride, stride}, .padding = {2, 2, 2, 2}, .groups = 96};
        ValueId y = build.activate(build.scale_shift(build.convolution(x, 96, {})), {Activation::Kind::clip, 0, 6});
        y = build.activate(build.convolution(y, 96, depthwise), {Activation::Kind::clip, 0, 6});
        y = build.convolution(y, 24, {});
        x = stride == 1 ? build.sum(y, x) : y;
    }
    return build.graph({build.pool(x, {Pool::Kind::average, {9, 9}, {1, 1}, {}, false}), x});
}

TEST(CompiledNetworks, GiveWhatPlainLoopsGiveOfAWholeNetwork) { EXPECT_LT(relative_difference(small_network()), 2e-6); }

/// The same in eight bits, on grids that make roundings of every kind.
LayerGraph small_network_in_eight_bits() {
    constexpr Grid pixels{0.0311F, 97}, positive{0.0173F, 0}, any{0.0291F, 121};
    GraphBuilder build({3, 33, 33});
    const Convolution stem{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}};
    ValueId x = build.convolution_in_eight_bits(build.rounded(0, pixels), 24, stem, positive);
    for (const int stride : {1, 2}) {
        const Convolution depthwise{
            .kernel = {5, 5}, .stride = {stride, stride}, .padding = {2, 2, 2, 2}, .groups = 96};
        ValueId y = build.convolution_in_eight_bits(x, 96, {}, positive);
        y = build.convolution_in_eight_bits(y, 96, depthwise, positive);
        y = build.convolution_in_eight_bits(y, 24, {}, any);
        x = stride == 1 ? build.sum_on(any, y, x) : y;
    }
    return build.graph({build.pool(x, {Pool::Kind::average, {9, 9}, {1, 1}, {}, false}), x});
}

TEST(CompiledNetworks, RunSeveralPicturesAtOnceInEightBitsOnly) {
    EXPECT_THAT(CompiledNetwork(small_network()).description(), StartsWith("pictures at once: 1\n"));
    EXPECT_THAT(CompiledNetwork(small_network_in_eight_bits()).description(), StartsWith("pictures at once: 4\n"));
}

class SmallNetworks : public testing::TestWithParam<LayerGraph (*)()> {};

INSTANTIATE_TEST_SUITE_P(InFloatAndInEightBits, SmallNetworks,
                         testing::Values(&small_network, &small_network_in_eight_bits));

TEST_P(SmallNetworks, GiveTheSameBitsInAnyBatchAndPlaceAndFromAnyThread) {
    const CompiledNetwork network(GetParam()());
    const auto batch = drawn_batch({3, 33, 33}, 16);
    const auto all = network.run(batch);
    const std::size_t size = Shape{3, 33, 33}.size();
    const auto expect_same = [&](int first, int count) {
        const auto start = batch.data.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(first) * size);
        const model::Batch part{
            count, 33, 33, {start, start + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(count) * size)}};
        const auto got = network.run(part);
        for (std::size_t o = 0; o < all.size(); ++o) {
            const auto wanted = all[o].row(first);
            EXPECT_EQ(std::memcmp(got[o].values.data(), wanted.data(), got[o].values.size() * sizeof(float)), 0)
                << first << " " << count;
        }
    };
    expect_same(0, 1);
    expect_same(15, 1);
    expect_same(3, 2);
    expect_same(7, 5);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { expect_same(i, 1 + 3 * i); });
    for (std::thread& thread : threads) thread.join();
}

TEST(CompiledNetworks, RefuseAPictureOfAnotherSize) {
    const CompiledNetwork network(small_network());
    EXPECT_THAT(error_of([&] {
                    static_cast<void>(network.run(drawn_batch({3, 32, 33}, 1)));
                }),
                HasSubstr("model: was made for pictures of 33x33, got one of 33x32"));
}

// ---- in eight bits: powers of two as scales, so that float computes exactly what the plain loops do

constexpr Grid pixels{0x1p-5F, 100}, sums{0x1p-3F, 0}, signed_sums{0x1p-3F, 117};

class InEightBits : public testing::TestWithParam<ConvolutionCase> {};

TEST_P(InEightBits, ConvolutionsGiveWhatPlainLoopsGiveToTheLastBit) {
    for (const std::optional<Grid>& grid : {std::optional(sums), std::optional(signed_sums), std::optional<Grid>()}) {
        GraphBuilder build(GetParam().input);
        const ValueId input = build.rounded(0, pixels);
        const ValueId made = build.convolution_in_eight_bits(input, GetParam().channels, GetParam().kind, grid);
        EXPECT_EQ(relative_difference(build.graph({made})), 0) << (grid ? grid->zero_point : -1);
    }
}

INSTANTIATE_TEST_SUITE_P(
    OfEveryKind, InEightBits,
    testing::Values(
        ConvolutionCase{"plain", {16, 9, 9}, 24, {.kernel = {3, 3}, .padding = {1, 1, 1, 1}}},
        ConvolutionCase{"pixels", {3, 17, 15}, 16, {.kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3, 3, 3}}},
        ConvolutionCase{"pointwise", {64, 5, 5}, 32, {}},
        ConvolutionCase{"depthwise", {32, 8, 8}, 32, {.kernel = {3, 3}, .padding = {1, 1, 1, 1}, .groups = 32}},
        ConvolutionCase{"uneven", {8, 8, 8}, 8, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {0, 0, 1, 1}}},
        ConvolutionCase{"few_channels", {5, 6, 6}, 7, {.kernel = {2, 2}}}),
    [](const auto& test) { return test.param.name; });

TEST(CompiledNetworks, KeepEightBitsFromLayerToLayer) {
    GraphBuilder build({3, 20, 20});
    const ValueId padded = build.pad(0, {1, 1, 1, 1});
    const ValueId input = build.rounded(padded, pixels);
    const ValueId first = build.convolution_in_eight_bits(input, 32, {.kernel = {3, 3}}, sums);
    const ValueId pooled = build.pool(first, {Pool::Kind::maximum, {3, 3}, {2, 2}, {1, 1, 1, 1}, false});
    const ValueId second =
        build.convolution_in_eight_bits(pooled, 32, {.kernel = {3, 3}, .padding = {1, 1, 1, 1}}, signed_sums);
    const ValueId sum = build.sum_on(sums, pooled, second);
    const ValueId joined = build.concatenation({sum, pooled});
    const ValueId mean = build.pool(sum, {Pool::Kind::average, {10, 10}, {10, 10}, {}, false});
    EXPECT_LT(relative_difference(build.graph({mean, joined, second})), 1e-6);
    const std::string kernels = CompiledNetwork(build.graph({mean})).description();
    EXPECT_THAT(kernels, HasSubstr("convolution 3x3 of 32 channels in eight bits"));
    EXPECT_THAT(kernels, HasSubstr("sum in eight bits"));
}

TEST(CompiledNetworks, ComputeInFloatWhatStandsBetweenLayersInEightBits) {
    GraphBuilder build({8, 6, 6});
    const ValueId input = build.rounded(0, pixels);
    const ValueId gate = build.activate(build.convolution(input, 8, {}), {Activation::Kind::sigmoid, 0, 0});
    const ValueId made =
        build.convolution_in_eight_bits(build.rounded(build.product(input, gate), pixels), 8, {}, sums);
    EXPECT_LT(relative_difference(build.graph({build.scale_shift(made)})), 0.02); // a rounding may go either way
}

TEST(CompiledNetworks, RefuseWeightsInEightBitsForValuesInFloat) {
    GraphBuilder build({8, 6, 6});
    const ValueId made = build.convolution_in_eight_bits(0, 8, {}, sums);
    EXPECT_THAT(error_of([&] { const CompiledNetwork network(build.graph({made})); }),
                HasSubstr("a convolution in eight bits takes values in float"));
}

TEST(CompiledNetworks, ApplyEveryActivationBehindASumByAFastKernel) {
    for (const auto kind : {Activation::Kind::clip, Activation::Kind::sigmoid, Activation::Kind::silu,
                            Activation::Kind::hard_sigmoid, Activation::Kind::hard_swish}) {
        GraphBuilder build({8, 6, 6});
        const ValueId twice = build.sum(build.pool(0, {Pool::Kind::maximum, {1, 1}, {1, 1}, {}, false}), 0);
        const auto graph = build.graph({build.activate(twice, {kind, 0, 6})});
        EXPECT_LT(relative_difference(graph), 1e-6);
        const std::string kernels = CompiledNetwork(graph).description();
        EXPECT_THAT(kernels, HasSubstr("activation: jit"));
        EXPECT_THAT(kernels, Not(HasSubstr("ref"))); // 0.6 ms for the last sum of a ResNet-18
    }
}

TEST(CompiledNetworks, SayWhichKernelsRun) {
    EXPECT_THAT(CompiledNetwork(small_network()).description(), HasSubstr("convolution 5x5 of 96 channels: "));
}

TEST(CompiledNetworks, ComputeInBfloat16WithinItsEightBits) {
    if (!has_fast(Precision::bf16)) GTEST_SKIP() << onednn_instruction_set() << " has no bf16";
    EXPECT_LT(relative_difference(small_network(), Precision::bf16), 2e-2);
}

} // namespace
} // namespace openset::engine
