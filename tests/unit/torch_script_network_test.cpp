#include "openset/torch/script_network.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <set>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include "error_of.hpp"
#include "openset/base/error.hpp"
#include "openset/torch/runtime.hpp"

// The networks are those of tests/networks/make_test_networks.cpp: a thing is its mean colour, logits are
// 16 (2 mu_k f - |mu_k|^2). Colours and prototypes are multiples of 1/8, so that every figure here is exact.
namespace openset::torch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pointwise;
using ::testing::SizeIs;

class ScriptNetworks : public testing::Test {
protected:
    static void SetUpTestSuite() { prepare_process(); }
};

std::filesystem::path network_path(const std::string& name) {
    return std::filesystem::path(OPENSET_TEST_NETWORKS) / (name + ".pt");
}

std::unique_ptr<ScriptNetwork> load(const std::string& name, bool optimise = true, const std::string& device = "cpu") {
    return load_network(model::open_network_file(network_path(name)), {device, optimise});
}

model::Batch of_one_colour(std::array<float, 3> colour, int count = 1, int side = 32) {
    model::Batch batch{count, side, side, {}};
    const std::size_t plane = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
    for (int i = 0; i < count; ++i) {
        for (const float value : colour) batch.data.insert(batch.data.end(), plane, value);
    }
    return batch;
}

/// Half of full red, a quarter of green, an eighth of blue: (0.5, 0.25, 0.125).
model::Batch a_colour(int count = 1) { return of_one_colour({0.5F, 0.25F, 0.125F}, count); }

model::Batch noise(int count) {
    model::Batch batch{count, 32, 32, {}};
    std::mt19937 random(7);
    batch.data.resize(static_cast<std::size_t>(count) * 3 * 32 * 32);
    for (float& value : batch.data) value = static_cast<float>(random() % 4096) / 4096.0F;
    return batch;
}

model::Batch slice(const model::Batch& batch, int first, int count) {
    const std::ptrdiff_t picture = std::ptrdiff_t{3} * batch.height * batch.width;
    return {count,
            batch.height,
            batch.width,
            {batch.data.begin() + picture * first, batch.data.begin() + picture * (first + count)}};
}

std::vector<float> logits_of(ScriptNetwork& network, const model::Batch& batch) {
    return model::logits(network, network.run(batch)).values;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::optional<Error> failure_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return error;
    }
    return std::nullopt;
}

/// By the engine onednn, where it can.
std::unique_ptr<ScriptNetwork> load_on_onednn(const std::string& name, Precision precision = Precision::fp32) {
    LoadOptions options{"cpu"};
    options.engine = Engine::onednn;
    options.precision = precision;
    return load_network(model::open_network_file(network_path(name)), options);
}

// ---- what comes out

TEST_F(ScriptNetworks, GiveTheLogitsThatOneComputesByHand) {
    const auto network = load("classifier");
    // tomato (7/8, 1/8, 1/8): 16 (2 * 31/64 - 51/64); orange (1, 1/2, 0): 16 (5/4 - 5/4); lemon (1, 7/8, 1/8): 16
    // (47/32 - 57/32)
    EXPECT_THAT(logits_of(*network, a_colour()), ElementsAre(2.75F, 0.0F, -5.0F));
}

TEST_F(ScriptNetworks, AreCutInFrontOfTheirLastLinearAndShowWhatGoesIntoIt) {
    const auto network = load("classifier");
    EXPECT_TRUE(network->report().cut_at_head);
    const auto outputs = network->run(a_colour(2));
    EXPECT_THAT(outputs.features.values, ElementsAre(0.5F, 0.25F, 0.125F, 0.5F, 0.25F, 0.125F));
    EXPECT_EQ(outputs.features.rows, 2);
    EXPECT_EQ(outputs.logits.columns, 0);
    ASSERT_NE(network->head(), nullptr);
    EXPECT_THAT(network->head()->weight(), ElementsAre(28, 4, 4, 32, 16, 0, 32, 28, 4)); // 32 mu
    EXPECT_THAT(network->head()->bias(), ElementsAre(-12.75F, -20, -28.5F));             // -16 |mu|^2
}

