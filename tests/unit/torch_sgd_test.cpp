#include "openset/torch/sgd.hpp"

#include <ATen/ATen.h>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"
#include "openset/base/random.hpp"
#include "openset/image/encode.hpp"
#include "openset/torch/architecture.hpp"
#include "openset/torch/runtime.hpp"
#include "openset/torch/script_network.hpp"
#include "temporary_folder.hpp"
#include "torch/trainable_network_impl.hpp"

// A world of two things: reddish (label 0) and bluish noise (label 1), 16x16 pixels.
namespace openset::torch {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::SizeIs;

constexpr int side = 16;
constexpr std::uint64_t seed = 3;

class Sgd : public testing::Test {
protected:
    static void SetUpTestSuite() {
        prepare_process();
        folder_ = std::make_unique<TemporaryFolder>();
        for (int i = 0; i < 24; ++i) pictures_.push_back(make_picture(i));
    }
    static void TearDownTestSuite() { folder_.reset(); }

    static std::unique_ptr<flow::TrainingFeed> feed(bool learns = true) {
        flow::TrainingFeedOptions options;
        options.preprocess.crop = image::Size{side, side};
        options.augmentation.flip = learns ? 0.5 : 0;
        options.order = learns ? flow::Order::shuffled : flow::Order::given;
        options.batch = 8;
        options.seed = seed;
        return std::make_unique<flow::TrainingFeed>(pictures_, options);
    }

    static SgdReport train(TrainableNetwork& network, const SgdOptions& options, const SgdObserver& observer = {},
                           const Cancellation* cancellation = nullptr) {
        const auto learn = feed(), judge = feed(/*learns=*/false);
        return train_by_sgd(network, *learn, judge.get(), options, observer, cancellation);
    }

    static std::unique_ptr<TemporaryFolder> folder_;
    static std::vector<flow::LabelledPicture> pictures_;

private:
    static flow::LabelledPicture make_picture(int number) {
        Random random(seed, static_cast<std::uint32_t>(number));
        const int label = number % 2;
        image::Picture picture{side, side, std::vector<std::uint8_t>(std::size_t{3} * side * side)};
        for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
            const bool bright = i % 3 == (label == 0 ? 0 : 2);
            picture.rgb[i] = static_cast<std::uint8_t>(random.integer(0, 99) + (bright ? 100 : 0));
        }
        const auto path = *folder_ / (std::to_string(number) + ".png");
        const auto bytes = image::encode_png(picture);
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return {path.string(), label};
    }
};

std::unique_ptr<TemporaryFolder> Sgd::folder_;
std::vector<flow::LabelledPicture> Sgd::pictures_;

TrainableNetwork small_network() { return build_network({"resnet18", 4, Stem::cifar}, 2, seed); }

SgdOptions few_epochs(int epochs = 4) {
    SgdOptions options;
    options.epochs = epochs;
    options.learning_rate = 0.05;
    options.device = "cpu";
    return options;
}

/// Parameters and buffers by name, copied.
std::map<std::string, at::Tensor> state_of(const TrainableNetwork& network) {
    std::map<std::string, at::Tensor> state;
    for (const auto& named : network.implementation().module.named_parameters())
        state[named.name] = named.value.detach().clone();
    for (const auto& named : network.implementation().module.named_buffers()) state[named.name] = named.value.clone();
    return state;
}

std::vector<std::string> differing(const TrainableNetwork& network, const std::map<std::string, at::Tensor>& other) {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : state_of(network)) {
        if (!at::equal(tensor, other.at(name))) names.push_back(name);
    }
    return names;
}

TEST_F(Sgd, ASmallNetworkLearnsWhatItIsShown) {
    TrainableNetwork network = small_network();
    const SgdReport report = train(network, few_epochs(8));
    ASSERT_THAT(report.epochs, SizeIs(8));
    EXPECT_LT(report.epochs.back().train.loss, report.epochs.front().train.loss / 2);
    EXPECT_EQ(report.epochs.back().validation->accuracy, 1);
}

TEST_F(Sgd, OneVsRestLearnsToo) {
    TrainableNetwork network = small_network();
    SgdOptions options = few_epochs(8);
    options.activation = model::Activation::sigmoid;
    EXPECT_EQ(train(network, options).epochs.back().validation->accuracy, 1);
}

TEST_F(Sgd, TheSameTrainingTwiceGivesTheSameBits) {
    TrainableNetwork one = small_network(), other = small_network();
    train(one, few_epochs(2));
    train(other, few_epochs(2));
    EXPECT_THAT(differing(one, state_of(other)), IsEmpty());
}

