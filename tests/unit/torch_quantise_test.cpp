#include "openset/torch/quantise.hpp"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <thread>
#include <torch/script.h>

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

double largest_difference(const model::Matrix& a, const model::Matrix& b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.values.size(); ++i) {
        EXPECT_TRUE(std::isfinite(a.values[i]) && std::isfinite(b.values.at(i))) << i;
        largest = std::max(largest, std::abs(static_cast<double>(a.values[i]) - static_cast<double>(b.values.at(i))));
    }
    return largest;
}

double largest(const model::Matrix& matrix) {
    double most = 0;
    for (const float value : matrix.values) most = std::max(most, std::abs(static_cast<double>(value)));
    return most;
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

    /// A network of TorchScript source with weights from the seed: convolutions w1 (3 -> 16 of 3x3), w2
    /// (depthwise, 5x5) and w3 (16 -> 16 of 1x1), and a head.
    model::NetworkFile written(const std::string& forward) {
        at::manual_seed(7);
        ::torch::jit::Module module("Written");
        const auto add = [&module](const char* name, const at::Tensor& tensor) {
            module.register_parameter(name, tensor, false);
        };
        add("w1", at::randn({16, 3, 3, 3}) / 3);
        add("w2", at::randn({16, 1, 5, 5}) / 3);
        add("w3", at::randn({16, 16, 1, 1}) / 3);
        add("b", at::randn({16}) / 10);
        add("weight", at::randn({3, 16}));
        add("bias", at::zeros({3}));
        module.define(forward);
        module.eval();
        model::ModelInfo info;
        info.name = "written";
        info.labels = {"a", "b", "c"};
        info.preprocess.crop = image::Size{side, side};
        const auto path = folder_.path() / "written.pt";
        module.save(path.string(), {{"openset.json", model::to_json(info)}});
        return model::open_network_file(path);
    }

    /// Largest difference of the features of the network and of its int8 one, as a share of the largest feature.
    double cost(const model::NetworkFile& file) {
        Quantiser quantiser(file);
        quantiser.observe(noise(16, 1));
        layers_ = quantiser.layers();
        const auto before = load_network(file), after = load_network(quantised(file, quantiser));
        EXPECT_EQ(after->report().precision, "int8");
        const auto pictures = noise(8, 2);
        const auto features = before->run(pictures).features;
        return largest_difference(features, after->run(pictures).features) / largest(features);
    }

    std::optional<QuantisedLayers> layers_; ///< of the last cost()

    model::NetworkFile quantised(const model::NetworkFile& file, const Quantiser& quantiser) {
        const auto path = folder_.path() / "int8.pt";
        write_file_atomically(path, quantiser.archive(file.info, stats::RangeRule::minmax, 1));
        return model::open_network_file(path);
    }

    TemporaryFolder folder_;
};

/// How far the features on onednn are from LibTorch's, as a share of the largest; the same bits in any batch.
double apart_on_onednn(const model::NetworkFile& int8) {
    LoadOptions options;
    options.engine = Engine::onednn;
    const auto torch = load_network(int8), onednn = load_network(int8, options);
    EXPECT_EQ(onednn->report().engine, "onednn") << ::testing::PrintToString(onednn->report().warnings);
    EXPECT_EQ(onednn->report().precision, "int8");
    const auto pictures = noise(8, 2);
    const auto expected = torch->run(pictures).features, got = onednn->run(pictures).features;
    for (int i = 0; i < pictures.count; ++i) {
        const auto row = got.row(i);
        EXPECT_EQ(onednn->run(one_of(pictures, i)).features.values, std::vector<float>(row.begin(), row.end())) << i;
    }
    return largest_difference(expected, got) / largest(expected);
}