TEST_F(ScriptNetworks, SayTheSameWhateverFormTheirOutputTakes) {
    for (const char* name : {"tuple", "dict", "addmm", "mlp", "half", "double"}) {
        const auto network = load(name);
        EXPECT_TRUE(network->report().cut_at_head) << name;
        EXPECT_THAT(logits_of(*network, a_colour()), ElementsAre(2.75F, 0.0F, -5.0F)) << name;
        EXPECT_THAT(network->run(a_colour()).features.values, ElementsAre(0.5F, 0.25F, 0.125F)) << name;
    }
}

TEST_F(ScriptNetworks, AreNotCutWhereTheGraphChangesOrReadsTheLogitsLater) {
    // Halved logits: what the same network says uncut.
    for (const char* name : {"halved_in_place", "dict_rewritten"}) {
        const auto network = load(name);
        EXPECT_FALSE(network->report().cut_at_head) << name;
        EXPECT_THAT(logits_of(*network, a_colour()), ElementsAre(1.375F, 0.0F, -2.5F)) << name;
    }
    const auto network = load("dict_read");
    EXPECT_FALSE(network->report().cut_at_head);
    EXPECT_THAT(logits_of(*network, a_colour()), ElementsAre(2.75F, 0.0F, -5.0F));
    const auto probabilities = network->run(a_colour()).extras.at("probabilities").values;
    EXPECT_NEAR(probabilities[0], 1 / (1 + std::exp(-2.75) + std::exp(-7.75)), 1e-6);
}

TEST_F(ScriptNetworks, KeepTheirFeaturesWhereTheGraphClearsThemLater) {
    EXPECT_THAT(logits_of(*load("features_cleared"), a_colour()), ElementsAre(2.75F, 0.0F, -5.0F));
}

TEST_F(ScriptNetworks, ThatWriteToTheirInputLeaveTheCallersAlone) {
    const auto network = load("writes_its_input");
    const auto batch = a_colour();
    const auto first = logits_of(*network, batch);
    EXPECT_EQ(batch.data, a_colour().data);
    EXPECT_TRUE(same_bits(logits_of(*network, batch), first));
}

TEST_F(ScriptNetworks, MayReturnTensorsThatSayNothingOfAPicture) {
    const auto network = load("scalar_beside");
    EXPECT_THAT(logits_of(*network, a_colour(2)), ElementsAre(2.75F, 0.0F, -5.0F, 2.75F, 0.0F, -5.0F));
    EXPECT_THAT(network->run(a_colour(2)).extras, IsEmpty());
}

TEST_F(ScriptNetworks, GiveTheSameOutputsWhateverTheBatchAlsoWhereAConstantHasAsManyRows) {
    const auto network = load("constants_beside");
    for (const int batch : {1, 2, 8}) {
        const auto extras = network->run(a_colour(batch)).extras;
        EXPECT_THAT(extras, SizeIs(1)) << batch;
        EXPECT_EQ(extras.at("means").rows, batch);
    }
}

TEST_F(ScriptNetworks, AreRefusedABatchWhereOnePictureHasAnotherNumberOfOutputsThanTheNext) {
    const auto network = load("varying_columns");
    ASSERT_TRUE(network->report().picture_by_picture);
    auto batch = of_one_colour({0, 0, 0}, 2);
    EXPECT_EQ(network->run(batch).logits.columns, 3);
    batch.data[std::size_t{3} * 32 * 32] = 0.5F; // of the second one
    EXPECT_THAT(error_of([&] { network->run(batch); }), HasSubstr("gives 3 numbers for one picture and 2 for another"));
}

TEST_F(ScriptNetworks, MaySqueezeTheFirstDimensionOfOnePictureAway) {
    const auto network = load("squeezed");
    EXPECT_THAT(logits_of(*network, a_colour(1)), ElementsAre(2.75F, 0.0F, -5.0F));
    EXPECT_THAT(logits_of(*network, a_colour(2)), SizeIs(6));
}

