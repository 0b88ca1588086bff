#include "openset/cascade/starter_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "openset/base/error.hpp"
#include "openset/cascade/pipeline_config.hpp"

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace openset::cascade {
namespace {

model::NetworkFile network(const std::string& path, const std::vector<std::string>& labels) {
    model::NetworkFile file;
    file.path = path;
    file.info.labels = labels;
    return file;
}

/// A thousand labels, some of them real.
model::NetworkFile imagenet() {
    std::vector<std::string> labels;
    for (int id = 0; id < 1000; ++id) labels.push_back("thing_" + std::to_string(id));
    labels[134] = labels[517] = "crane";
    labels[281] = "tabby";
    labels[283] = "Persian_cat";
    labels[285] = "Egyptian_cat";
    return network("models/imagenet.pt", labels);
}

const auto cats = network("models/cats8.pt", {"Bombay", "Persian cat", "Sphynx"});
const auto filter = network("models/filter.pt", {"not_a_cat", "cat"});

struct Made {
    PipelineConfig config;
    std::vector<std::string> notes, warnings;
};

/// What the parser makes of it; it has to be sound.
Made made_from(const std::vector<model::NetworkFile>& networks, const std::string& folder = "") {
    const auto starter = make_starter_config("cats", {networks, {}, {}}, folder);
    return {parse_pipeline_config(starter.config_json, "cats.json", folder), starter.notes, starter.warnings};
}

TEST(StarterConfig, LabelsTellWhichNetworkIsWhichStage) {
    auto gate = imagenet(), species = filter;
    gate.path = "models/a.pt";
    species.path = "models/b.pt";
    const auto [config, notes, warnings] = made_from({cats, species, gate});
    EXPECT_THAT(warnings, IsEmpty());
    EXPECT_EQ(config.name, "cats");
    EXPECT_EQ(config.gate->network.model, "models/a.pt");
    EXPECT_EQ(config.species->network.model, "models/b.pt");
    EXPECT_EQ(config.classifier.network.model, "models/cats8.pt");
    EXPECT_THAT(notes,
                ElementsAre(HasSubstr("a.pt, because it has 1000 labels"), HasSubstr("b.pt, because it has 2 labels"),
                            HasSubstr("cats8.pt, because it has 3 labels")));
}

TEST(StarterConfig, NamesTellBeforeLabelsDo) {
    const auto gate = network("gate.pt", {"red", "green", "blue", "black"}),
               species = network("species.pt", {"no", "yes"});
    const auto classifier = network("classifier.pt", {"red", "blue"});
    const auto [config, notes, warnings] = made_from({classifier, gate, species, network("aaa.pt", {"x", "y", "z"})});
    EXPECT_EQ(config.gate->network.model, "gate.pt");
    EXPECT_EQ(config.species->network.model, "species.pt");
    EXPECT_EQ(config.classifier.network.model, "classifier.pt");
    EXPECT_THAT(notes, ElementsAre("gate: gate.pt, because its file is named so; 2 of 4 labels pass (red, blue); "
                                   "look through /gate/accept",
                                   HasSubstr("species.pt, because its file is named so"),
                                   "classifier: classifier.pt, because its file is named so; it names red, blue",
                                   HasSubstr("not used: aaa.pt; ")));
    EXPECT_THAT(warnings, IsEmpty());
}

TEST(StarterConfig, TheNameInsideANetworkTellsWhereThatOfTheFileDoesNot) {
    auto breeds = network("a.pt", {"not", "cat"}), filter_by_name = network("b.pt", {"red", "green"});
    breeds.info.name = "cat-breeds";
    filter_by_name.info.name = "cat_or_not";
    const auto [config, notes, warnings] = made_from({breeds, filter_by_name});
    EXPECT_EQ(config.classifier.network.model, "a.pt");
    EXPECT_EQ(config.species->network.model, "b.pt");
    EXPECT_THAT(notes, testing::Contains(HasSubstr("because its name is cat_or_not")));
    // Part of another word, or of two stages: no sign.
    for (const char* name : {"investigate.pt", "gate_classifier.pt", "breeds_filter.pt"})
        EXPECT_EQ(made_from({network(name, {"a", "b", "c"}), filter}).config.classifier.network.model, name);
    auto multi_label = network("gate.pt", {"a", "b", "c"});
    multi_label.info.activation = model::Activation::sigmoid;
    EXPECT_EQ(made_from({multi_label, filter}).config.classifier.network.model, "gate.pt") << "no gate can be that";
}

TEST(StarterConfig, WhereSeveralCouldServeTheUserIsWarned) {
    const auto [config, notes, warnings] =
        made_from({network("a.pt", {"a", "b", "c"}), network("b.pt", {"d", "e", "f"}), network("c.pt", {}), filter});
    EXPECT_EQ(config.classifier.network.model, "a.pt");
    EXPECT_THAT(warnings, ElementsAre("2 networks could be the classifier (a.pt, b.pt): took a.pt; to take another, "
                                      "name it in the config"));
    EXPECT_THAT(notes.back(), HasSubstr("not used: b.pt, c.pt; "));
}

TEST(StarterConfig, AFilterOfManyLabelsLeavesItToTheUserWhichPass) {
    const auto starter =
        make_starter_config("cats", {{cats, network("species.pt", {"cat", "dog", "fox"})}, {}, {}}, "");
    EXPECT_THAT(starter.notes, testing::Contains(HasSubstr("fill in /species/accept")));
    EXPECT_THROW(parse_pipeline_config(starter.config_json, "cats.json", "", {}), Error);
}

TEST(StarterConfig, ALoneNetworkIsTheClassifierWhateverItsLabels) {
    for (const auto& one : {cats, filter, imagenet()}) {
        const auto config = made_from({one}).config;
        EXPECT_EQ(config.classifier.network.model, one.path);
        EXPECT_FALSE(config.gate || config.species);
    }
    EXPECT_EQ(made_from({network("cat.pt", {"other", "tabby"}), imagenet()}).config.classifier.network.model, "cat.pt");
}

TEST(StarterConfig, TheGateAcceptsWhatTheOtherNetworksSpeakOf) {
    EXPECT_THAT(made_from({cats, imagenet()}).config.gate->accept, ElementsAre(LabelReference{"Persian_cat"}));
    EXPECT_THAT(made_from({cats, filter, imagenet()}).config.gate->accept,
                ElementsAre(LabelReference{"Persian_cat"}, LabelReference{"Egyptian_cat"}));
    const auto cranes = network("cranes.pt", {"crane", "heron", "stork"});
    EXPECT_THAT(made_from({cranes, imagenet()}).config.gate->accept,
                ElementsAre(LabelReference{134}, LabelReference{517}))
        << "a name that occurs twice is no name to go by";
}

TEST(StarterConfig, WhereNothingTellsWhatPassesTheUserHasToSay) {
    const auto trams = network("trams.pt", {"a", "b", "c"});
    const auto starter = make_starter_config("trams", {{trams, imagenet()}, {}, {}}, "");
    EXPECT_THAT(starter.notes.at(0), HasSubstr("fill in /gate/accept"));
    EXPECT_THROW(parse_pipeline_config(starter.config_json, "trams.json", "", {}), Error);
}

TEST(StarterConfig, TheFilterPassesWhatIsNotTheRest) {
    const auto accepted = [](const std::string& first, const std::string& second) {
        return made_from({cats, network("f.pt", {first, second})}).config.species->accept;
    };
    EXPECT_THAT(accepted("cat", "not_cat"), ElementsAre(LabelReference{"cat"}));
    EXPECT_THAT(accepted("OTHER", "SPANIEL"), ElementsAre(LabelReference{"SPANIEL"}));
    EXPECT_THAT(accepted("dog", "spaniel"), ElementsAre(LabelReference{"spaniel"}));
}

TEST(StarterConfig, NetworksAreNamedRelativeToTheConfig) {
    EXPECT_THAT(make_starter_config("cats", {{cats}, {}, {}}, "configs").config_json,
                HasSubstr("\"../models/cats8.pt\""));
    EXPECT_THAT(make_starter_config("cats", {{cats}, {}, {}}, "models").config_json, HasSubstr("\"cats8.pt\""));
}

TEST(StarterConfig, AGateOfFewLabelsGoesByMassWhereTopKWouldPassNearlyEverything) {
    const auto gate = network("gate.pt", {"cat", "dog", "cow", "hen", "car", "bus", "cup", "pan"});
    const auto pets = network("pets.pt", {"cat", "dog", "cow"});
    EXPECT_EQ(made_from({gate, pets}).config.gate->rule, "mass");
    EXPECT_EQ(made_from({imagenet(), cats}).config.gate->rule, "top-k");
}

/// A network, and a detector that was fitted on it.
struct Fitted {
    model::NetworkFile network = cats;
    io::FittedFile detector;

    explicit Fitted(const std::string& method = "openmax") {
        network.sha256 = "c1a551f1e4";
        detector.name = "models/cats8." + method + ".json";
        detector.method = method;
        detector.model_sha256 = network.sha256;
        detector.labels = network.info.labels;
        detector.sha256 = "f177ed";
    }
    StarterConfig with(const std::vector<NamedOperatingPoint>& points) const {
        return make_starter_config("cats", {{network}, {detector}, points}, "");
    }
};

NamedOperatingPoint point_on(const std::string& fitted_sha256) {
    NamedOperatingPoint named;
    named.path = "models/point.json";
    named.point.fitted_sha256 = fitted_sha256;
    named.point.rule = "tpr=0.95";
    return named;
}

PipelineConfig parsed(const StarterConfig& starter) {
    return parse_pipeline_config(starter.config_json, "cats.json", "");
}

TEST(StarterConfig, ADetectorThatWasFittedOnTheClassifierStandsBehindItWithItsOperatingPoint) {
    const auto starter = Fitted().with({point_on("another"), point_on("f177ed")});
    const auto config = parsed(starter);
    EXPECT_EQ(config.unknown->fitted, "models/cats8.openmax.json");
    EXPECT_EQ(config.unknown->operating_point, "models/point.json");
    EXPECT_THAT(starter.notes,
                testing::Contains(HasSubstr("unknown: models/cats8.openmax.json, because it was fitted on")));
    EXPECT_THAT(starter.config_json, HasSubstr("// picked by tpr=0.95"));
}

TEST(StarterConfig, WithoutAnOperatingPointOpenMaxDecidesItselfAndOthersRejectNothingYet) {
    EXPECT_TRUE(parsed(Fitted().with({point_on("another")})).unknown->argmax);
    const auto other = Fitted("mahalanobis").with({});
    EXPECT_THAT(other.config_json, HasSubstr("\"threshold\": \"inf\""));
    EXPECT_THAT(other.notes.back(), HasSubstr("give it a threshold"));
}

TEST(StarterConfig, AnOperatingPointThatDoesNotFitIsNotUsedAndItIsSaidWhy) {
    const auto note_of = [](const std::string& stage, const std::string& method, const std::string& fitted) {
        auto point = point_on(fitted);
        point.point.stage = stage;
        point.point.method = method;
        const auto starter = Fitted().with({point});
        EXPECT_TRUE(parsed(starter).unknown->argmax);
        return starter.notes.back();
    };
    EXPECT_THAT(note_of("unknown", "msp", ""),
                HasSubstr("a threshold of msp, which needs no fitted file; /unknown/method"));
    EXPECT_THAT(note_of("unknown", "mahalanobis", "another"),
                HasSubstr("models/point.json, because it is a threshold of mahalanobis and the detector is openmax"));
    EXPECT_THAT(note_of("unknown", "openmax", "another"), HasSubstr("of another fit of openmax; openset sweep --pick"));
    EXPECT_THAT(note_of("gate", "probability", ""), HasSubstr("for the gate; name it there as operating_point"));
}

TEST(StarterConfig, AClassifierRejectsNothingThatNobodyAskedFor) {
    EXPECT_FALSE(made_from({cats}).config.classifier.min_probability);
    EXPECT_THAT(make_starter_config("cats", {{cats}, {}, {}}, "").config_json,
                HasSubstr("// Names one of Bombay, Persian cat, Sphynx.\n"));
}

TEST(StarterConfig, APipelineWithoutAGateSaysSo) {
    EXPECT_THAT(made_from({cats, filter}).notes.at(0), HasSubstr("gate: none, no network here"));
    for (const std::string& note : made_from({cats, imagenet()}).notes) EXPECT_THAT(note, Not(HasSubstr("gate: none")));
}

TEST(StarterConfig, ADetectorOfAnotherNetworkIsNotUsed) {
    Fitted fitted;
    fitted.detector.model_sha256 = "another";
    const auto starter = fitted.with({point_on("f177ed")});
    EXPECT_FALSE(parsed(starter).unknown);
    EXPECT_THAT(starter.notes.back(), HasSubstr("not used: models/cats8.openmax.json; "));
}

TEST(StarterConfig, WhatIsNotUsedIsNoted) {
    const auto [config, notes, warnings] = made_from({cats, network("more.pt", {"a", "b", "c"})});
    EXPECT_EQ(config.classifier.network.model, "models/cats8.pt");
    EXPECT_THAT(notes.back(), HasSubstr("not used: more.pt; "));
    EXPECT_THROW(make_starter_config("cats", {{}, {}, {}}, ""), Error);
}

TEST(StarterConfig, NamesCannotBreakOutOfTheText) {
    const auto odd = network("a\"b.pt", {"one\n\"}", "not\nthis"});
    const auto config = made_from({cats, odd}).config;
    EXPECT_EQ(config.species->network.model, "a\"b.pt");
    EXPECT_THAT(config.species->accept, ElementsAre(LabelReference{"one\n\"}"}));
}

} // namespace
} // namespace openset::cascade