TEST_F(QuantisedNetworks, AResNetKeepsItsFeaturesWithinAFewPercent) {
    const auto file = built({"resnet18", 8, Stem::cifar});
    Quantiser quantiser(file);
    EXPECT_EQ(quantiser.layers().convolutions, 20);
    EXPECT_EQ(quantiser.layers().sums, 7); // the last goes into the mean, in float
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

TEST_F(QuantisedNetworks, DoNotDependOnTheBatchesInWhichPicturesWereObserved) {
    const auto file = built({"resnet18", 16, Stem::cifar});
    Quantiser together(file), alone(file);
    const auto pictures = noise(8, 1);
    together.observe(pictures);
    for (int i = 0; i < 8; ++i) alone.observe(one_of(pictures, i));
    EXPECT_EQ(together.archive(file.info, stats::RangeRule::minmax, 1),
              alone.archive(file.info, stats::RangeRule::minmax, 1));
}

TEST_F(QuantisedNetworks, KeepTheBiasOfAChannelWhoseWeightsAreNextToNothing) {
    const auto file = written(R"(
def forward(self, x):
    w = torch.cat([self.w1[:12], self.w1[12:] * 1e-30 * 1e-6])
    y = torch.relu(torch.conv2d(x, w, torch.abs(self.b) + 1))
    return torch.linear(torch.mean(torch.conv2d(y, self.w3, self.b), [2, 3]), self.weight, self.bias)
)");
    EXPECT_LT(cost(file), 0.05);
    EXPECT_LT(apart_on_onednn(model::open_network_file(folder_.path() / "int8.pt")), 0.05);
}

TEST_F(QuantisedNetworks, TakePaddingByName) {
    const auto file = written(R"(
def forward(self, x):
    y = torch.relu(torch.conv2d(x, self.w1, self.b, [1, 1], "same"))
    y = torch.relu(torch.conv2d(y, self.w2, self.b, [1, 1], "same", [2, 2], 16))
    y = torch.conv2d(y, self.w3, self.b, [1, 1], "valid")
    return torch.linear(torch.mean(y, [2, 3]), self.weight, self.bias)
)");
    EXPECT_LT(cost(file), 0.05);
    EXPECT_EQ(layers_->convolutions, 3);
}

TEST_F(QuantisedNetworks, TakePaddingThatIsComputedOfThePicturesSize) {
    // As TensorFlow pads: nothing above and left, one more below and right, where the size is even.
    const auto file = written(R"(
def forward(self, x):
    if x.size(2) % 2 == 0:
        x = torch.constant_pad_nd(x, [0, x.size(3) % 2 + 1, 0, 1], 0.)
    y = torch.hardtanh(torch.conv2d(x, self.w1, self.b, [2, 2]), 0., 6.)
    y = torch.constant_pad_nd(y, [1, 2, 1, 2], 0.)
    y = torch.hardtanh(torch.conv2d(y, self.w2, self.b, [2, 2], [0, 0], [1, 1], 16), 0., 6.)
    y = torch.conv2d(y, self.w3, self.b)
    return torch.linear(torch.flatten(torch.adaptive_avg_pool2d(y, [1, 1]), 1), self.weight, self.bias)
)");
    EXPECT_LT(cost(file), 0.05);
    EXPECT_EQ(layers_->convolutions, 3);
    EXPECT_FALSE(layers_->in_float.contains("prim::If"));
    EXPECT_FALSE(layers_->in_float.contains("aten::hardtanh"));
}

TEST_F(QuantisedNetworks, KeepInFloatWhatHasNoEightBits) {
    const auto file = written(R"(
def forward(self, x):
    y = torch.relu(torch.conv2d(x, self.w1, self.b))
    gate = torch.sigmoid(torch.conv2d(torch.mean(y, [2, 3], True), self.w3))
    y = torch.conv2d(y * gate, self.w3, self.b)
    return torch.linear(torch.mean(y, [2, 3]), self.weight, self.bias)
)");
    EXPECT_LT(cost(file), 0.05);
    EXPECT_EQ(layers_->convolutions, 3);
    EXPECT_EQ(layers_->in_float.at("aten::sigmoid"), 1);
}

TEST_F(QuantisedNetworks, TakeConcatenationsAndSumsAndPooling) {
    const auto file = written(R"(
def forward(self, x):
    y = torch.relu_(torch.conv2d(x, self.w1, self.b, [1, 1], [1, 1]))
    z = torch.max_pool2d(torch.conv2d(y, self.w3, self.b).add_(y), [2, 2])
    z = torch.cat([z, torch.max_pool2d(y, [2, 2])], 1)
    return torch.linear(torch.mean(z, [2, 3])[:, :16], self.weight, self.bias)
)");
    EXPECT_LT(cost(file), 0.05);
    EXPECT_EQ(layers_->sums, 1);
    EXPECT_EQ(layers_->concatenations, 1);
}

TEST_F(QuantisedNetworks, ThatAreAlreadyAreNotQuantisedAgain) {
    const auto file = built({"resnet18", 4, Stem::cifar});
    Quantiser quantiser(file);
    quantiser.observe(noise(2, 1));
    const auto int8 = quantised(file, quantiser);
    EXPECT_THAT(error_of([&] { Quantiser again(int8); }), ::testing::HasSubstr("computes in eight bits already"));
}

TEST_F(QuantisedNetworks, RunOnOnednnAsOnLibTorch) {
    for (const char* name : {"resnet18", "resnet50"}) {
        const auto file = built({name, 4, Stem::imagenet});
        Quantiser quantiser(file);
        quantiser.observe(noise(4, 1));
        EXPECT_LT(apart_on_onednn(quantised(file, quantiser)), 0.01) << name;
    }
}

TEST_F(QuantisedNetworks, WithDepthwiseLayersAndPaddingRunOnOnednnAsOnLibTorch) {
    const auto file = written(R"(
def forward(self, x):
    y = torch.constant_pad_nd(x, [0, 1, 0, 1], 0.)
    y = torch.hardtanh(torch.conv2d(y, self.w1, self.b, [2, 2]), 0., 6.)
    y = torch.constant_pad_nd(y, [1, 2, 1, 2], 0.)
    z = torch.hardtanh(torch.conv2d(y, self.w2, self.b, [1, 1], [0, 0], [1, 1], 16), 0., 6.)
    y = torch.conv2d(z, self.w3, self.b)
    y = torch.max_pool2d(y, [2, 2]) + torch.max_pool2d(z, [2, 2])
    y = torch.conv2d(y, self.w3, self.b)
    return torch.linear(torch.flatten(torch.adaptive_avg_pool2d(y, [1, 1]), 1), self.weight, self.bias)
)");
    Quantiser quantiser(file);
    quantiser.observe(noise(8, 1));
    EXPECT_LT(apart_on_onednn(quantised(file, quantiser)), 0.01);
}

TEST_F(QuantisedNetworks, WithAReluBehindAPoolingRunOnOnednnAsOnLibTorch) {
    const auto file = written(R"(
def forward(self, x):
    y = torch.relu(torch.max_pool2d(torch.conv2d(x, self.w1, self.b), [2, 2]))
    y = torch.conv2d(y, self.w3, self.b)
    return torch.linear(torch.mean(y, [2, 3]), self.weight, self.bias)
)");
    EXPECT_LT(cost(file), 0.05);
    EXPECT_LT(apart_on_onednn(model::open_network_file(folder_.path() / "int8.pt")), 0.02);
}

TEST_F(QuantisedNetworks, ThatWereShownNoiseCutLessOfItOff) {
    const auto file = built({"resnet18", 8, Stem::cifar});
    const auto before = load_network(file);
    auto faint = noise(8, 1), loud = noise(8, 2);
    for (float& value : faint.data) value /= 4;
    for (float& value : loud.data) value *= 2;
    const auto cut_off = [&](bool noise_too, stats::RangeRule rule) {
        Quantiser quantiser(file);
        quantiser.observe(faint);
        if (noise_too) quantiser.observe_noise();
        const auto path = folder_.path() / "int8.pt";
        write_file_atomically(path, quantiser.archive(file.info, rule, 1));
        const auto after = load_network(model::open_network_file(path));
        return largest(before->run(loud).features) - largest(after->run(loud).features);
    };
    EXPECT_LT(cut_off(true, stats::RangeRule::minmax), 0.9 * cut_off(false, stats::RangeRule::minmax));
    EXPECT_EQ(cut_off(true, stats::RangeRule::percentile), cut_off(false, stats::RangeRule::percentile));
}

TEST_F(QuantisedNetworks, NeedPicturesToMeasureOn) {
    const auto file = built({"resnet18", 4, Stem::cifar});
    const Quantiser quantiser(file);
    EXPECT_THAT(error_of([&] { static_cast<void>(quantiser.archive(file.info, stats::RangeRule::minmax, 1)); }),
                ::testing::HasSubstr("no picture was observed"));
}

TEST_F(QuantisedNetworks, KeepTheLatentsOfADictionary) {
    const auto file = built({"dhrnet", 8, Stem::imagenet});
    Quantiser quantiser(file);
    quantiser.observe(noise(8, 1));
    const auto before = load_network(file), after = load_network(quantised(file, quantiser));
    const auto pictures = noise(4, 2);
    const auto latents = before->run(pictures).extras.at("latents");
    EXPECT_LT(largest_difference(latents, after->run(pictures).extras.at("latents")), 0.25 * largest(latents));
}

} // namespace
} // namespace openset::torch