TEST_F(ScriptNetworks, RunAsTheyWereSavedWhereLibTorchsOptimisedGraphGivesOtherNumbers) {
    const auto network = load("relu6");
    EXPECT_THAT(logits_of(*network, a_colour(2)), ElementsAre(2.75F, 0.0F, -5.0F, 2.75F, 0.0F, -5.0F));
    if (std::string(runtime_facts().compiled_version).starts_with("1.13")) {
        EXPECT_THAT(network->report().warnings, ElementsAre(HasSubstr("runs as it was saved, which is slower")));
        EXPECT_TRUE(network->report().picture_by_picture);
    }
    EXPECT_THAT(logits_of(*load_on_onednn("relu6"), a_colour()), ElementsAre(2.75F, 0.0F, -5.0F));
}

TEST_F(ScriptNetworks, AreHeldAgainstWhatWasSavedInABatch) {
    const auto network = load("relu6_of_means");
    EXPECT_THAT(logits_of(*network, a_colour(2)), ElementsAre(2.75F, 0.0F, -5.0F, 2.75F, 0.0F, -5.0F));
    if (std::string(runtime_facts().compiled_version).starts_with("1.13")) {
        EXPECT_THAT(network->report().warnings, ElementsAre(HasSubstr("runs as it was saved, which is slower")));
    }
}

TEST_F(ScriptNetworks, RunAsTheyWereSavedWhereLibTorchCannotOptimiseThem) {
    const auto network = load("clamped_from_below");
    EXPECT_THAT(logits_of(*network, a_colour(2)), ElementsAre(2.75F, 0.0F, -5.0F, 2.75F, 0.0F, -5.0F));
    for (const std::string& warning : network->report().warnings) EXPECT_THAT(warning, Not(HasSubstr("frame #")));
}

TEST_F(ScriptNetworks, AreNotRunByOnednnWhereLibTorchGivesNothingToHoldItAgainst) {
    const auto network = load_on_onednn("overflows");
    EXPECT_EQ(network->report().engine, "torch");
    EXPECT_THAT(network->report().warnings, ElementsAre(HasSubstr("nothing to hold it against")));
}

TEST_F(ScriptNetworks, AreHeldAgainstWhatWasSavedInEveryOutput) {
    const auto network = load("relu6_beside"); // its logits are right, however it is optimised
    const auto outputs = network->run(a_colour(2));
    EXPECT_THAT(outputs.extras.at("output1").values, ElementsAre(0.5F, 0.25F, 0.125F, 0.5F, 0.25F, 0.125F));
    if (std::string(runtime_facts().compiled_version).starts_with("1.13")) {
        EXPECT_THAT(network->report().warnings, ElementsAre(HasSubstr("the output output1: on a picture of noise")));
    }
}

// ---- trunks

TEST_F(ScriptNetworks, ThatAreOneUpToTheirHeadHaveOneTrunk) {
    const auto gate = load("gate"), classifier = load("classifier");
    EXPECT_FALSE(gate->trunk().empty());
    EXPECT_EQ(gate->trunk(), classifier->trunk());
    EXPECT_TRUE(same_bits(gate->run(noise(3)).features.values, classifier->run(noise(3)).features.values));
}

TEST_F(ScriptNetworks, ThatAreOneUpToTheirHeadGetOneEngine) {
    std::set<std::string> asked;
    LoadOptions options{"cpu"};
    options.choose_engine = [&asked](const std::string& graph) {
        asked.insert(graph);
        return Engine::onednn;
    };
    std::set<std::string> trunks;
    for (const char* name : {"gate", "classifier"}) {
        const auto network = load_network(model::open_network_file(network_path(name)), options);
        EXPECT_EQ(network->report().engine, "onednn");
        EXPECT_EQ(asked.count(network->report().graph), 1U);
        trunks.insert(network->trunk());
    }
    EXPECT_THAT(asked, ElementsAre(Not(IsEmpty())));
    EXPECT_THAT(trunks, SizeIs(1));
}

