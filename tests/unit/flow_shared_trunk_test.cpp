// Stages of one trunk: one forward pass, and the rows of three.

#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <mutex>

#include "openset/base/error.hpp"
#include "openset/flow/runner.hpp"
#include "openset/io/row_writer.hpp"
#include "unit/made_images.hpp"

namespace openset::flow {
namespace {

using ::testing::ElementsAre;

using cascade::Stage;

/// Features are the brightness (0..1) of the first pixel's three channels; the head multiplies them.
class Network : public model::Network {
public:
    Network(std::string trunk, float factor)
        : trunk_(std::move(trunk)),
          head_(3, 3, std::vector<float>{factor, 0, 0, 0, factor, 0, 0, 0, factor}, std::vector<float>{0, 0, 0}) {}

    const model::ModelInfo& info() const override { return info_; }
    const model::Head* head() const override { return &head_; }
    std::string trunk() const override { return trunk_; }

    model::Outputs run(const model::Batch& batch) override {
        pictures += batch.count;
        model::Outputs outputs;
        outputs.features = {batch.count, 3, {}};
        outputs.extras["latent"] = {batch.count, 1, {}};
        const std::size_t plane = static_cast<std::size_t>(batch.height) * static_cast<std::size_t>(batch.width);
        for (std::size_t i = 0; i < static_cast<std::size_t>(batch.count); ++i) {
            const float* picture = &batch.data[i * 3 * plane];
            if (picture[0] == refused_red) throw Error(ErrorKind::model, "cannot look at this");
            for (std::size_t c = 0; c < 3; ++c)
                outputs.features.values.push_back(picture[0] == nan_red ? std::numeric_limits<float>::quiet_NaN()
                                                                        : picture[c * plane]);
            outputs.extras["latent"].values.push_back(
                picture[0] == nan_latent_red ? std::numeric_limits<float>::quiet_NaN() : 10 * picture[plane]);
        }
        return outputs;
    }

    std::atomic<int> pictures = 0;
    float refused_red = -1, nan_red = -1, nan_latent_red = -1;

private:
    model::ModelInfo info_;
    std::string trunk_;
    model::Head head_;
};

/// A picture of one colour.
Input picture(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
    const made::Bytes line = {red, green, blue, red, green, blue};
    return {std::to_string(red) + "-" + std::to_string(green) + "-" + std::to_string(blue),
            made::png_of_chunks({made::png_header(2, 2), made::png_data({line, line}), {"IEND", {}}}), std::nullopt};
}

class ListedInputs : public InputSource {
public:
    explicit ListedInputs(std::vector<Input> inputs) : inputs_(std::move(inputs)) {}
    std::optional<Input> next() override {
        return index_ < inputs_.size() ? std::optional(inputs_[index_++]) : std::nullopt;
    }

private:
    std::vector<Input> inputs_;
    std::size_t index_ = 0;
};

cascade::StageLabels labels() { return {{"red", "green", "blue"}, model::Activation::softmax}; }

/// Gate: red or green must be likeliest; species: green must be likeliest; the classifier takes all.
cascade::Pipeline pipeline() {
    cascade::Pipeline result;
    result.gate = cascade::Gate{labels(), {0, 1}, cascade::GateRule::top_k, 1, 0.5};
    result.species = cascade::Species{labels(), {1}, std::nullopt};
    result.classifier = {labels(), {0, 0, 0}, true};
    return result;
}

class SharedTrunkTest : public ::testing::Test {
protected:
    SharedTrunkTest() {
        preprocess.mean = {0, 0, 0};
        preprocess.std = {1, 1, 1};
        for (int i = 0; i < 200; ++i)
            list.push_back(picture(static_cast<std::uint8_t>(i % 256), static_cast<std::uint8_t>((i * 7) % 256),
                                   static_cast<std::uint8_t>((i * 13) % 256)));
    }

    std::vector<StageNetwork> networks() {
        return {{Stage::gate, &gate, preprocess},
                {Stage::species, species, preprocess},
                {Stage::classifier, &classifier, preprocess}};
    }

    std::string rows() {
        gate.pictures = own.pictures = other.pictures = classifier.pictures = 0;
        ListedInputs inputs(list);
        std::string text;
        statistics = run(
            pipeline(), networks(), inputs,
            [&](const Delivery& delivery) {
                text += io::to_json_line(delivery.row) + "\n";
                for (const float value : delivery.activations.features.row(0)) text += std::to_string(value) + " ";
                for (const auto& [name, latent] : delivery.activations.extras)
                    text += name + std::to_string(latent.values[0]) + "\n";
                return true;
            },
            options, cancellation);
        return text;
    }

    std::string rows_unshared() {
        options.share_trunks = false;
        const std::string text = rows();
        options.share_trunks = true;
        return text;
    }

