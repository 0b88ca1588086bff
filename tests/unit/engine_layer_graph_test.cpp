#include "openset/engine/layer_graph.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "engine_reference.hpp"

namespace openset::engine {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Activation relu{Activation::Kind::clip, 0, std::numeric_limits<float>::infinity()};
const Convolution same_3x3{.kernel = {3, 3}, .padding = {1, 1, 1, 1}};

const Convolution& convolution_of(const LayerGraph& graph, ValueId value) {
    return std::get<Convolution>(graph.nodes[value].operation);
}

/// The largest difference between what two graphs give for one drawn picture.
double largest_difference(const LayerGraph& one, const LayerGraph& other) {
    Random random(5);
    const auto picture = drawn(one.nodes.front().shape.size(), random);
    const auto a = reference(one, picture), b = reference(other, picture);
    double largest = 0;
    for (std::size_t i = 0; i < one.outputs.size(); ++i) {
        const Values &x = a[one.outputs[i].value], &y = b[other.outputs[i].value];
        for (std::size_t k = 0; k < x.size(); ++k) largest = std::max(largest, std::abs(x[k] - y[k]));
    }
    return largest;
}

TEST(Fusing, MakesABlockOfAResidualNetworkItsTwoConvolutions) {
    GraphBuilder build({8, 6, 6});
    const ValueId first = build.activate(build.scale_shift(build.convolution(0, 8, same_3x3)), relu);
    const ValueId second = build.scale_shift(build.convolution(first, 8, same_3x3));
    const auto graph = build.graph({build.activate(build.sum(second, 0), relu)});
    const auto fused = fuse(graph);
    ASSERT_THAT(fused.nodes, SizeIs(3));
    EXPECT_THAT(fused.nodes[2].inputs, ElementsAre(1, 0));
    EXPECT_EQ(convolution_of(fused, 1).activation, relu);
    EXPECT_EQ(convolution_of(fused, 2).activation, relu);
    EXPECT_LT(largest_difference(graph, fused), 1e-5);
}

TEST(Fusing, GivesTheSumToTheConvolutionThatComesLater) {
    GraphBuilder build({8, 6, 6});
    const ValueId main = build.convolution(0, 8, same_3x3), shortcut = build.convolution(0, 8, {});
    const auto graph = build.graph({build.sum(main, shortcut)});
    const auto fused = fuse(graph);
    ASSERT_THAT(fused.nodes, SizeIs(3));
    EXPECT_THAT(fused.nodes[1].inputs, ElementsAre(0));
    EXPECT_THAT(fused.nodes[2].inputs, ElementsAre(0, 1));
    EXPECT_LT(largest_difference(graph, fused), 1e-12);
}

TEST(Fusing, MakesZerosAroundAPictureThePaddingOfEachConvolutionAfterThem) {
    GraphBuilder build({4, 7, 6});
    const ValueId padded = build.pad(0, {0, 1, 2, 1});
    const auto graph = build.graph({build.convolution(padded, 4, {.kernel = {3, 3}, .stride = {2, 2}}),
                                    build.convolution(padded, 8, {.kernel = {2, 2}, .padding = {1, 0, 0, 0}})});
    const auto fused = fuse(graph);
    ASSERT_THAT(fused.nodes, SizeIs(3));
    EXPECT_EQ(convolution_of(fused, 1).padding, (Padding{0, 1, 2, 1}));
    EXPECT_EQ(convolution_of(fused, 2).padding, (Padding{1, 1, 2, 1}));
    EXPECT_LT(largest_difference(graph, fused), 1e-12);
}

TEST(Fusing, TakesASumOfChannelsForNoPadding) {
    GraphBuilder build({3, 7, 6});
    const ValueId grey = build.convolution(0, 1, {});
    LayerGraph graph = build.graph({build.convolution(grey, 4, same_3x3)});
    auto& sum = std::get<Convolution>(graph.nodes[grey].operation);
    sum.weight = {1, 1, 1};
    sum.bias = {0};
    const auto fused = fuse(graph);
    ASSERT_THAT(fused.nodes, SizeIs(3));
    EXPECT_LT(largest_difference(graph, fused), 1e-12);
}

TEST(OutputExtent, IsNothingWhereTheKernelDoesNotFit) {
    EXPECT_EQ(output_extent({3, 2, 3}, {3, 3}, {2, 2}, {}, {}), (Extent{0, 1}));
    EXPECT_EQ(output_extent({3, 1, 1}, {2, 2}, {2, 2}, {}, {0, 0, 1, 1}), (Extent{1, 1}));
}

TEST(Fusing, LeavesAloneWhatSomebodyElseStillAsksFor) {
    GraphBuilder build({4, 5, 5});
    const ValueId convolved = build.convolution(0, 4, same_3x3);
    const ValueId active = build.activate(convolved, relu);
    const auto graph = build.graph({build.sum(active, convolved), convolved});
    const auto fused = fuse(graph);
    EXPECT_EQ(convolution_of(fused, 1).activation, Activation{});
    EXPECT_LT(largest_difference(graph, fused), 1e-12);
}

TEST(Fusing, DoesNotPutAScaleBehindAnActivationOrASumInFrontOfIt) {
    GraphBuilder build({4, 5, 5});
    const ValueId summed = build.sum(build.convolution(0, 4, same_3x3), 0);
    const auto graph = build.graph({build.activate(build.scale_shift(build.activate(summed, relu)), relu)});
    EXPECT_LT(largest_difference(graph, fuse(graph)), 1e-12);
}

TEST(Fusing, LeavesOutWhatNothingAsksFor) {
    GraphBuilder build({4, 5, 5});
    build.convolution(0, 4, same_3x3);
    const ValueId kept = build.pool(0, {.kernel = {5, 5}});
    const auto fused = fuse(build.graph({kept}));
    ASSERT_THAT(fused.nodes, SizeIs(2));
    EXPECT_EQ(fused.outputs.front().value, 1U);
}

} // namespace
} // namespace openset::engine