TEST_F(ScriptNetworks, ThatDifferBeforeTheirHeadHaveTrunksOfTheirOwn) {
    std::set<std::string> trunks;
    const std::vector<const char*> names = {"classifier", "mlp", "conv1d", "left_half", "tuple", "dict"};
    for (const char* name : names) {
        trunks.insert(load(name)->trunk());
        EXPECT_EQ(trunks.count(""), 0U) << name;
    }
    EXPECT_THAT(trunks, SizeIs(names.size()));
}

TEST_F(ScriptNetworks, ThatAreNotCutHaveNoTrunk) {
    EXPECT_THAT(load("halved_in_place")->trunk(), IsEmpty());
    EXPECT_THAT(load("classifier", false)->trunk(), IsEmpty());
}

TEST_F(ScriptNetworks, RunPictureByPictureWhereKernelsChangeWithTheBatch) {
    for (const char* name : {"mlp", "conv1d", "computed_weight", "halved_in_place"}) {
        EXPECT_TRUE(load(name)->report().picture_by_picture) << name;
    }
    for (const char* name : {"classifier", "tuple", "dict", "pooled_convolution"}) {
        EXPECT_FALSE(load(name)->report().picture_by_picture) << name;
    }
}

TEST_F(ScriptNetworks, ThatFindNoMemoryForABatchSaySo) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers reserve more address space than any limit";
#endif
    const auto network = load("greedy"); // 48 MB a picture
    struct rlimit before {};
    ::getrlimit(RLIMIT_AS, &before);
    std::ifstream status("/proc/self/statm");
    rlim_t pages = 0;
    status >> pages;
    struct rlimit tight = before;
    tight.rlim_cur = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{200} << 20);
    if (::setrlimit(RLIMIT_AS, &tight) != 0) GTEST_SKIP() << "no limit can be set here";
    const auto failure = failure_of([&] { network->run(a_colour(64)); });
    const auto alone = logits_of(*network, a_colour());
    ::setrlimit(RLIMIT_AS, &before);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->kind(), ErrorKind::out_of_memory) << failure->what();
    EXPECT_THAT(alone, ElementsAre(2.75F, 0.0F, -5.0F));
}

TEST_F(ScriptNetworks, WithoutABiasHaveAHeadWithZeros) {
    const auto network = load("without_bias");
    ASSERT_NE(network->head(), nullptr);
    EXPECT_THAT(network->head()->bias(), ElementsAre(0, 0, 0));
    EXPECT_THAT(logits_of(*network, a_colour()), ElementsAre(15.5F, 20.0F, 23.5F)); // 32 mu f
}

TEST_F(ScriptNetworks, WithoutALinearAtTheEndGiveTheirLogitsThemselves) {
    const auto network = load("pooled_convolution");
    EXPECT_FALSE(network->report().cut_at_head);
    EXPECT_EQ(network->head(), nullptr);
    const auto outputs = network->run(a_colour());
    EXPECT_THAT(outputs.logits.values, ElementsAre(2.75F, 0.0F, -5.0F));
    EXPECT_EQ(outputs.features.columns, 0);
}

TEST_F(ScriptNetworks, NameFurtherTensorsByKeyOrByPosition) {
    // Of the tuple's second element, which equals the features, nobody says so: it keeps its number.
    const auto tuple = load("tuple")->run(a_colour(2));
    ASSERT_THAT(tuple.extras, SizeIs(1));
    EXPECT_THAT(tuple.extras.at("output1").values, ElementsAre(0.5F, 0.25F, 0.125F, 0.5F, 0.25F, 0.125F));

    // The dict's "latent" [n, 3, 32] (means of the lines) is flattened; its "features" are the features.
    const auto dict = load("dict")->run(a_colour(2));
    ASSERT_THAT(dict.extras, SizeIs(1));
    const model::Matrix& latent = dict.extras.at("latent");
    EXPECT_EQ(latent.rows, 2);
    EXPECT_EQ(latent.columns, 96);
    EXPECT_EQ(latent.row(1)[0], 0.5F);
    EXPECT_EQ(latent.row(1)[32], 0.25F);
    EXPECT_EQ(latent.row(1)[95], 0.125F);
}