TEST_F(Sgd, ATrainingThatWasInterruptedAndResumedGivesTheBitsOfOneThatWasNot) {
    for (const int threads : {1, 2}) {
        SgdOptions options = few_epochs();
        options.threads = threads;
        TrainableNetwork whole = small_network();
        const SgdReport all = train(whole, options);

        const TemporaryFolder folder;
        options.checkpoint = folder / "checkpoint";
        TrainableNetwork first = small_network();
        Cancellation cancellation;
        const SgdObserver stopping{{}, {}, [&](const EpochReport& epoch) {
                                       if (epoch.epoch == 2) cancellation.request();
                                   }};
        const SgdReport begun = train(first, options, stopping, &cancellation);
        EXPECT_TRUE(begun.cancelled);
        EXPECT_THAT(begun.epochs, SizeIs(2));

        options.resume = true;
        TrainableNetwork second = small_network();
        const SgdReport resumed = train(second, options);
        EXPECT_FALSE(resumed.cancelled);
        EXPECT_THAT(resumed.epochs, SizeIs(4));
        EXPECT_EQ(resumed.best_epoch, all.best_epoch);
        EXPECT_EQ(resumed.epochs.back().train.loss, all.epochs.back().train.loss);
        EXPECT_THAT(differing(second, state_of(whole)), IsEmpty());
    }
}

TEST_F(Sgd, TheLossOfSigmoidThatIsToldIsTheSumOverTheLabels) {
    SgdOptions options = few_epochs(1);
    options.activation = model::Activation::sigmoid;
    options.learning_rate = 1e-9; // nothing is learned: the first loss of a network that knows nothing
    TrainableNetwork network = small_network();
    const double loss = train(network, options).epochs.back().train.loss;
    EXPECT_GT(loss, 0.4 * network.outputs());
    EXPECT_LT(loss, 1.5 * network.outputs());
}

TEST_F(Sgd, ACheckpointOfAnotherRunIsRefusedAndSoIsAnyOtherFile) {
    const TemporaryFolder folder;
    SgdOptions options = few_epochs(1);
    options.checkpoint = folder / "checkpoint";
    TrainableNetwork network = small_network();
    train(network, options);

    options.resume = true;
    options.momentum = 0.5;
    EXPECT_THAT(
        error_of([&] { train(network, options); }),
        AllOf(HasSubstr("usage: "), HasSubstr("a run with other --momentum 0.9 (now 0.5); expected one of the same")));
    std::ofstream(options.checkpoint) << "PK of another kind";
    EXPECT_THAT(error_of([&] { train(network, options); }),
                AllOf(HasSubstr("usage: "), HasSubstr("not a whole checkpoint")));
}

TEST_F(Sgd, BlocksThatDoNotLearnKeepWeightsAndStatistics) {
    TrainableNetwork network = small_network();
    const auto before = state_of(network);
    SgdOptions options = few_epochs(1);
    options.last_blocks = 1;
    train(network, options);
    const auto changed = differing(network, before);
    EXPECT_THAT(changed, ::testing::Contains("layer4.1.conv1.weight"));
    EXPECT_THAT(changed, ::testing::Contains("layer4.1.bn1.running_mean"));
    EXPECT_THAT(changed, ::testing::Contains("fc.weight"));
    EXPECT_THAT(changed, Each(::testing::AnyOf(::testing::StartsWith("layer4.1."), ::testing::StartsWith("fc."))));

    options.last_blocks = 0;
    TrainableNetwork head_alone = small_network();
    train(head_alone, options);
    EXPECT_THAT(differing(head_alone, before), ::testing::UnorderedElementsAre("fc.weight", "fc.bias"));

    options.last_blocks = 10;
    EXPECT_THAT(error_of([&] { train(network, options); }), HasSubstr("expected 0 to 9 or all"));
}

TEST_F(Sgd, WithoutASmallerValidationLossItStopsAndTheBestWeightsAreKept) {
    TrainableNetwork network = small_network();
    SgdOptions options = few_epochs(20);
    options.last_blocks = 0;
    options.learning_rate = 1e-30; // nothing changes
    options.patience = 2;
    const SgdReport report = train(network, options);
    EXPECT_TRUE(report.stopped_early);
    EXPECT_EQ(report.best_epoch, 1);
    EXPECT_THAT(report.epochs, SizeIs(3));
}

