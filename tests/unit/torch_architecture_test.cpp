#include "openset/torch/architecture.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

#include "error_of.hpp"
#include "openset/base/random.hpp"
#include "openset/torch/runtime.hpp"
#include "openset/torch/script_network.hpp"
#include "temporary_folder.hpp"
#include "torch/trainable_network_impl.hpp"

namespace openset::torch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Architectures : public testing::Test {
protected:
    static void SetUpTestSuite() { prepare_process(); }
};

/// Names of parameters and buffers, in order, with their sizes: "conv1.weight [64, 3, 7, 7]".
std::vector<std::string> state_dict(const TrainableNetwork& network) {
    std::vector<std::string> lines;
    const auto add = [&](const auto& named) {
        lines.push_back(named.name + " " + (::testing::Message() << named.value.sizes()).GetString());
    };
    for (const auto& named : network.implementation().module.named_parameters()) add(named);
    for (const auto& named : network.implementation().module.named_buffers()) add(named);
    return lines;
}

model::Batch noise(int count, int side) {
    model::Batch batch{count, side, side, {}};
    batch.data.resize(static_cast<std::size_t>(count) * 3 * static_cast<std::size_t>(side * side));
    Random random(1);
    for (float& value : batch.data) value = static_cast<float>(random.uniform());
    return batch;
}

model::Batch one_of(const model::Batch& batch, int index) {
    const std::ptrdiff_t picture = std::ptrdiff_t{3} * batch.height * batch.width;
    return {1,
            batch.height,
            batch.width,
            {batch.data.begin() + picture * index, batch.data.begin() + picture * (index + 1)}};
}

/// Saved with labels and opened again as any other network.
std::unique_ptr<ScriptNetwork> reopened(const TrainableNetwork& network, int side) {
    const TemporaryFolder folder;
    model::ModelInfo info;
    info.labels = {"a", "b", "c"};
    info.head = network.head();
    info.preprocess.crop = image::Size{side, side};
    network.save(folder / "built.pt", info);
    return load_network(model::open_network_file(folder / "built.pt"), {"cpu", true});
}

constexpr std::uint64_t seed = 7;

// That it has torchvision's numbers too: tests/torchvision/built.py.
TEST_F(Architectures, AResNet18HasTorchvisionsNames) {
    const auto lines = state_dict(build_network({"resnet18", 4}, 1000, seed));
    EXPECT_THAT(lines, SizeIs(122)); // len(torchvision.models.resnet18().state_dict())
    for (const char* line : {"conv1.weight [4, 3, 7, 7]", "bn1.running_var [4]", "bn1.num_batches_tracked []",
                             "layer1.0.conv1.weight [4, 4, 3, 3]", "layer2.0.downsample.0.weight [8, 4, 1, 1]",
                             "layer2.0.downsample.1.running_mean [8]", "layer4.1.bn2.bias [32]", "fc.weight [1000, 32]",
                             "fc.bias [1000]"}) {
        EXPECT_THAT(lines, ::testing::Contains(line));
    }
}

TEST_F(Architectures, ASavedNetworkIsCutAtItsHeadAndFoldedAndGivesEqualBitsWhateverTheBatch) {
    struct Case {
        Architecture architecture;
        int side;
        int features;
    };
    for (const Case& c : {Case{{"resnet18", 8}, 64, 64}, Case{{"resnet50", 4}, 64, 128},
                          Case{{"resnet18", 8, Stem::cifar}, 32, 64}, Case{{"dhrnet", 8}, 32, 32}}) {
        SCOPED_TRACE(c.architecture.name);
        const auto network = reopened(build_network(c.architecture, 3, seed), c.side);
        ASSERT_TRUE(network->report().cut_at_head);
        EXPECT_FALSE(network->report().picture_by_picture);
        const model::Batch batch = noise(5, c.side);
        const model::Outputs all = network->run(batch);
        ASSERT_EQ(all.features.columns, c.features);
        for (int i = 0; i < batch.count; ++i) {
            const model::Outputs alone = network->run(one_of(batch, i));
            EXPECT_TRUE(std::ranges::equal(alone.features.row(0), all.features.row(i)));
            for (const auto& [name, matrix] : all.extras) {
                EXPECT_TRUE(std::ranges::equal(alone.extras.at(name).row(0), matrix.row(i)));
            }
        }
    }
}