TEST_F(ScriptNetworks, WithOneOutputAndTwoLabelsAreSingleLogitHeads) {
    const auto network = load("single_logit");
    EXPECT_THAT(network->info().labels, ElementsAre("NOT_FRUIT", "FRUIT"));
    EXPECT_THAT(logits_of(*network, a_colour()), ElementsAre(9.0F)); // species.pt: 1.75 for FRUIT, -7.25 for NOT_FRUIT
    EXPECT_THAT(logits_of(*load("species"), a_colour()), ElementsAre(-7.25F, 1.75F));
}

TEST_F(ScriptNetworks, KeepTheActivationThatTheirDescriptionNames) {
    const auto network = load("multi_label");
    EXPECT_EQ(network->info().activation, model::Activation::sigmoid);
    EXPECT_THAT(logits_of(*network, a_colour()), ElementsAre(0.0F, -4.0F, -6.0F)); // 16 (f - 1/2)
}

TEST_F(ScriptNetworks, HandOnTheNaNThatANetworkGives) {
    const auto network = load("nan_for_black");
    for (const float value : logits_of(*network, of_one_colour({0, 0, 0}))) EXPECT_TRUE(std::isnan(value));
    for (const float value : logits_of(*network, a_colour())) EXPECT_TRUE(std::isfinite(value));
}

TEST_F(ScriptNetworks, WithoutADescriptionAreCalledByTheirIds) {
    const auto network = load("without_info");
    EXPECT_THAT(network->info().labels, ElementsAre("0", "1", "2"));
    EXPECT_THAT(logits_of(*network, a_colour()),
                ElementsAre(2.75F, 0.0F, -5.0F)); // no crop fixed by itself: 32x32 is fine
    EXPECT_THAT(load("sidecar")->info().labels, ElementsAre("tomato", "orange", "lemon"));
}

// ---- as saved

TEST_F(ScriptNetworks, RunAsTheyWereSavedWhenAskedTo) {
    const auto network = load("dict", false);
    EXPECT_FALSE(network->report().cut_at_head);
    EXPECT_EQ(network->head(), nullptr);
    const auto outputs = network->run(a_colour(3));
    EXPECT_THAT(outputs.logits.row(2), ElementsAre(2.75F, 0.0F, -5.0F));
    EXPECT_THAT(outputs.features.row(2), ElementsAre(0.5F, 0.25F, 0.125F));
    EXPECT_THAT(outputs.extras, SizeIs(1));
    EXPECT_THAT(load("half", false)->run(a_colour()).logits.values, ElementsAre(2.75F, 0.0F, -5.0F));
}

// ---- equal pictures, equal bits

TEST_F(ScriptNetworks, GiveAPictureTheSameBitsInABatchOfAnySize) {
    const auto pictures = noise(64);
    for (const char* name : {"gate", "classifier", "pooled_convolution", "mlp", "tuple", "nan_for_black"}) {
        const auto network = load(name);
        const auto together = logits_of(*network, pictures);
        for (const int size : {1, 5}) {
            std::vector<float> joined;
            for (int first = 0; first < 64; first += size) {
                const auto part = logits_of(*network, slice(pictures, first, std::min(size, 64 - first)));
                joined.insert(joined.end(), part.begin(), part.end());
            }
            EXPECT_TRUE(same_bits(joined, together)) << name << ", batches of " << size;
        }
    }
}

TEST_F(ScriptNetworks, WithMatrixProductsBesideTheHeadRunPictureByPicture) {
    EXPECT_TRUE(load("mlp")->report().picture_by_picture);
    EXPECT_TRUE(load("classifier", false)->report().picture_by_picture);
    EXPECT_FALSE(load("classifier")->report().picture_by_picture);
    EXPECT_FALSE(load("pooled_convolution")->report().picture_by_picture);
    EXPECT_THAT(load("mlp")->run(a_colour(5)).features.values, SizeIs(15));
}