TEST_F(Sgd, TheRateRisesInALineAndFallsAlongACosine) {
    TrainableNetwork network = small_network();
    SgdOptions options = few_epochs(4); // of 3 steps
    options.last_blocks = 0;
    options.learning_rate = 1;
    options.warmup_epochs = 1;
    std::vector<double> rates;
    train(network, options, {{}, [&](const StepReport& step) { rates.push_back(step.learning_rate); }, {}});
    ASSERT_THAT(rates, SizeIs(12));
    EXPECT_DOUBLE_EQ(rates[0], 0.25);
    EXPECT_DOUBLE_EQ(rates[2], 0.75);
    EXPECT_DOUBLE_EQ(rates[3], 1);
    EXPECT_DOUBLE_EQ(rates[6], 0.75); // (1 + cos(pi / 3)) / 2
    EXPECT_THAT(rates[11], Lt(0.04));
}

TEST_F(Sgd, PicturesOfALabelOfWeightNullTeachNothing) {
    for (const auto activation : {model::Activation::softmax, model::Activation::sigmoid}) {
        TrainableNetwork network = small_network();
        SgdOptions options = few_epochs(3);
        options.activation = activation;
        options.class_weights = {1, 0};
        // What they are called is what it has been taught that everything is called.
        EXPECT_EQ(train(network, options).epochs.back().validation->accuracy, 0.5);
    }
}

TEST_F(Sgd, TheRecipeCrosrLearnsToMakeThePictureAgain) {
    TrainableNetwork network = build_network({"dhrnet", 8}, 2, seed);
    const auto before = state_of(network);
    SgdOptions options = few_epochs(4);
    options.recipe = Recipe::crosr;
    const SgdReport report = train(network, options);
    EXPECT_LT(report.epochs.back().train.loss, report.epochs.front().train.loss);
    EXPECT_THAT(differing(network, before), SizeIs(before.size())) << "every part has learned";

    TrainableNetwork resnet = small_network();
    EXPECT_THAT(error_of([&] { train(resnet, options); }), HasSubstr("use the architecture dhrnet"));
}

TEST_F(Sgd, ASavedNetworkIsAStartForAnotherTaskAndOpensAsAnyOther) {
    const TemporaryFolder folder;
    TrainableNetwork network = small_network();
    train(network, few_epochs(2));
    model::ModelInfo info;
    info.labels = {"red", "blue"};
    info.head = network.head();
    info.preprocess.crop = image::Size{side, side};
    network.save(folder / "trunk.pt", info);

    TrainableNetwork tuned = load_for_training(model::open_network_file(folder / "trunk.pt"), 3, seed);
    EXPECT_EQ(tuned.head(), "fc");
    EXPECT_EQ(tuned.outputs(), 3);
    EXPECT_EQ(tuned.blocks(), network.blocks());
    EXPECT_THAT(differing(tuned,
                          [&] {
                              auto state = state_of(network);
                              state["fc.weight"] = at::zeros({3, 32});
                              state["fc.bias"] = at::zeros({3});
                              return state;
                          }()),
                ::testing::UnorderedElementsAre("fc.weight", "fc.bias"));
    EXPECT_EQ(train(tuned, few_epochs(8)).epochs.back().validation->accuracy, 1);

    info.labels.emplace_back("neither");
    tuned.save(folder / "tuned.pt", info);
    const auto opened = load_network(model::open_network_file(folder / "tuned.pt"), {"cpu", true});
    EXPECT_TRUE(opened->report().cut_at_head);
    EXPECT_EQ(opened->head()->classes(), 3);
}

TEST_F(Sgd, ALossThatIsNoNumberEndsTheTraining) {
    TrainableNetwork network = small_network();
    SgdOptions options = few_epochs(8);
    options.learning_rate = 1e20;
    EXPECT_THAT(error_of([&] { train(network, options); }),
                AllOf(HasSubstr("model: "), HasSubstr("the loss is no longer a number")));
}

TEST_F(Sgd, OptionsThatCannotBeAreTold) {
    const auto refused = [](const auto& change) {
        SgdOptions options = few_epochs();
        change(options);
        TrainableNetwork network = small_network();
        return error_of([&] { train(network, options); });
    };
    EXPECT_THAT(refused([](SgdOptions& o) { o.epochs = 0; }), HasSubstr("expected 1 or more"));
    EXPECT_THAT(refused([](SgdOptions& o) { o.learning_rate = 0; }), HasSubstr("expected above 0"));
    EXPECT_THAT(refused([](SgdOptions& o) { o.momentum = 1; }), HasSubstr("expected 0 to below 1"));
    EXPECT_THAT(refused([](SgdOptions& o) { o.warmup_epochs = 4; }), HasSubstr("expected 0 to below the 4 epochs"));
    EXPECT_THAT(refused([](SgdOptions& o) {
                    o.label_smoothing = 0.1;
                    o.activation = model::Activation::sigmoid;
                }),
                HasSubstr("label smoothing is for softmax"));
}

} // namespace
} // namespace openset::torch
