#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"
#include "openset/detect/openmax.hpp"

namespace openset::detect {
namespace {

using testing::HasSubstr;

TEST(OpenMaxParams, EveryFlagIsReadAndWrittenAsItIsSpelt) {
    OpenMaxParams params;
    for (const auto& [name, value] : {std::pair("tail-size", "7"),
                                      {"alpha", "all"},
                                      {"alpha", "3"},
                                      {"alpha-weights", "paper"},
                                      {"distance", "squared-euclidean"},
                                      {"space", "logits+latents"},
                                      {"space", "features"},
                                      {"translate", "0.5"},
                                      {"translate", "auto"},
                                      {"tail-family", "weibull-max-scipy"},
                                      {"tail-rows", "last"},
                                      {"fit-rows", "all"},
                                      {"negative-logits", "clamp"},
                                      {"without-fit", "zero"}}) {
        set_option(params, name, value);
        EXPECT_EQ(option_text(params, name), value) << name;
    }
    EXPECT_EQ(params.tail_size, 7);
    EXPECT_EQ(params.alpha, 3);
    EXPECT_EQ(params.distance, Distance::squared_euclidean);
    EXPECT_FALSE(params.translate.has_value());
}

TEST(OpenMaxParams, EveryChoiceThatIsOfferedIsTaken) {
    for (const OpenMaxOption& option : openmax_options()) {
        EXPECT_FALSE(option.value.empty()) << option.name;
        EXPECT_FALSE(option.help.empty());
        for (const std::string& choice : option.choices) {
            OpenMaxParams params;
            set_option(params, option.name, choice);
            EXPECT_EQ(option_text(params, option.name), choice);
        }
    }
}

TEST(OpenMaxParams, WhatIsNoValueIsRefusedWithWhatIs) {
    OpenMaxParams params;
    const auto error = [&params](const std::string& name, const std::string& value) {
        return error_of([&] { set_option(params, name, value); });
    };
    EXPECT_EQ(error("tail-size", "0"), "usage: --tail-size: found \"0\", expected a whole number of at least 1");
    EXPECT_THAT(error("tail-size", "2.5"), HasSubstr("expected a whole number"));
    EXPECT_THAT(error("translate", "-1"), HasSubstr("expected auto or a finite number > 0"));
    EXPECT_THAT(error("translate", "inf"), HasSubstr("expected auto"));
    EXPECT_THAT(error("translate", "nan"), HasSubstr("expected auto"));
    EXPECT_THAT(error("alpha", "-3"), HasSubstr("at least 1, or all"));
    EXPECT_THAT(error("space", "logits+"), HasSubstr("logits+NAME"));
    EXPECT_THAT(error("distance", "euclidian"), HasSubstr("did you mean \"euclidean\"?"));
    EXPECT_THAT(error("tailsize", "20"), HasSubstr("did you mean \"tail-size\"?"));
    EXPECT_EQ(params, OpenMaxParams());
}

TEST(OpenMaxParams, PresetsBeginWithTheDefaultAndNameTheirSources) {
    ASSERT_EQ(openmax_presets().size(), 8U);
    EXPECT_EQ(openmax_presets().front().params, OpenMaxParams());
    for (const OpenMaxPreset& preset : openmax_presets()) {
        EXPECT_EQ(preset.params.preset, preset.name);
        EXPECT_FALSE(preset.source.empty());
        EXPECT_EQ(&openmax_preset(preset.name), &preset);
    }
    EXPECT_THAT(error_of([] { openmax_preset("osnd"); }), HasSubstr("did you mean \"osdn\"?"));
}

// The table of presets: distance, space, rows, tail, family, translate, alpha, weights, negative logits, decision.
TEST(OpenMaxParams, PresetsAreThoseOfTheKnownSystems) {
    const auto line = [](const std::string& name) {
        const OpenMaxParams& params = openmax_preset(name).params;
        std::string text;
        for (const char* option : {"distance", "space", "fit-rows", "tail-rows", "tail-size", "tail-family",
                                   "translate", "alpha", "alpha-weights", "negative-logits", "without-fit"}) {
            text += option_text(params, option) + " ";
        }
        return text + std::to_string(static_cast<int>(params.decision));
    };
    EXPECT_EQ(line("recommended"), "euclidean logits correct largest 20 weibull-min auto 10 osdn probability step 0");
    EXPECT_EQ(line("osdn"), "eucos logits correct largest 20 weibull-min 1 10 osdn none step 1");
    EXPECT_EQ(line("paper"), "eucos logits correct largest 20 weibull-min 1 10 paper none step 1");
    EXPECT_EQ(line("openood"), "euclidean logits correct largest 20 weibull-min 1 3 osdn none step 1");
    EXPECT_EQ(line("pytorch-ood"), "euclidean logits all largest 25 weibull-min 10000 10 osdn none step 0");
    EXPECT_EQ(line("crosr"), "euclidean logits+latents correct largest 20 weibull-min 1 10 osdn none step 1");
    EXPECT_EQ(line("notebook-001"),
              "squared-euclidean logits correct last 100 weibull-max-scipy auto all uniform none step 2");
    EXPECT_EQ(line("notebook-001-described"),
              "squared-euclidean logits correct largest 100 weibull-max-scipy auto all uniform none step 2");
    EXPECT_EQ(openmax_preset("openood").params.epsilon, 0.9);
}

TEST(OpenMaxParams, ReadFromJsonAsTheyWereWritten) {
    for (const OpenMaxPreset& preset : openmax_presets()) {
        OpenMaxParams params = preset.params;
        params.translate = 0.1 + 0.2;
        EXPECT_EQ(parse_openmax_params(to_json(params), "params"), params);
        EXPECT_EQ(parse_openmax_params(to_json(preset.params), "params"), preset.params);
    }
}

TEST(OpenMaxParams, EveryProblemOfTheJsonIsNamed) {
    const std::string error = error_of([] {
        parse_openmax_params(R"({"preset": "x", "decision": "argmx", "epsilon": 2, "tail_size": 0, "alpha": "al",
            "alpha_weights": "osdn", "distance": 3, "space": "logits", "translate": null, "tail_family": "weibull-min",
            "tail_rows": "largest", "fit_rows": "correct", "without_fit": "step", "colour": 1})",
                             "params");
    });
    for (const char* problem :
         {"/decision", "/epsilon", "/tail_size", "/alpha", "/distance", "/translate", "negative_logits", "colour"}) {
        EXPECT_THAT(error, HasSubstr(problem));
    }
    EXPECT_THAT(error_of([] { parse_openmax_params("[]", "params"); }), HasSubstr("corrupt: "));
}

} // namespace
} // namespace openset::detect