TEST_F(ScriptNetworks, MayBeRunBySeveralThreadsAtOnce) {
    const auto pictures = noise(16);
    for (const char* name : {"classifier", "mlp"}) {
        const auto network = load(name);
        const auto expected = logits_of(*network, pictures);
        std::array<int, 2> wrong{};
        {
            std::vector<std::jthread> threads;
            for (int& mine : wrong) {
                threads.emplace_back([&] {
                    for (int i = 0; i < 50; ++i) mine += same_bits(logits_of(*network, pictures), expected) ? 0 : 1;
                });
            }
        }
        EXPECT_THAT(wrong, ElementsAre(0, 0)) << name;
    }
}

// ---- what is wrong with a file

struct WrongFile {
    const char* name;
    std::vector<const char*> says;
};

TEST_F(ScriptNetworks, ThatCannotServeSayWhichFileWhatWasFoundAndWhatWasExpected) {
    const std::vector<WrongFile> files = {
        {"four_labels", {"3 outputs", "4 labels"}},
        {"not_a_tensor", {"returned Int", "expected a tensor of logits"}},
        {"fixed_size", {"48x48", "takes 3072 features", "come 6912", "check crop and resize"}},
        {"damaged", {}},
        {"truncated", {"damaged", "expected a TorchScript archive"}},
        {"text", {"no ZIP archive", "expected a TorchScript archive"}},
        {"weights_alone", {"without TorchScript code", "expected a TorchScript archive"}},
    };
    for (const WrongFile& file : files) {
        const auto failure = failure_of([&] { load(file.name); });
        ASSERT_TRUE(failure) << file.name;
        EXPECT_EQ(failure->kind(), ErrorKind::model) << failure->what();
        const std::string message = failure->what();
        EXPECT_THAT(message, HasSubstr(network_path(file.name).string()));
        for (const char* words : file.says) EXPECT_THAT(message, HasSubstr(words));
        EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one line: " << message;
        EXPECT_EQ(message.find("frame #"), std::string::npos) << "a backtrace: " << message;
    }
}

TEST_F(ScriptNetworks, ThatReturnTheWrongThingAreNotBlamedOnTheirPreprocessing) {
    const auto failure = failure_of([] { load("not_a_tensor"); });
    ASSERT_TRUE(failure);
    EXPECT_THAT(failure->what(), ::testing::Not(HasSubstr("check crop")));
}

TEST_F(ScriptNetworks, ThatAreNotThereAreNotFound) {
    const auto failure = failure_of([] { load("nowhere"); });
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->kind(), ErrorKind::not_found);
    EXPECT_THAT(failure->what(), HasSubstr(network_path("nowhere").string()));
}

TEST_F(ScriptNetworks, RefuseAPictureOfAnotherSizeThanTheyTakeWithAnError) {
    model::NetworkFile file = model::open_network_file(network_path("fixed_size"));
    file.info.preprocess.crop = image::Size{32, 32};
    const auto network = load_network(file, {"cpu", true});
    EXPECT_THAT(logits_of(*network, a_colour()), SizeIs(3));
    const auto failure = failure_of([&] { network->run(of_one_colour({0, 0, 0}, 1, 33)); });
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->kind(), ErrorKind::model);
    EXPECT_THAT(failure->what(), AllOf(HasSubstr("3072"), HasSubstr("33x33"), HasSubstr("3267")));
}

// ---- devices

TEST_F(ScriptNetworks, OnADeviceThatIsNotThereAreAUsageErrorThatSaysSo) {
    if (runtime_facts().cuda_devices > 0) GTEST_SKIP() << "this machine has a CUDA device";
    for (const char* device : {"cuda", "cuda:1"}) {
        const auto failure = failure_of([&] { load("classifier", true, device); });
        ASSERT_TRUE(failure);
        EXPECT_EQ(failure->kind(), ErrorKind::usage);
        EXPECT_THAT(failure->what(), AllOf(HasSubstr(std::string("--device ") + device), HasSubstr("CUDA"),
                                           HasSubstr("use --device cpu")));
    }
    EXPECT_EQ(load("classifier", true, "auto")->report().device, "cpu");
}

