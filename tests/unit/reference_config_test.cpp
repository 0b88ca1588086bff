#include "openset/cascade/reference_config.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "io/checked_json.hpp"
#include "openset/base/error.hpp"
#include "openset/cascade/pipeline_config.hpp"

namespace openset::cascade {
namespace {

using io::Json;

Json whole() {
    std::ifstream file(OPENSET_SOURCE_DIR "/tests/data/classification.config");
    return Json::parse(file);
}

ReferenceImport import(const Json& json, const std::string& entry) {
    return import_reference_config(json.dump(), "classification.config", entry);
}

std::string problems_of(const Json& json, const std::string& entry = "cars") {
    try {
        import(json, entry);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
        return error.what();
    }
    return "";
}

bool has_note(const ReferenceImport& result, const std::string& part) {
    return std::ranges::any_of(result.notes, [&](const std::string& note) { return note.find(part) != note.npos; });
}

TEST(ReferenceConfig, AnEntryBecomesAPipelineThatDecidesTheSame) {
    const ReferenceImport result = import(whole(), "cars");
    const PipelineConfig config = parse_pipeline_config(result.config_json, "cars.json", "");
    EXPECT_EQ(config.name, "cars");
    EXPECT_EQ(config.gate->network.model, "imagenet.pt");
    EXPECT_EQ(config.gate->rule, "top-k");
    EXPECT_EQ(config.gate->k, 5);
    EXPECT_EQ(config.gate->accept, (std::vector<LabelReference>{436, 479, 705, 751, 757, 817, 829}));
    EXPECT_EQ(config.species->network.model, "models/roadster_or_not.pt");
    EXPECT_EQ(config.species->accept, std::vector<LabelReference>{"ROADSTER"});
    EXPECT_FALSE(config.species->min_probability);
    EXPECT_EQ(config.classifier.network.model, "models/roadsters.pt");
    EXPECT_FALSE(config.classifier.min_probability);
    for (const auto& network : {config.gate->network, config.species->network, config.classifier.network}) {
        EXPECT_EQ(network.preprocess, model::imagenet_preprocess());
    }
}

TEST(ReferenceConfig, TheConfigExplainsItselfInComments) {
    const ReferenceImport result = import(whole(), "cars");
    for (const std::string part :
         {"436, // \"beach_wagon\"", "829 // \"streetcar\"", "Exported from \"models/roadsters.pth\"", "TorchScript"}) {
        EXPECT_NE(result.config_json.find(part), std::string::npos) << part;
    }
}

TEST(ReferenceConfig, RunsOfIdsBecomeRanges) {
    const PipelineConfig config = parse_pipeline_config(import(whole(), "spaniels").config_json, "", "");
    EXPECT_EQ(config.gate->accept, (std::vector<LabelReference>{152, 156, "215-221"}));
    EXPECT_EQ(config.species->accept, std::vector<LabelReference>{"SPANIEL"});
}

TEST(ReferenceConfig, LabelsAreInNumericOrderOfTheirKeysAndVerbatim) {
    const ReferenceImport result = import(whole(), "cars");
    EXPECT_EQ(result.classifier_labels_text,
              "Ash\nBirch\nCedar\nDogwoood\nElm\nFir\nGinkgo\nHazel\nIlex\nJuniper\nKauri\n");
    EXPECT_EQ(result.species_labels_text, "NOT_ROADSTER\nROADSTER\n");
}

TEST(ReferenceConfig, TheReferencesOwnCarListIsCommentedOn) {
    const ReferenceImport result = import(whole(), "cars");
    for (const std::string part : {"705", "829", "479",
                                   "407 ambulance, 468 cab, 511 convertible, 609 jeep, 627 limousine, "
                                   "656 minivan, 661 Model T, 717 pickup, 734 police van"}) {
        EXPECT_TRUE(has_note(result, part)) << part;
    }
    EXPECT_FALSE(has_note(import(whole(), "spaniels"), "705"));
    Json json = whole();
    json["MODELS"]["cars"]["CORRECT_THINGS"] = {{"CORRECT_IMAGENET_CLASSES", {436, 817}}};
    EXPECT_FALSE(has_note(import(json, "cars"), "705"));
}

TEST(ReferenceConfig, WhatIsLeftOutIsNoted) {
    const ReferenceImport cars = import(whole(), "cars");
    for (const std::string part : {"S3_MODELS", "DRIVE_MODELS", "STATIC_TEXT", "448 x 448", "must be exported"}) {
        EXPECT_TRUE(has_note(cars, part)) << part;
    }
    EXPECT_FALSE(has_note(import(whole(), "spaniels"), "S3_MODELS"));
    Json json = whole();
    json.erase("IMAGENET_LABELS");
    EXPECT_TRUE(has_note(import(json, "spaniels"), "no IMAGENET_LABELS"));
    EXPECT_NE(import(json, "spaniels").config_json.find("\"215-221\"\n"), std::string::npos);
}

TEST(ReferenceConfig, AnEntryThatIsNotThereGetsAQuestion) {
    EXPECT_EQ(problems_of(whole(), "spaniel"),
              "classification.config: /MODELS: no entry \"spaniel\"; did you mean \"spaniels\"?");
    EXPECT_EQ(problems_of(whole(), "aeroplanes"),
              "classification.config: /MODELS: no entry \"aeroplanes\", expected one of \"cars\", \"spaniels\"");
}

TEST(ReferenceConfig, EachProblemNamesItsPlace) {
    struct Case {
        const char* pointer;
        Json value;
        std::string message;
    };
    const Case cases[] = {
        {"/CORRECT_SPECIES", 2, "/CORRECT_SPECIES: found 2, expected a whole number, 0 to 1"},
        {"/CORRECT_SPECIES", "1", "/CORRECT_SPECIES: found \"1\", expected a whole number, 0 to 1"},
        {"/SPECIES_LABELS", {{"0", "a"}}, "/SPECIES_LABELS: found 1 labels, expected 2 or more"},
        {"/BREEDS_LABELS",
         {{"0", "a"}, {"2", "c"}},
         "/BREEDS_LABELS/2: found the key \"2\" among 2 labels, expected \"0\" to \"1\" without gaps\n"
         "classification.config: /MODELS/cars/BREEDS_LABELS: no label with the key \"1\", expected \"0\" to \"1\" "
         "without gaps"},
        {"/BREEDS_LABELS",
         {{"0", "a"}, {"01", "b"}},
         "/BREEDS_LABELS/01: found the key \"01\" among 2 labels, expected \"0\" to \"1\" without gaps\n"
         "classification.config: /MODELS/cars/BREEDS_LABELS: no label with the key \"1\", expected \"0\" to \"1\" "
         "without gaps"},
        {"/BREEDS_LABELS/3", "", "/BREEDS_LABELS/3: found \"\", expected a label name that is not empty"},
        {"/BREEDS_LABELS/3", "a\nb", "/BREEDS_LABELS/3: found \"a\\nb\", expected a label name of one line"},
        {"/BREEDS_LABELS", Json::array(),
         "/BREEDS_LABELS: found an empty array, expected an object of labels with the keys \"0\", \"1\", ..."},
        {"/CORRECT_THINGS/CORRECT_IMAGENET_CLASSES/0", 1000,
         "/CORRECT_THINGS/CORRECT_IMAGENET_CLASSES/0: found 1000, expected a whole number, 0 to 999"},
        {"/CORRECT_THINGS/CORRECT_IMAGENET_CLASSES", Json::array(),
         "/CORRECT_THINGS/CORRECT_IMAGENET_CLASSES: found an empty array, expected an array of ids"},
        {"/CORRECT_THINGS/CORRECT_IMAGENET_LABELS/2", "car wheal",
         "/CORRECT_THINGS/CORRECT_IMAGENET_LABELS/2: \"car wheal\" is not the name of any id in "
         "CORRECT_IMAGENET_CLASSES; "
         "did you mean \"car_wheel\"?\n"
         "classification.config: /MODELS/cars/CORRECT_THINGS/CORRECT_IMAGENET_LABELS: no \"car_wheel\", though its id "
         "stands in CORRECT_IMAGENET_CLASSES; add it, or take the id out"},
        {"/LOCAL_MODELS/LOCAL_BREEDS_MODEL", nullptr,
         "/LOCAL_MODELS/LOCAL_BREEDS_MODEL: found null, expected the path of a weights file"},
    };
    for (const Case& one : cases) {
        Json json = whole();
        json["MODELS"]["cars"][Json::json_pointer(one.pointer)] = one.value;
        EXPECT_EQ(problems_of(json), "classification.config: /MODELS/cars" + one.message) << one.pointer;
    }
}

TEST(ReferenceConfig, AnIdGivenTwiceIsAProblem) {
    Json json = whole();
    json["MODELS"]["cars"]["CORRECT_THINGS"] = {{"CORRECT_IMAGENET_CLASSES", {436, 817, 436}}};
    EXPECT_EQ(problems_of(json),
              "classification.config: /MODELS/cars/CORRECT_THINGS/CORRECT_IMAGENET_CLASSES/2: the id "
              "436 occurs twice; keep one");
}

TEST(ReferenceConfig, ThereAreAThousandImagenetLabelsOrNone) {
    Json json = whole();
    json["IMAGENET_LABELS"].erase(0);
    EXPECT_EQ(problems_of(json),
              "classification.config: /IMAGENET_LABELS: found an array of 999, expected an array of 1000 label names");
}

TEST(ReferenceConfig, AllProblemsAreReportedAtOnce) {
    Json json = whole();
    json["MODELS"]["cars"].erase("LOCAL_MODELS");
    json["MODELS"]["cars"]["CORRECT_SPECIES"] = -1;
    json["MODELS"]["cars"]["CORRECT_THINGS"]["CORRECT_IMAGENET_CLASSES"][1] = "817";
    const std::string message = problems_of(json);
    EXPECT_EQ(std::ranges::count(message, '\n'), 2) << message;
}

TEST(ReferenceConfig, StrangeNamesStayInsideTheirCommentsAndStrings) {
    Json json = whole();
    json["MODELS"]["a\n\"b\" */ \\"] = json["MODELS"]["cars"];
    json["MODELS"]["a\n\"b\" */ \\"]["LOCAL_MODELS"]["LOCAL_BREEDS_MODEL"] = "x\n}.pth";
    json["MODELS"]["a\n\"b\" */ \\"]["SPECIES_LABELS"] = {{"0", "0-1"}, {"1", "0-1"}};
    const ReferenceImport result = import(json, "a\n\"b\" */ \\");
    const PipelineConfig config = parse_pipeline_config(result.config_json, "a.json", "");
    EXPECT_EQ(config.name, "a\n\"b\" */ \\");
    EXPECT_EQ(config.classifier.network.model, "x\n}.pt");
    EXPECT_EQ(config.species->accept, std::vector<LabelReference>{1});
}

} // namespace
} // namespace openset::cascade
