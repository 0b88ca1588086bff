#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "io/checked_json.hpp"
#include "openset/base/error.hpp"
#include "openset/cascade/pipeline_config.hpp"

namespace openset::cascade {
namespace {

using io::Json;

Json whole() {
    return Json::parse(R"({
        "openset": 1, "name": "cats",
        "gate": {"model": "imagenet.pt", "accept": ["281-284", "Egyptian_cat", 7], "rule": "top-k", "k": 3,
                 "preprocess": "imagenet"},
        "species": {"model": "sub/cat_or_not.pt", "accept": ["cat"], "min_probability": 0.5},
        "classifier": {"model": "../cats8.pt", "min_probability": {"Bombay": 0.9, "*": 0.8},
                       "preprocess": {"resize": {"mode": "squash", "size": [448, 224], "interpolation": "bicubic"},
                                      "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}}})");
}

PipelineConfig parse(const Json& json, const std::vector<ConfigOverride>& overrides = {}) {
    return parse_pipeline_config(json.dump(), "cats.json", "/data", overrides);
}

/// What parsing says, without `cats.json: ` where that begins the line; empty where nothing is wrong.
std::string problems_of(const Json& json, const std::vector<ConfigOverride>& overrides = {}) {
    try {
        parse(json, overrides);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
        std::string result;
        std::istringstream lines(error.what());
        for (std::string line; std::getline(lines, line);) {
            EXPECT_TRUE(line.starts_with("cats.json: ")) << line;
            result += (result.empty() ? "" : "\n") + line.substr(11);
        }
        return result;
    }
    return "";
}

TEST(PipelineConfig, EveryKeyArrives) {
    const PipelineConfig config = parse(whole());
    EXPECT_EQ(config.name, "cats");
    ASSERT_TRUE(config.gate && config.species);
    EXPECT_EQ(config.gate->network.model, "/data/imagenet.pt");
    EXPECT_EQ(config.gate->network.preprocess, model::imagenet_preprocess());
    EXPECT_EQ(config.gate->accept, (std::vector<LabelReference>{"281-284", "Egyptian_cat", 7}));
    EXPECT_EQ(config.gate->rule, "top-k");
    EXPECT_EQ(config.gate->k, 3);
    EXPECT_EQ(config.species->network.model, "/data/sub/cat_or_not.pt");
    EXPECT_EQ(config.species->accept, std::vector<LabelReference>{"cat"});
    EXPECT_EQ(config.species->min_probability->any, 0.5);
    EXPECT_TRUE(config.species->min_probability->by_label.empty());
    EXPECT_EQ(config.classifier.network.model, "/data/../cats8.pt");
    ASSERT_TRUE(config.classifier.network.preprocess);
    EXPECT_EQ(config.classifier.network.preprocess->resize.squash, (image::Size{.height = 448, .width = 224}));
    EXPECT_EQ(config.classifier.min_probability->any, 0.8);
    EXPECT_EQ(config.classifier.min_probability->by_label, (std::map<std::string, double>{{"Bombay", 0.9}}));
}

TEST(PipelineConfig, AClassifierIsEnoughAndTheRestHasDefaults) {
    PipelineConfig config = parse_pipeline_config(R"({"openset": 1, "classifier": {"model": "/nets/a.pt"}})",
                                                  "some/where/my.cats.json", "some/where");
    EXPECT_EQ(config.name, "my.cats");
    EXPECT_FALSE(config.gate || config.species || config.classifier.min_probability);
    EXPECT_EQ(config.classifier.network.model, "/nets/a.pt");
    config = parse_pipeline_config(
        R"({"openset": 1, "gate": {"model": "g.pt", "accept": [1]}, "classifier": {"model": "c.pt"}})", "a.json", "b");
    EXPECT_EQ(config.gate->rule, "top-k");
    EXPECT_EQ(config.gate->k, 5);
    EXPECT_EQ(config.gate->network.model, "b/g.pt");
}

TEST(PipelineConfig, EachProblemNamesItsPlaceWhatWasFoundAndWhatWasExpected) {
    struct Case {
        const char* pointer;
        Json value;
        std::string message;
    };
    const std::string an_accept = "expected a label name, an id or a range such as \"281-284\"";
    const Case cases[] = {
        {"/openset", 2, "/openset: found 2, expected 1"},
        {"/openset", "1", "/openset: found \"1\", expected 1"},
        {"/name", "", "/name: found \"\", expected a string that is not empty"},
        {"/report", Json::object(),
         "/report: unknown key, expected one of openset, name, gate, species, classifier, unknown, "
         "calibration, significance"},
        {"/clasifier", 1, "/clasifier: unknown key; did you mean \"classifier\"?"},
        {"/gate", nullptr, "/gate: found null, expected an object with model and accept"},
        {"/gate/acept", 1, "/gate/acept: unknown key; did you mean \"accept\"?"},
        {"/gate/model", 5, "/gate/model: found 5, expected the path of the network's file"},
        {"/gate/model", "", "/gate/model: found \"\", expected the path of the network's file"},
        {"/gate/model", std::string("a\0b", 3),
         "/gate/model: found \"a\\u0000b\", expected a path without NUL characters"},
        {"/gate/accept", Json::array(),
         "/gate/accept: found an empty array, expected an array of label names, ids or ranges such as \"281-284\""},
        {"/gate/accept", "cat",
         "/gate/accept: found \"cat\", expected an array of label names, ids or ranges such as \"281-284\""},
        {"/gate/accept/1", "", "/gate/accept/1: found \"\", " + an_accept},
        {"/gate/accept/1", nullptr, "/gate/accept/1: found null, " + an_accept},
        {"/gate/accept/1", -1, "/gate/accept/1: found -1, expected a whole number, 0 or more"},
        {"/gate/accept/1", 1.5, "/gate/accept/1: found 1.5, expected a whole number, 0 or more"},
        {"/gate/rule", "topk",
         R"(/gate/rule: found "topk", expected one of "top-k", "mass", "top-1"; did you mean "top-k"?)"},
        {"/gate/rule", "mass", R"(/gate/k: has no meaning with the rule "mass"; remove it, or say "rule": "top-k")"},
        {"/gate/rule", "top-1", R"(/gate/k: has no meaning with the rule "top-1"; remove it, or say "rule": "top-k")"},
        {"/gate/min_mass", 0.1,
         R"(/gate/min_mass: has no meaning with the rule "top-k"; remove it, or say "rule": "mass")"},
        {"/gate/k", 0, "/gate/k: found 0, expected a whole number, 1 or more"},
        {"/gate/k", "five", "/gate/k: found \"five\", expected a whole number, 1 or more"},
        {"/gate/k", 1e300, "/gate/k: found 1e+300, expected a whole number, 1 or more"},
        {"/gate/preprocess", "image-net",
         R"(/gate/preprocess: found "image-net", expected "imagenet" or an object with resize, mean and std)"},
        {"/species/min_probability", 1.5,
         R"(/species/min_probability: found 1.5, expected a number from 0 to 1, or one by label such as {"tabby": 0.9, "*": 0.8})"},
        {"/species/min_probability", Json::object(),
         R"(/species/min_probability: found an empty object, expected a number from 0 to 1, or one by label such as {"tabby": 0.9, "*": 0.8})"},
        {"/species/rule", "mass",
         "/species/rule: unknown key, expected one of model, preprocess, accept, min_probability, operating_point"},
        {"/classifier/min_probability/Bombay", -0.1,
         "/classifier/min_probability/Bombay: found -0.1, expected a number from 0 to 1"},
        {"/classifier/accept",
         {1},
         "/classifier/accept: unknown key, expected one of model, preprocess, min_probability, temperature"},
        {"/classifier/preprocess/resize/size", 448,
         "/classifier/preprocess/resize/size: found 448, expected [height, width]"},
        {"/classifier/preprocess/scale", 1,
         "/classifier/preprocess/scale: unknown key, expected one of resize, crop, crop_place, mirror, mean, "
         "std"},
        {"/classifier/preprocess/resize/antialias", true,
         "/classifier/preprocess/resize/antialias: unknown key, expected one of mode, size, interpolation, order"},
    };
    for (const Case& one : cases) {
        Json json = whole();
        json[Json::json_pointer(one.pointer)] = one.value;
        EXPECT_EQ(problems_of(json), one.message) << one.pointer;
    }
}

Json with_unknown(const Json& unknown) {
    Json json = whole();
    json["unknown"] = unknown;
    return json;
}

TEST(PipelineConfig, AnUnknownStageHasADetectorAndAThreshold) {
    const auto unknown = [](const char* text) { return *parse(with_unknown(Json::parse(text))).unknown; };
    using Unit = ScoreThreshold::Unit;
    UnknownConfig config = unknown(R"({"fitted": "cats8.openmax.json", "method": "openmax", "threshold": 0.49})");
    EXPECT_EQ(config.fitted, "/data/cats8.openmax.json");
    EXPECT_EQ(config.method, "openmax");
    EXPECT_EQ(config.any, (ScoreThreshold{Unit::score, 0.49}));
    config = unknown(R"({"method": "msp", "threshold": {"Bombay": -0.9, "*": "inf"}})");
    EXPECT_FALSE(config.fitted);
    EXPECT_EQ(config.by_label, (std::map<std::string, ScoreThreshold>{{"Bombay", {Unit::score, -0.9}}}));
    EXPECT_EQ(config.any->value, INFINITY);
    EXPECT_EQ(unknown(R"({"fitted": "a", "threshold": "p=0.62"})").any, (ScoreThreshold{Unit::p_unknown, 0.62}));
    EXPECT_EQ(unknown(R"({"fitted": "a", "threshold": "q=3.5e-1"})").any, (ScoreThreshold{Unit::doubled_value, 0.35}));
    config = unknown(R"({"fitted": "a", "threshold": "argmax", "epsilon": 0.9})");
    EXPECT_TRUE(config.argmax);
    EXPECT_EQ(config.epsilon, 0.9);
    EXPECT_EQ(unknown(R"({"fitted": "a", "operating_point": "b.json"})").operating_point, "/data/b.json");
}

TEST(PipelineConfig, AShareIsReadAsTheSchemaHasItHoweverLong) {
    const auto share = [](const std::string& text) {
        return parse(with_unknown({{"fitted", "a"}, {"threshold", "p=" + text}})).unknown->any->value;
    };
    const std::vector<std::pair<std::string, double>> all = {
        {"0", 0}, {"1", 1}, {"1.000", 1}, {"0.25", 0.25}, {"1e-6", 1e-6}, {"2.5e-03", 0.0025}, {"1e-999", 0}};
    for (const auto& [text, value] : all) EXPECT_EQ(share(text), value) << text;
    EXPECT_EQ(share("0." + std::string(300'000, '9')), 1);
    for (const char* wrong :
         {"", "2", "1.", "0.", ".5", "1.01", "0e-1", "1e-0", "1e-", "10e-1", "1.e-1", "-0.5", "0.5 ", "nan"})
        EXPECT_THROW(share(wrong), Error) << wrong;
}

TEST(PipelineConfig, AnUnknownStageSaysWhatItLacks) {
    const auto problem = [](const char* text) { return problems_of(with_unknown(Json::parse(text))); };
    EXPECT_EQ(problem(R"({"threshold": 1})"), "/unknown: no \"fitted\", expected the path of a file that openset fit "
                                              "wrote, or a \"method\" that needs no fit");
    EXPECT_EQ(problem(R"({"method": "openmax", "threshold": 1})"),
              "/unknown/method: openmax has to be fitted; add \"fitted\", a file that openset fit wrote");
    const std::string other = problem(R"({"method": "mps", "threshold": 1})");
    EXPECT_TRUE(other.starts_with(R"(/unknown/method: found "mps", expected one of "msp", "max-logit", )")) << other;
    EXPECT_TRUE(other.ends_with(R"("gradnorm"; did you mean "msp"?)")) << other;
    EXPECT_EQ(problem(R"({"fitted": "a"})"),
              "/unknown: no \"threshold\", expected a threshold on the score, or an \"operating_point\" that openset "
              "sweep --pick wrote");
    EXPECT_EQ(problem(R"({"fitted": "a", "threshold": 1, "operating_point": "b"})"),
              "/unknown/operating_point: stands beside \"threshold\"; keep one of them");
    EXPECT_EQ(problem(R"({"fitted": "a", "threshold": 1, "epsilon": 0.5})"),
              "/unknown/epsilon: has a meaning with \"threshold\": \"argmax\" only; remove it");
    EXPECT_EQ(
        problem(R"({"fitted": "a", "threshold": "p=1.5"})"),
        R"(/unknown/threshold: found "p=1.5", expected a number, "inf", "p=0.62", "q=0.35", "argmax", or one number by label such as {"tabby": 0.9, "*": 0.8})");
}

TEST(PipelineConfig, AnOperatingPointStandsInThePlaceOfAStagesParameters) {
    Json json = whole();
    json["gate"]["operating_point"] = "gate.json";
    EXPECT_EQ(problems_of(json), "/gate/operating_point: stands beside \"k\"; keep one of them");
    json["gate"].erase("k");
    EXPECT_EQ(parse(json).gate->operating_point, "/data/gate.json");
    json["species"]["operating_point"] = "species.json";
    EXPECT_EQ(problems_of(json), "/species/operating_point: stands beside \"min_probability\"; keep one of them");
    EXPECT_EQ(problems_of(json, {{"/species/min_probability", "0.5", "--species-min"}}), "");
}

TEST(PipelineConfig, WhatIsMissingIsNamed) {
    const std::pair<const char*, const char*> cases[] = {
        {"/openset", "no \"openset\", expected \"openset\": 1, the version of the config format"},
        {"/classifier", "no \"classifier\", expected an object with model"},
        {"/gate/model", "/gate: no \"model\", expected the path of the network's file"},
        {"/gate/accept",
         "/gate: no \"accept\", expected the labels that pass: names, ids or ranges such as \"281-284\""},
        {"/species/accept",
         "/species: no \"accept\", expected the labels that pass: names, ids or ranges such as \"281-284\""},
    };
    for (const auto& [pointer, message] : cases) {
        Json json = whole();
        const Json::json_pointer place(pointer);
        json.at(place.parent_pointer()).erase(place.back());
        EXPECT_EQ(problems_of(json), message);
    }
}

TEST(PipelineConfig, AllProblemsAreReportedAtOnce) {
    Json json = whole();
    json["openset"] = 3;
    json["gate"]["k"] = 0;
    json["gate"]["accept"][2] = true;
    json["species"].erase("model");
    json["classifer"] = json["classifier"];
    json.erase("classifier");
    EXPECT_EQ(problems_of(json),
              "/openset: found 3, expected 1\n"
              "/gate/accept/2: found true, expected a label name, an id or a range such as \"281-284\"\n"
              "/gate/k: found 0, expected a whole number, 1 or more\n"
              "/species: no \"model\", expected the path of the network's file\n"
              "no \"classifier\", expected an object with model\n"
              "/classifer: unknown key; did you mean \"classifier\"?");
}

TEST(PipelineConfig, WhatIsNotAnObjectIsRefused) {
    EXPECT_EQ(problems_of(Json::array()), "found an empty array, expected an object with openset and classifier");
    EXPECT_EQ(problems_of(nullptr), "found null, expected an object with openset and classifier");
    EXPECT_THROW(parse_pipeline_config("", "a.json", ""), Error);
}

TEST(Overrides, StandForTheKeyTheyName) {
    const PipelineConfig config = parse(whole(), {{"/gate/k", "9", "--gate-top-k"},
                                                  {"/species/min_probability", "0.75", "--species-min-probability"},
                                                  {"/name", "\"dogs\"", "--name"}});
    EXPECT_EQ(config.gate->k, 9);
    EXPECT_EQ(config.species->min_probability->any, 0.75);
    EXPECT_EQ(config.name, "dogs");
}

TEST(Overrides, AreCheckedLikeTheFileAndNameTheFlag) {
    EXPECT_EQ(problems_of(whole(), {{"/gate/k", "0", "--gate-top-k"}}),
              "/gate/k (from --gate-top-k): found 0, expected a whole number, 1 or more");
    EXPECT_EQ(problems_of(whole(), {{"/classifier/min_probability", "{\"a\": 2}", "--min-probability"}}),
              "/classifier/min_probability/a (from --min-probability): found 2, expected a number from 0 to 1");
    EXPECT_EQ(problems_of(whole(), {{"/gate/k", "five", "--gate-top-k"}}),
              "--gate-top-k: found \"five\", expected a JSON value");
}

TEST(Overrides, IntoAStageThatTheConfigLacksAreAProblem) {
    Json json = whole();
    json.erase("gate");
    EXPECT_EQ(problems_of(json, {{"/gate/k", "3", "--gate-top-k"}, {"/gate/rule", "\"mass\"", "--gate-rule"}}),
              "--gate-top-k: the config has no /gate that it could change; add it to cats.json or leave the flag out\n"
              "--gate-rule: the config has no /gate that it could change; add it to cats.json or leave the flag out");
    json["gate"] = 5;
    EXPECT_EQ(problems_of(json, {{"/gate/k", "3", "--gate-top-k"}, {"/gate/rule", "\"mass\"", "--gate-rule"}}),
              "/gate: found 5, expected an object with model and accept");
    EXPECT_EQ(problems_of(Json(5), {{"/gate/k", "3", "--gate-top-k"}}),
              "found 5, expected an object with openset and classifier");
}

TEST(Overrides, AnotherRuleDropsTheFilesParameterOfTheOldOne) {
    const PipelineConfig config =
        parse(whole(), {{"/gate/rule", "\"mass\"", "--gate-rule"}, {"/gate/min_mass", "0.25", "--gate-min-mass"}});
    EXPECT_EQ(config.gate->rule, "mass");
    EXPECT_EQ(config.gate->min_mass, 0.25);
    EXPECT_EQ(problems_of(whole(), {{"/gate/rule", "\"top-1\"", "--gate-rule"}}), "");
    EXPECT_EQ(
        problems_of(whole(), {{"/gate/rule", "\"top-1\"", "--gate-rule"}, {"/gate/k", "2", "--gate-top-k"}}),
        "/gate/k (from --gate-top-k): has no meaning with the rule \"top-1\"; remove it, or say \"rule\": \"top-k\"");
}

// ---- resolving

StageLabels imagenet_like() {
    StageLabels labels;
    for (int i = 0; i < 1000; ++i) labels.names.push_back("label_" + std::to_string(i));
    labels.names[134] = labels.names[517] = "crane";
    labels.names[281] = "tabby";
    labels.names[285] = "Egyptian_cat";
    labels.names[900] = "3-5";
    labels.names[901] = "42";
    return labels;
}

PipelineLabels all_labels() {
    return {imagenet_like(), StageLabels{{"not_cat", "cat"}, {}}, StageLabels{{"Abyssinian", "Bombay"}, {}}};
}

std::vector<int> accepted(const Json& accept) {
    Json json = whole();
    json["gate"]["accept"] = accept;
    return resolve(parse(json), all_labels(), "cats.json").gate->accept;
}

std::string resolve_problems(const Json& json, const PipelineLabels& labels = all_labels()) {
    try {
        resolve(parse(json), labels, "cats.json");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
        return error.what();
    }
    return "";
}

std::string accept_problem(const Json& entry) {
    Json json = whole();
    json["gate"]["accept"] = {entry};
    return resolve_problems(json);
}

TEST(Resolve, LabelReferencesBecomeAscendingIds) {
    EXPECT_EQ(accepted({"Egyptian_cat", "281-284", 7}), (std::vector{7, 281, 282, 283, 284, 285}));
    EXPECT_EQ(accepted({"3", 2, "1-1"}), (std::vector{1, 2, 3}));
    EXPECT_EQ(accepted({0, 999}), (std::vector{0, 999}));
}

TEST(Resolve, EntriesMayOverlap) {
    EXPECT_EQ(accepted({"280-282", "tabby", 281, "281"}), (std::vector{280, 281, 282}));
}

TEST(Resolve, ALabelWhoseNameIsANumberComesBeforeTheId) { EXPECT_EQ(accepted({"42", 42}), (std::vector{42, 901})); }

TEST(Resolve, ALabelThatIsNotThereIsNamedWithItsNetwork) {
    EXPECT_EQ(accept_problem("taby"),
              "cats.json: /gate/accept/0: no label \"taby\" in imagenet.pt (1000 labels); did you mean \"tabby\"?");
    EXPECT_EQ(accept_problem("hippopotamus"),
              "cats.json: /gate/accept/0: no label \"hippopotamus\" in imagenet.pt (1000 labels)");
    EXPECT_EQ(accept_problem("281 - 284"),
              "cats.json: /gate/accept/0: no label \"281 - 284\" in imagenet.pt (1000 labels)");
}

TEST(Resolve, ANameThatOccursTwiceIsRefusedWithItsIds) {
    EXPECT_EQ(accept_problem("crane"), "cats.json: /gate/accept/0: \"crane\" is the name of 2 labels in imagenet.pt: "
                                       "ids 134 and 517; give the id that is meant");
}

TEST(Resolve, ARangeThatIsAlsoANameIsRefused) {
    EXPECT_EQ(accept_problem("3-5"), "cats.json: /gate/accept/0: \"3-5\" is both a range and the name of a label in "
                                     "imagenet.pt (id 900); give the label's id, or the ids one by one");
}

TEST(Resolve, IdsBeyondTheLabelsAreRefused) {
    EXPECT_EQ(accept_problem(1000), "cats.json: /gate/accept/0: no id 1000 in imagenet.pt, expected 0 to 999");
    EXPECT_EQ(accept_problem("1000"), "cats.json: /gate/accept/0: no id 1000 in imagenet.pt, expected 0 to 999");
    EXPECT_EQ(accept_problem("990-1000"), "cats.json: /gate/accept/0: no id 1000 in imagenet.pt, expected 0 to 999");
    EXPECT_EQ(accept_problem("0-99999999999999999999"),
              "cats.json: /gate/accept/0: no id 99999999999999999999 in imagenet.pt, expected 0 to 999");
}

TEST(Resolve, ARangeStartsWithTheLowerId) {
    EXPECT_EQ(accept_problem("284-281"),
              "cats.json: /gate/accept/0: found the range \"284-281\", expected the lower id first: \"281-284\"");
}

TEST(Resolve, TheRulesArriveAsTheDecisionsNeedThem) {
    Json json = whole();
    Pipeline pipeline = resolve(parse(json), all_labels(), "cats.json");
    EXPECT_EQ(pipeline.name, "cats");
    EXPECT_EQ(pipeline.gate->rule, GateRule::top_k);
    EXPECT_EQ(pipeline.gate->k, 3);
    EXPECT_EQ(pipeline.species->accept, std::vector{1});
    EXPECT_EQ(pipeline.species->min_probability, (std::vector{0.5, 0.5}));
    EXPECT_EQ(pipeline.classifier.min_probability, (std::vector{0.8, 0.9}));
    EXPECT_TRUE(pipeline.classifier.rejects);

    json["gate"]["rule"] = "top-1";
    json["gate"].erase("k");
    EXPECT_EQ(resolve(parse(json), all_labels(), "").gate->k, 1);
    json["gate"]["rule"] = "mass";
    json["gate"]["min_mass"] = 0.25;
    pipeline = resolve(parse(json), all_labels(), "");
    EXPECT_EQ(pipeline.gate->rule, GateRule::mass);
    EXPECT_EQ(pipeline.gate->min_mass, 0.25);
    json["gate"] = {{"model", "a.pt"}, {"accept", {1}}, {"k", 100000}};
    EXPECT_EQ(resolve_problems(json), "") << "more than there are labels means all";
    json["species"].erase("min_probability");
    EXPECT_FALSE(resolve(parse(json), all_labels(), "").species->min_probability);
}

TEST(Resolve, ThresholdsDefaultByActivation) {
    Json json = whole();
    json["classifier"].erase("min_probability");
    PipelineLabels labels = all_labels();
    EXPECT_EQ(resolve(parse(json), labels, "").classifier.min_probability, (std::vector{0.0, 0.0}));
    labels.classifier.activation = model::Activation::sigmoid;
    EXPECT_EQ(resolve(parse(json), labels, "").classifier.min_probability, (std::vector{0.95, 0.95}));
    json["classifier"]["min_probability"] = {{"Bombay", 0.5}};
    EXPECT_EQ(resolve(parse(json), labels, "").classifier.min_probability, (std::vector{0.95, 0.5}));
}

TEST(Resolve, ThresholdsNameLabelsLikeAcceptDoes) {
    Json json = whole();
    json["classifier"]["min_probability"] = {{"1", 0.25}, {"*", 0.5}};
    EXPECT_EQ(resolve(parse(json), all_labels(), "").classifier.min_probability, (std::vector{0.5, 0.25}));
    json["classifier"]["min_probability"] = {{"1", 0.25}, {"Bombay", 0.5}, {"Bombai", 0.5}, {"0-1", 0.5}};
    EXPECT_EQ(
        resolve_problems(json),
        "cats.json: /classifier/min_probability/0-1: no label \"0-1\" in cats8.pt (2 labels)\n"
        "cats.json: /classifier/min_probability/Bombai: no label \"Bombai\" in cats8.pt (2 labels); did you mean "
        "\"Bombay\"?\n"
        "cats.json: /classifier/min_probability/Bombay: the label with id 1 has another threshold here; keep one");
}

TEST(Resolve, EveryAcceptedSpeciesLabelHasAThresholdAndNoOther) {
    Json json = whole();
    json["species"]["min_probability"] = {{"not_cat", 0.5}};
    EXPECT_EQ(
        resolve_problems(json),
        "cats.json: /species/min_probability: the label \"not_cat\" is not accepted, so that its threshold has no "
        "meaning; remove it\n"
        "cats.json: /species/min_probability: no threshold for the accepted label \"cat\"; add it, or \"*\"");
    json["species"]["min_probability"] = {{"cat", 0.75}};
    EXPECT_EQ((*resolve(parse(json), all_labels(), "").species->min_probability)[1], 0.75);
}

TEST(Resolve, OnlyTheClassifierMayBeMultiLabel) {
    PipelineLabels labels = all_labels();
    labels.gate->activation = labels.species->activation = model::Activation::sigmoid;
    EXPECT_EQ(resolve_problems(whole(), labels),
              "cats.json: /gate/model: imagenet.pt is a multi-label network (sigmoid), expected softmax, or one output "
              "over two labels; only the classifier may be multi-label\n"
              "cats.json: /species/model: cat_or_not.pt is a multi-label network (sigmoid), expected softmax, or one "
              "output over two labels; only the classifier may be multi-label");
}

TEST(Resolve, AllProblemsAreReportedAtOnce) {
    Json json = whole();
    json["gate"]["accept"] = {"crane", 5000, "tabby"};
    json["species"]["accept"] = {"Cat"};
    EXPECT_EQ(
        resolve_problems(json),
        "cats.json: /gate/accept/0: \"crane\" is the name of 2 labels in imagenet.pt: ids 134 and 517; give the id "
        "that is meant\n"
        "cats.json: /gate/accept/1: no id 5000 in imagenet.pt, expected 0 to 999\n"
        "cats.json: /species/accept/0: no label \"Cat\" in cat_or_not.pt (2 labels); did you mean \"cat\"?");
}

// ---- writing

TEST(PipelineConfig, WhatIsWrittenIsReadBackTheSame) {
    Json mass = whole(), top_1 = whole(), least{{"openset", 1}, {"classifier", {{"model", "a.pt"}}}};
    mass["gate"]["rule"] = "mass";
    mass["gate"].erase("k");
    top_1["gate"]["rule"] = "top-1";
    top_1["gate"].erase("k");
    Json fitted = with_unknown(
        {{"fitted", "a.json"}, {"method", "openmax"}, {"threshold", {{"Bombay", "p=0.5"}, {"*", "-inf"}}}});
    Json argmax = with_unknown({{"fitted", "a.json"}, {"threshold", "argmax"}, {"epsilon", 0.25}});
    Json point = with_unknown({{"method", "msp"}, {"operating_point", "b.json"}});
    point["gate"].erase("k");
    point["gate"]["operating_point"] = "gate.json";
    point["species"].erase("min_probability");
    point["species"]["operating_point"] = "species.json";
    for (const Json& json : {whole(), mass, top_1, least, fitted, argmax, point}) {
        const PipelineConfig config = parse(json);
        const std::string text = to_json(config);
        const PipelineConfig again = parse_pipeline_config(text, "other.json", "/elsewhere");
        EXPECT_EQ(to_json(again), text);
        EXPECT_EQ(again.name, config.name);
        EXPECT_EQ(again.classifier.network.preprocess, config.classifier.network.preprocess);
    }
    EXPECT_EQ(Json::parse(to_json(parse(least))),
              (Json{{"openset", 1}, {"name", "cats"}, {"classifier", {{"model", "/data/a.pt"}}}}));
    EXPECT_EQ(Json::parse(to_json(parse(mass)))["gate"]["min_mass"], 0.5) << "defaults are filled in";
}

// ---- resolving the unknown stage

PipelineFiles with_detector(std::unique_ptr<detect::Detector> detector) {
    PipelineFiles files;
    files.detector = std::move(detector);
    files.fitted_sha256 = std::string(64, 'a');
    return files;
}

std::string unknown_problems(const Json& unknown, const PipelineFiles& files) {
    try {
        resolve(parse(with_unknown(unknown)), all_labels(), "cats.json", files);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
        return error.what();
    }
    return "";
}

TEST(ResolveUnknown, ThresholdsGoToTheLabelsTheyName) {
    const PipelineFiles files = with_detector(detect::make_msp(2));
    const auto thresholds = [&](const Json& threshold) {
        const Json unknown{{"method", "msp"}, {"threshold", threshold}};
        return resolve(parse(with_unknown(unknown)), all_labels(), "cats.json", files).unknown->threshold;
    };
    EXPECT_EQ(thresholds(-0.5), (std::vector{-0.5, -0.5}));
    EXPECT_EQ(thresholds({{"Bombay", -0.9}, {"*", "inf"}}), (std::vector<double>{INFINITY, -0.9}));
    EXPECT_EQ(unknown_problems({{"method", "msp"}, {"threshold", {{"Bombay", -0.9}}}}, files),
              "cats.json: /unknown/threshold: no threshold for the label \"Abyssinian\"; add it, or \"*\"");
    EXPECT_EQ(
        unknown_problems({{"method", "msp"}, {"threshold", {{"Bombey", -0.9}, {"*", 0}}}}, files),
        "cats.json: /unknown/threshold/Bombey: no label \"Bombey\" in cats8.pt (2 labels); did you mean \"Bombay\"?");
}

TEST(ResolveUnknown, AUnitThatTheMethodDoesNotHaveIsRefused) {
    const PipelineFiles files = with_detector(detect::make_max_logit(2));
    EXPECT_EQ(unknown_problems({{"method", "max-logit"}, {"threshold", "p=0.5"}}, files),
              "cats.json: /unknown/threshold: found a probability of unknown (p=), but the score of max-logit is none; "
              "give a threshold on the score");
    EXPECT_EQ(
        unknown_problems({{"method", "max-logit"}, {"threshold", "q=0.5"}}, files),
        "cats.json: /unknown/threshold: found q=, which openmax-notebook alone has; the method is max-logit: give a "
        "threshold on its score");
    EXPECT_EQ(unknown_problems({{"method", "max-logit"}, {"threshold", "argmax"}}, files),
              "cats.json: /unknown/threshold: \"argmax\" is OpenMax's own rule, but the method is max-logit; give a "
              "threshold on its score");
}

TEST(ResolveUnknown, AnOperatingPointHasToBeOfTheDetectorAndTheFittedFile) {
    PipelineFiles files = with_detector(detect::make_msp(2));
    io::OperatingPoint point;
    point.method = "msp";
    point.threshold = -0.75;
    point.threshold_by_label = {{"Bombay", -0.5}};
    point.fitted_sha256 = files.fitted_sha256;
    const Json unknown{{"fitted", "f.json"}, {"operating_point", "point.json"}};
    const auto problem = [&](const io::OperatingPoint& with) {
        files.operating_points[Stage::unknown] = with;
        return unknown_problems(unknown, files);
    };
    files.operating_points[Stage::unknown] = point;
    EXPECT_EQ(resolve(parse(with_unknown(unknown)), all_labels(), "cats.json", files).unknown->threshold,
              (std::vector{-0.75, -0.5}));
    io::OperatingPoint other = point;
    other.stage = "gate";
    EXPECT_EQ(problem(other),
              "cats.json: /unknown/operating_point: point.json is a point of the stage gate, expected one "
              "of unknown");
    other = point;
    other.method = "energy";
    EXPECT_EQ(problem(other),
              "cats.json: /unknown/operating_point: point.json is a point of the method energy, but the "
              "config's is msp; pick one from its scores (openset sweep --pick)");
    other = point;
    other.fitted_sha256 = std::string(64, 'b');
    EXPECT_EQ(
        problem(other),
        "cats.json: /unknown/operating_point: point.json was measured on another fitted file (sha256 bbbbbbbbbbbb, "
        "the config's is aaaaaaaaaaaa): its threshold says nothing here; pick one from its scores (openset sweep "
        "--pick), or run with --allow-mismatch");
    files.allow_mismatch = true;
    EXPECT_EQ(problem(other), "");
}

// ---- calibration and temperature

io::Calibration calibration_of(const std::string& method) {
    io::Calibration calibration;
    calibration.budget = 0.25;
    io::StageCalibration stage;
    stage.method = method;
    stage.scores = {-0.9, -0.8, -0.7};
    stage.scores_by_label["Bombay"] = {-0.95, -0.85, -0.75};
    calibration.stages = {stage};
    return calibration;
}

TEST(ResolveCalibration, ItsThresholdsStandInThePlaceOfTheConfigs) {
    PipelineFiles files = with_detector(detect::make_msp(2));
    files.fitted_sha256.clear();
    files.calibration = std::make_shared<ChainCalibration>(calibration_of("msp"));
    Json json{{"openset", 1},
              {"classifier", {{"model", "c.pt"}}},
              {"unknown", {{"method", "msp"}, {"threshold", 7}}},
              {"calibration", "cal.json"}};
    const auto thresholds = [&] { return resolve(parse(json), all_labels(), "cats.json", files).unknown->threshold; };
    EXPECT_EQ(thresholds(), (std::vector{-0.7, -0.75})); // at the budget: above the largest of the three
    json["significance"] = 0.5;
    EXPECT_EQ(thresholds(), (std::vector{-0.8, -0.85}));
    json["significance"] = 0.2; // three rows a label are too few
    EXPECT_THROW(thresholds(), Error);
    EXPECT_EQ(Json::parse(to_json(parse(json)))["calibration"], "/data/cal.json");
}

TEST(ResolveCalibration, HasToBeOfTheseStagesAndThisDetector) {
    PipelineFiles files = with_detector(detect::make_msp(2));
    files.fitted_sha256.clear();
    Json json{{"openset", 1},
              {"classifier", {{"model", "c.pt"}}},
              {"unknown", {{"method", "msp"}, {"threshold", 7}}},
              {"calibration", "cal.json"}};
    const auto problem = [&](const io::Calibration& calibration) {
        files.calibration = std::make_shared<ChainCalibration>(calibration);
        try {
            resolve(parse(json), all_labels(), "cats.json", files);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_EQ(
        problem(calibration_of("energy")),
        "cats.json: /calibration: cal.json is a point of the method energy, but the config's is msp; calibrate on "
        "rows of this config");
    io::Calibration of_gate = calibration_of("mass");
    of_gate.stages[0].stage = Stage::gate;
    EXPECT_EQ(problem(of_gate),
              "cats.json: /calibration: cal.json is of the stages gate, but those of the config are unknown; calibrate "
              "on rows of this config (openset infer --all-stages)");
    json["significance"] = 0.05;
    json.erase("calibration");
    EXPECT_EQ(problems_of(json), "/significance: has a meaning with \"calibration\" only, the path of a file that "
                                 "openset calibrate wrote; add it");
}

TEST(ResolveTemperature, ScalesTheClassifiersProbabilitiesAndNoLogit) {
    const Json json{{"openset", 1}, {"classifier", {{"model", "c.pt"}, {"temperature", 2}}}};
    const Pipeline pipeline = resolve(parse(json), all_labels(), "cats.json");
    const StageScores scores = score(pipeline.classifier.labels, std::vector<float>{0, 2});
    EXPECT_DOUBLE_EQ(scores.probabilities[1], 1 / (1 + std::exp(-1)));
    EXPECT_EQ(scores.logits[1], 2);
    PipelineFiles files;
    files.inverse_temperature = 0.25;
    const Json fitted{{"openset", 1}, {"classifier", {{"model", "c.pt"}, {"temperature", "t.json"}}}};
    EXPECT_EQ(resolve(parse(fitted), all_labels(), "cats.json", files).classifier.labels.inverse_temperature, 0.25);
}

io::OperatingPoint point_of(const char* method, const char* stage, double threshold) {
    io::OperatingPoint point;
    point.method = method;
    point.stage = stage;
    point.threshold = threshold;
    return point;
}

TEST(ResolveUnknown, PointsOfGateAndSpeciesBecomeTheirRules) {
    Json json = whole();
    json["gate"].erase("k");
    json["gate"]["operating_point"] = "gate.json";
    json["species"].erase("min_probability");
    json["species"]["operating_point"] = "species.json";
    PipelineFiles files;
    files.operating_points[Stage::gate] = point_of("rank", "gate", 3);
    files.operating_points[Stage::species] = point_of("mass", "species", 0.25);
    Pipeline pipeline = resolve(parse(json), all_labels(), "cats.json", files);
    EXPECT_EQ(pipeline.gate->rule, GateRule::top_k);
    EXPECT_EQ(pipeline.gate->k, 3);
    EXPECT_EQ(pipeline.species->min_probability, std::vector(2, mass_at_threshold(0.25)));
    files.operating_points[Stage::gate] = point_of("mass", "gate", 0.5);
    pipeline = resolve(parse(json), all_labels(), "cats.json", files);
    EXPECT_EQ(pipeline.gate->rule, GateRule::mass);
    EXPECT_EQ(pipeline.gate->min_mass, mass_at_threshold(0.5));
}

std::string text_of(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

TEST(Configs, EveryConfigThatWeShipIsAcceptedAndItsGateIsTight) {
    const std::map<std::string, std::size_t> accepted_labels{
        {"cars", 13}, {"clocks", 5}, {"dogs", 118}, {"spaniels", 118}, {"spaniels-sigmoid", 118}};
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(OPENSET_SOURCE_DIR "/configs")) {
        const std::string name = entry.path().stem().string();
        if (entry.path().extension() != ".json" || name == "demo") continue; // the demo's networks ship too: cli_demo
        SCOPED_TRACE(name);
        PipelineConfig config = parse_pipeline_config(text_of(entry.path()), name, "");
        EXPECT_EQ(config.name, name);
        config.species.reset(); // its labels are the user's
        config.classifier.min_probability.reset();
        const Gate gate = resolve(config, all_labels(), name).gate.value();
        EXPECT_EQ(gate.accept.size(), accepted_labels.at(name));
        EXPECT_EQ(loose_gate_warning(gate), std::nullopt);
        ++count;
    }
    EXPECT_EQ(count, accepted_labels.size());
}

} // namespace
} // namespace openset::cascade
