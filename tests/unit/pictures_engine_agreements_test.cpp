#include "pictures/engine_agreements.hpp"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>

#include "temporary_folder.hpp"

namespace openset::pictures {
namespace {

using torch::Engine;

class EngineAgreements : public testing::Test {
protected:
    EngineAgreements() {
        ::setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1);
        network_.path = "cats8.pt";
        network_.sha256 = std::string(64, 'a');
        network_.info.preprocess = model::imagenet_preprocess();
    }

    TemporaryFolder folder_;
    model::NetworkFile network_;
};

EngineAgreement good() {
    EngineAgreement agreement;
    agreement.pictures = agreement.same_label = fewest_to_agree_on;
    agreement.feature_difference = 1e-4;
    agreement.largest_feature = 5;
    agreement.logit_difference = 1e-4;
    agreement.largest_logit = 20;
    agreement.torch_milliseconds = 20;
    agreement.onednn_milliseconds = 10;
    return agreement;
}

TEST_F(EngineAgreements, WithoutOneLibTorchRunsTheNetwork) {
    EXPECT_EQ(automatic_engine(network_, "g"), Engine::torch);
}

TEST_F(EngineAgreements, OneThatIsGoodHoldsForEveryHeadOnTheGraph) {
    EXPECT_NE(record_agreement(network_, "g", good()), "");
    model::NetworkFile other = network_;
    other.path = "gate.pt";
    other.sha256 = std::string(64, 'b');
    other.info.labels = {"cat", "dog"};
    EXPECT_EQ(automatic_engine(network_, "g"), Engine::onednn);
    EXPECT_EQ(automatic_engine(other, "g"), Engine::onednn);
    EXPECT_EQ(automatic_engine(other, "h"), Engine::torch);
}

TEST_F(EngineAgreements, OfAGraphThatCannotBeToldHoldForTheFile) {
    record_agreement(network_, "", good());
    model::NetworkFile other = network_;
    other.sha256 = std::string(64, 'b');
    EXPECT_EQ(automatic_engine(network_, ""), Engine::onednn);
    EXPECT_EQ(automatic_engine(other, ""), Engine::torch);
}

TEST_F(EngineAgreements, AreOfOnePreprocessingMeanAndDeviationAmongIt) {
    record_agreement(network_, "g", good());
    model::NetworkFile other = network_;
    other.info.preprocess.mean[1] += 0.01F;
    EXPECT_EQ(automatic_engine(other, "g"), Engine::torch);
    other = network_;
    other.info.preprocess.crop = image::Size{192, 192};
    EXPECT_EQ(automatic_engine(other, "g"), Engine::torch);
}

TEST_F(EngineAgreements, WantEveryLabelSmallDifferencesEnoughPicturesAndLessTime) {
    const auto engine_after = [&](auto change) {
        EngineAgreement agreement = good();
        change(agreement);
        record_agreement(network_, "g", agreement);
        return automatic_engine(network_, "g");
    };
    EXPECT_EQ(engine_after([](EngineAgreement&) {}), Engine::onednn);
    EXPECT_EQ(engine_after([](EngineAgreement& one) { one.pictures = one.same_label = fewest_to_agree_on - 1; }),
              Engine::torch);
    EXPECT_EQ(engine_after([](EngineAgreement& one) { --one.same_label; }), Engine::torch);
    EXPECT_EQ(engine_after([](EngineAgreement& one) { one.feature_difference = 6e-4; }), Engine::torch);
    EXPECT_EQ(engine_after([](EngineAgreement& one) { one.logit_difference = 3e-3; }), Engine::torch);
    EXPECT_EQ(
        engine_after([](EngineAgreement& one) { one.logit_difference = std::numeric_limits<double>::infinity(); }),
        Engine::torch);
    EXPECT_EQ(engine_after([](EngineAgreement& one) { one.onednn_milliseconds = 20; }), Engine::torch);
}

TEST_F(EngineAgreements, InEightBitsMayRoundOnceInAWhileTheOtherWay) {
    EngineAgreement agreement = good();
    agreement.logit_difference = 0.1; // of 20
    EXPECT_FALSE(agreement.agrees());
    agreement.precision = "int8";
    EXPECT_TRUE(agreement.agrees());
    record_agreement(network_, "g", agreement);
    EXPECT_EQ(automatic_engine(network_, "g"), Engine::onednn);
    agreement.logit_difference = 1.1;
    EXPECT_FALSE(agreement.agrees());
}

TEST_F(EngineAgreements, AFileThatIsNoneIsReplaced) {
    const std::filesystem::path file = record_agreement(network_, "g", good());
    std::ofstream(file) << "{\"format\": \"openset-engines/1\", \"agreements\": 3}";
    EXPECT_EQ(automatic_engine(network_, "g"), Engine::torch);
    record_agreement(network_, "g", good());
    EXPECT_EQ(automatic_engine(network_, "g"), Engine::onednn);
}

} // namespace
} // namespace openset::pictures