TEST_F(ScriptNetworks, OnADeviceThatNobodyKnowsAreAUsageError) {
    for (const char* device : {"gpu", "cuda:", "cuda:x", "cuda:-1", ""}) {
        const auto failure = failure_of([&] { load("classifier", true, device); });
        ASSERT_TRUE(failure) << device;
        EXPECT_EQ(failure->kind(), ErrorKind::usage) << device;
    }
}

// ---- the engine onednn

TEST_F(ScriptNetworks, SayTheSameOnOnednnInEveryFormItKnows) {
    for (const char* name : {"classifier", "tuple", "addmm", "without_bias", "mlp", "half", "double",
                             "pooled_convolution", "multi_label", "writes_its_input", "features_cleared"}) {
        const auto torch = load(name), onednn = load_on_onednn(name);
        EXPECT_EQ(onednn->report().engine, "onednn") << name;
        EXPECT_THAT(onednn->report().warnings, IsEmpty()) << name;
        EXPECT_FALSE(onednn->report().picture_by_picture) << name;
        const auto batch = noise(3);
        const auto expected = torch->run(batch), got = onednn->run(batch);
        EXPECT_THAT(got.features.values, Pointwise(FloatNear(1e-5F), expected.features.values)) << name;
        EXPECT_THAT(logits_of(*onednn, batch), Pointwise(FloatNear(1e-4F), logits_of(*torch, batch))) << name;
        EXPECT_EQ(got.extras.size(), expected.extras.size()) << name;
        for (const auto& [key, matrix] : expected.extras)
            EXPECT_THAT(got.extras.at(key).values, Pointwise(FloatNear(1e-5F), matrix.values)) << name << " " << key;
    }
}

TEST_F(ScriptNetworks, RunOnLibTorchWhereOnednnHasNoLayerForAnOperationWhichIsNamed) {
    const std::vector<std::pair<const char*, const char*>> networks = {{"conv1d", "aten::flatten"},
                                                                       {"left_half", "aten::slice"},
                                                                       {"nan_for_black", "aten::sum"},
                                                                       {"squeezed", "aten::squeeze"},
                                                                       {"dict_rewritten", "aten::__getitem__"},
                                                                       {"dict", "aten::mean"}};
    for (const auto& [name, operation] : networks) {
        const auto network = load_on_onednn(name);
        EXPECT_EQ(network->report().engine, "torch") << name;
        EXPECT_THAT(
            network->report().warnings,
            ElementsAre(AllOf(HasSubstr("LibTorch runs it, as the engine onednn cannot: "), HasSubstr(operation))))
            << name;
        EXPECT_TRUE(same_bits(logits_of(*network, a_colour(2)), logits_of(*load(name), a_colour(2)))) << name;
    }
}

TEST_F(ScriptNetworks, GiveTheSameBitsOnOnednnInAnyBatch) {
    const auto network = load_on_onednn("pooled_convolution");
    const auto batch = noise(16);
    const auto all = logits_of(*network, batch);
    for (const auto& [first, count] : {std::pair{0, 1}, {15, 1}, {4, 2}, {9, 5}}) {
        const auto part = logits_of(*network, slice(batch, first, count));
        const auto classes = static_cast<std::ptrdiff_t>(all.size() / 16);
        EXPECT_TRUE(same_bits(part, {all.begin() + first * classes, all.begin() + (first + count) * classes}));
    }
}

TEST_F(ScriptNetworks, ComputeInBfloat16WhereTheProcessorDoesAndSayWhereItDoesNot) {
    const auto network = load_on_onednn("pooled_convolution", Precision::bf16);
    if (engine::has_fast(engine::Precision::bf16)) {
        EXPECT_EQ(network->report().precision, "bf16");
        EXPECT_THAT(logits_of(*network, noise(2)),
                    Pointwise(FloatNear(0.5F), logits_of(*load("pooled_convolution"), noise(2))));
    } else {
        EXPECT_EQ(network->report().precision, "fp32");
        EXPECT_THAT(network->report().warnings, ElementsAre(HasSubstr("does not multiply in bf16")));
    }
}

} // namespace
} // namespace openset::torch