    std::vector<Input> list;
    Network gate{"colours", 10}, own{"colours", 12}, other{"others", 12}, classifier{"colours", 9};
    Network* species = &own;
    image::PreprocessSpec preprocess;
    RunnerOptions options;
    Cancellation cancellation;
    RunStatistics statistics;
};

TEST_F(SharedTrunkTest, OneForwardPassServesAllStages) {
    const std::string shared = rows();
    EXPECT_EQ(gate.pictures, 200);
    EXPECT_EQ(own.pictures, 0);
    EXPECT_EQ(classifier.pictures, 0);
    EXPECT_EQ(shared, rows_unshared());
    EXPECT_GT(own.pictures, classifier.pictures);
    EXPECT_GT(classifier.pictures, 0);
}

TEST_F(SharedTrunkTest, AStageOfAnotherTrunkBetweenThemHasItsOwnPass) {
    species = &other;
    const std::string shared = rows();
    EXPECT_EQ(gate.pictures, 200);
    EXPECT_LT(other.pictures, 200); // what the gate let pass
    EXPECT_GT(other.pictures, 0);
    EXPECT_EQ(classifier.pictures, 0);
    EXPECT_EQ(shared, rows_unshared());
}

TEST_F(SharedTrunkTest, RowsAreTheSameForAnyBatchAndThreadsWithAndWithoutSharing) {
    options.keep_activations = true;
    for (const bool all_stages : {false, true}) {
        for (Network* which : {&own, &other}) {
            species = which;
            options.all_stages = all_stages;
            const std::string expected = rows_unshared();
            for (const int batch : {1, 5, 64}) {
                for (const int threads : {1, 3}) {
                    options.batch = batch;
                    options.jobs = options.threads = threads;
                    EXPECT_EQ(rows(), expected) << batch << " " << threads << " " << all_stages;
                }
            }
        }
    }
}

TEST_F(SharedTrunkTest, NetworksThatSeeThePictureInOtherNumbersDoNotShare) {
    auto stages = networks();
    EXPECT_THAT(trunk_of(stages), ElementsAre(0, 0, 0));
    stages[1].preprocess.mean = {0.5F, 0.5F, 0.5F};
    EXPECT_THAT(trunk_of(stages), ElementsAre(0, 1, 0));
    stages[2].preprocess.mean = {0.5F, 0.5F, 0.5F};
    EXPECT_THAT(trunk_of(stages), ElementsAre(0, 1, 1));
}

TEST_F(SharedTrunkTest, NetworksWhoseTrunkIsNotKnownDoNotShare) {
    Network unknown("", 1), unknown_too("", 1);
    EXPECT_THAT(trunk_of({{Stage::gate, &unknown, preprocess}, {Stage::classifier, &unknown_too, preprocess}}),
                ElementsAre(0, 1));
}

TEST_F(SharedTrunkTest, NanOfTheTrunkFailsAtTheFirstStageThatSeesIt) {
    list = {picture(0, 255, 0), picture(255, 0, 0)};
    gate.nan_red = own.nan_red = classifier.nan_red = 1;
    EXPECT_THAT(rows(), ::testing::HasSubstr(R"("outcome": "failed", "decided_by": "gate")"));
    EXPECT_EQ(rows(), rows_unshared());
}

TEST_F(SharedTrunkTest, NanOfAFurtherTensorFailsAtTheClassifierWhichAloneLooksAtIt) {
    list = {picture(10, 255, 0)};
    options.keep_activations = true;
    gate.nan_latent_red = classifier.nan_latent_red = 10.0F / 255;
    EXPECT_THAT(rows(), ::testing::HasSubstr(R"("outcome": "failed", "decided_by": "classifier")"));
    EXPECT_EQ(rows(), rows_unshared());
}

TEST_F(SharedTrunkTest, APictureThatTheTrunkRefusesFailsAtTheFirstStage) {
    list = {picture(0, 255, 0), picture(255, 0, 0), picture(0, 250, 0)};
    gate.refused_red = own.refused_red = classifier.refused_red = 1;
    EXPECT_THAT(rows(), ::testing::HasSubstr("cannot look at this"));
    EXPECT_EQ(rows(), rows_unshared());
}

TEST_F(SharedTrunkTest, StatisticsTellPassesApartFromWhatEarlierFeaturesServed) {
    rows();
    EXPECT_EQ(statistics.stages[0].passed, 200);
    EXPECT_GT(statistics.stages[0].passes, 0);
    EXPECT_GT(statistics.stages[1].pictures, 0);
    EXPECT_EQ(statistics.stages[1].passed, 0);
    EXPECT_EQ(statistics.stages[1].passes, 0);
}

} // namespace
} // namespace openset::flow