TEST_F(Architectures, HaveOneTrunkOnlyWhereEveryNumberInFrontOfTheHeadIsTheSame) {
    const auto trunk_with = [](const std::string& changed) {
        const TrainableNetwork network = build_network({"resnet18", 4}, 3, seed);
        const at::NoGradGuard as_data;
        const auto& module = network.implementation().module;
        for (const auto& named : module.named_parameters())
            if (named.name == changed) named.value.flatten()[0] += 1e-3;
        for (const auto& named : module.named_buffers())
            if (named.name == changed) named.value.flatten()[0] += 1e-3;
        return reopened(network, 64)->trunk();
    };
    const std::string trunk = trunk_with("");
    EXPECT_FALSE(trunk.empty());
    EXPECT_EQ(trunk_with("fc.weight"), trunk);
    for (const char* name : {"conv1.weight", "layer2.0.downsample.0.weight", "layer4.1.bn2.bias", "bn1.running_mean"})
        EXPECT_NE(trunk_with(name), trunk) << name;
}

TEST_F(Architectures, ADhrNetGivesThreeTimes32Latents) {
    const auto network = reopened(build_network({"dhrnet", 8}, 3, seed), 32);
    EXPECT_EQ(network->run(noise(2, 32)).extras.at("latents").columns, 96);
}

TEST_F(Architectures, ADhrNetReconstructsPicturesOfTheirSize) {
    const TrainableNetwork network = build_network({"dhrnet", 8}, 3, seed);
    const auto both = network.implementation().module.get_method("reconstruct")({at::zeros({2, 3, 32, 48})});
    EXPECT_EQ(both.toTupleRef().elements()[0].toTensor().sizes(), (at::IntArrayRef{2, 3}));
    EXPECT_EQ(both.toTupleRef().elements()[1].toTensor().sizes(), (at::IntArrayRef{2, 3, 32, 48}));
}

TEST_F(Architectures, TheSeedDecidesTheWeights) {
    const auto sum = [](std::uint64_t of_seed) {
        double total = 0;
        const TrainableNetwork network = build_network({"resnet18", 4}, 3, of_seed);
        for (const at::Tensor& tensor : network.implementation().module.parameters())
            total += tensor.abs().sum().item<double>();
        return total;
    };
    EXPECT_EQ(sum(1), sum(1));
    EXPECT_NE(sum(1), sum(2));
}

TEST_F(Architectures, WeightsBeginAsTorchvisionsDo) {
    const TrainableNetwork network = build_network({"resnet18", 16}, 10, seed);
    for (const auto& [name, tensor] : network.implementation().module.named_parameters()) {
        if (name == "layer4.1.conv2.weight") { // fan_out: 128 * 3 * 3
            EXPECT_NEAR(tensor.std().item<double>(), std::sqrt(2.0 / 1152), 0.0005);
            EXPECT_NEAR(tensor.mean().item<double>(), 0, 0.0005);
        } else if (name == "fc.weight") {
            EXPECT_LE(tensor.abs().max().item<double>(), 1 / std::sqrt(128.0));
            EXPECT_NEAR(tensor.abs().mean().item<double>(), 0.5 / std::sqrt(128.0), 0.003);
        } else if (name == "layer2.0.bn1.weight") {
            EXPECT_EQ(tensor.min().item<double>(), 1);
        }
    }
}

TEST_F(Architectures, BlocksAreReadOffTheTreeOfSubmodules) {
    EXPECT_THAT(build_network({"resnet18", 4}, 3, seed).blocks(),
                ElementsAre(ElementsAre("conv1", "bn1"), ElementsAre("layer1.0"), ElementsAre("layer1.1"),
                            ElementsAre("layer2.0"), ElementsAre("layer2.1"), ElementsAre("layer3.0"),
                            ElementsAre("layer3.1"), ElementsAre("layer4.0"), ElementsAre("layer4.1")));
}

TEST_F(Architectures, NamesAndSizesThatCannotBeAreTold) {
    EXPECT_THAT(error_of([] { build_network({"resnet81"}, 3, seed); }),
                AllOf(HasSubstr("usage: no architecture \"resnet81\""), HasSubstr("did you mean \"resnet18\"?")));
    EXPECT_THAT(error_of([] { build_network({"resnet18", 0}, 3, seed); }), HasSubstr("width 0, expected 1 to 1024"));
    EXPECT_THAT(error_of([] { build_network({"resnet18"}, 0, seed); }), HasSubstr("expected 1 or more"));
}

} // namespace
} // namespace openset::torch
