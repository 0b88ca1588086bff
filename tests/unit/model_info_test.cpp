#include "openset/model/model_info.hpp"

#include <gtest/gtest.h>

#include "io/checked_json.hpp"
#include "openset/base/error.hpp"

namespace openset::model {
namespace {

using image::PreprocessSpec;
using io::Json;

Json whole() {
    return Json::parse(R"({
        "format": "openset-model/1", "name": "cats8", "arch": "resnet18", "labels": ["Abyssinian", "Bombay"],
        "head": "fc", "activation": "sigmoid",
        "preprocess": {"resize": {"mode": "shorter-side", "size": 256, "interpolation": "bicubic", "order": "pillow13"},
                       "crop": [224, 192], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        "license": "MIT", "source": "here"})");
}

std::string problems_of(const Json& json) {
    try {
        parse_model_info(json.dump(), "cats8.pt");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::model);
        return error.what();
    }
    return "";
}

TEST(ModelInfo, EveryKeyArrives) {
    const ModelInfo info = parse_model_info(whole().dump(), "cats8.pt");
    EXPECT_EQ(info.name, "cats8");
    EXPECT_EQ(info.arch, "resnet18");
    EXPECT_EQ(info.labels, (std::vector<std::string>{"Abyssinian", "Bombay"}));
    EXPECT_EQ(info.head, "fc");
    EXPECT_EQ(info.activation, Activation::sigmoid);
    EXPECT_EQ(info.license, "MIT");
    EXPECT_EQ(info.source, "here");
    const PreprocessSpec& spec = info.preprocess;
    EXPECT_EQ(spec.resize.mode, image::ResizeMode::shorter_side);
    EXPECT_EQ(spec.resize.shorter_side, 256);
    EXPECT_EQ(spec.resize.interpolation, image::Interpolation::bicubic);
    EXPECT_EQ(spec.resize.order, image::PassOrder::pillow13);
    EXPECT_EQ(spec.crop, (image::Size{.height = 224, .width = 192}));
    EXPECT_EQ(spec.mean, (std::array{0.485F, 0.456F, 0.406F}));
    EXPECT_EQ(spec.std, (std::array{0.229F, 0.224F, 0.225F}));
}

TEST(ModelInfo, OnlyFormatLabelsAndPreprocessAreNeeded) {
    const ModelInfo info = parse_model_info(R"({"format": "openset-model/1", "labels": ["a", "a"],
        "preprocess": {"resize": {"mode": "none"}, "mean": [0, 0, 0], "std": [1, 1, 1]}})",
                                            "m.pt");
    EXPECT_EQ(info.activation, Activation::softmax);
    EXPECT_EQ(info.labels.size(), 2U) << "names may occur twice";
    EXPECT_EQ(info.preprocess.resize, image::Resize{});
    EXPECT_FALSE(info.preprocess.crop);
    for (const std::string key : {"format", "labels", "preprocess"}) {
        Json json = whole();
        json.erase(key);
        EXPECT_TRUE(problems_of(json).starts_with("cats8.pt: no \"" + key + "\", expected ")) << problems_of(json);
    }
}

TEST(ModelInfo, ASizeBesideModeNoneIsIgnored) {
    Json json = whole();
    for (const Json& size : {Json(32), Json("large"), Json(nullptr), Json{1, 2, 3}}) {
        json["preprocess"]["resize"] = {{"mode", "none"}, {"size", size}, {"interpolation", "bilinear"}};
        EXPECT_EQ(parse_model_info(json.dump(), "m.pt").preprocess.resize, image::Resize{});
    }
}

TEST(ModelInfo, SquashTakesHeightAndWidth) {
    Json json = whole();
    json["preprocess"]["resize"] = {{"mode", "squash"}, {"size", {448, 224}}};
    const image::Resize resize = parse_model_info(json.dump(), "m.pt").preprocess.resize;
    EXPECT_EQ(resize.mode, image::ResizeMode::squash);
    EXPECT_EQ(resize.squash, (image::Size{.height = 448, .width = 224}));
}

TEST(ModelInfo, ACornerAndAMirroredViewComeBackAndTheUsualViewIsNotWritten) {
    ModelInfo info = parse_model_info(whole().dump(), "m.pt");
    EXPECT_EQ(to_json(info).find("mirror"), std::string::npos);
    EXPECT_EQ(to_json(info).find("crop_place"), std::string::npos);
    info.preprocess.mirror = true;
    info.preprocess.crop_place = image::CropPlace::bottom_right;
    EXPECT_EQ(parse_model_info(to_json(info), "m.pt").preprocess, info.preprocess);
}

TEST(ModelInfo, UnknownKeysAreLetPassBecauseNetworksCarryNotes) {
    Json json = whole();
    json["trained_on"] = "cats";
    json["preprocess"]["note"] = 1;
    json["preprocess"]["resize"]["note"] = 1;
    EXPECT_EQ(problems_of(json), "");
}

TEST(ModelInfo, EachProblemNamesItsPlaceWhatWasFoundAndWhatWasExpected) {
    struct Case {
        const char* pointer;
        Json value;
        std::string message;
    };
    const std::string three = "expected an array of three numbers (red, green, blue)";
    const Case cases[] = {
        {"/format", "openset-model/2",
         R"(/format: found "openset-model/2", expected "openset-model/1"; did you mean "openset-model/1"?)"},
        {"/format", 1, R"(/format: found 1, expected "openset-model/1")"},
        {"/name", nullptr, "/name: found null, expected a string"},
        {"/labels", Json::array(), "/labels: found an empty array, expected an array of label names"},
        {"/labels", "cat", "/labels: found \"cat\", expected an array of label names"},
        {"/labels/1", "", "/labels/1: found \"\", expected a label name that is not empty"},
        {"/labels/1", 7, "/labels/1: found 7, expected a label name that is not empty"},
        {"/activation", "sigmoidal",
         R"(/activation: found "sigmoidal", expected one of "softmax", "sigmoid"; did you mean "sigmoid"?)"},
        {"/preprocess", "imagenet", R"(/preprocess: found "imagenet", expected an object with resize, mean and std)"},
        {"/preprocess/resize", 256, "/preprocess/resize: found 256, expected an object"},
        {"/preprocess/resize/mode", "short",
         R"(/preprocess/resize/mode: found "short", expected one of "none", "shorter-side", "squash"; did you mean "shorter-side"?)"},
        {"/preprocess/resize/size", 0, "/preprocess/resize/size: found 0, expected a whole number, 1 to 65535"},
        {"/preprocess/resize/size", 65536, "/preprocess/resize/size: found 65536, expected a whole number, 1 to 65535"},
        {"/preprocess/resize/size",
         {1, 2},
         "/preprocess/resize/size: found an array of 2, expected a whole number, 1 to 65535"},
        {"/preprocess/resize/interpolation", "linear",
         R"(/preprocess/resize/interpolation: found "linear", expected one of "bilinear", "bicubic", "nearest"; did you mean "bilinear"?)"},
        {"/preprocess/resize/order", "pillow12",
         R"(/preprocess/resize/order: found "pillow12", expected one of "horizontal-first", "pillow13"; did you mean "pillow13"?)"},
        {"/preprocess/crop", 224, "/preprocess/crop: found 224, expected [height, width]"},
        {"/preprocess/crop/0", -1, "/preprocess/crop/0: found -1, expected a whole number, 1 to 65535"},
        {"/preprocess/crop/1", 22.5, "/preprocess/crop/1: found 22.5, expected a whole number, 1 to 65535"},
        {"/preprocess/mean", {0.5, 0.5}, "/preprocess/mean: found an array of 2, " + three},
        {"/preprocess/mean/2", 1e300, "/preprocess/mean/2: found 1e+300, expected a number"},
        {"/preprocess/std/0", 0, "/preprocess/std/0: found 0, expected a number above 0"},
        {"/preprocess/std/0", -0.5, "/preprocess/std/0: found -0.5, expected a number above 0"},
        {"/preprocess/std/0", 1e-60, "/preprocess/std/0: found 1e-60, expected a number above 0"},
        {"/preprocess/std/0", 1e39, "/preprocess/std/0: found 1e+39, expected a number above 0"},
        {"/preprocess/std/0", nullptr, "/preprocess/std/0: found null, expected a number above 0"},
    };
    for (const Case& one : cases) {
        Json json = whole();
        json[Json::json_pointer(one.pointer)] = one.value;
        EXPECT_EQ(problems_of(json), "cats8.pt: " + one.message);
    }
}

TEST(ModelInfo, AllProblemsAreReportedAtOnce) {
    Json json = whole();
    json["format"] = 2;
    json["labels"] = {"a", ""};
    json["preprocess"].erase("mean");
    json["preprocess"]["resize"].erase("size");
    EXPECT_EQ(problems_of(json),
              "cats8.pt: /format: found 2, expected \"openset-model/1\"\n"
              "cats8.pt: /labels/1: found \"\", expected a label name that is not empty\n"
              "cats8.pt: /preprocess/resize: no \"size\", expected the length of the shorter side in pixels\n"
              "cats8.pt: /preprocess: no \"mean\", expected the mean of each channel, scaled to 0..1");
}

TEST(ModelInfo, ANoteMayHaveAnyNameButAMisspeltKeyIsNoNote) {
    Json notes = whole();
    notes["license_url"] = "https://example.org";
    notes["preprocess"]["comment"] = "as in training";
    EXPECT_NO_THROW(parse_model_info(notes.dump(), "m.pt"));
    Json slips = whole();
    slips["activaton"] = "sigmoid";
    slips["preprocess"]["resize"]["interpolaton"] = "bicubic";
    try {
        parse_model_info(slips.dump(), "m.pt");
        ADD_FAILURE() << "was read";
    } catch (const Error& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("m.pt: /activaton: unknown key; did you mean \"activation\"?"), std::string::npos) << text;
        EXPECT_NE(text.find("m.pt: /preprocess/resize/interpolaton: unknown key"), std::string::npos) << text;
    }
}

TEST(ModelInfo, WhatIsNotJsonOrNotAnObjectIsAModelError) {
    for (const std::string text : {"", "{", "[]", "null", "\"openset-model/1\"", "\x80\x02"}) {
        try {
            parse_model_info(text, "m.pt");
            ADD_FAILURE() << text << " was read";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::model);
            EXPECT_TRUE(std::string(error.what()).starts_with("m.pt: ")) << error.what();
        }
    }
}

TEST(ModelInfo, WhatIsWrittenIsReadBackTheSame) {
    Json squash = whole(), none = whole();
    squash["preprocess"]["resize"] = {{"mode", "squash"}, {"size", {448, 448}}, {"interpolation", "nearest"}};
    none["preprocess"]["resize"] = {{"mode", "none"}};
    none["preprocess"].erase("crop");
    none["labels"] = {"Dalmation", "caf\xC3\xA9 \"au lait\"", "a\nb"};
    for (const Json& json : {whole(), squash, none}) {
        const ModelInfo info = parse_model_info(json.dump(), "m.pt");
        const std::string text = to_json(info);
        const ModelInfo again = parse_model_info(text, "m.pt");
        EXPECT_EQ(to_json(again), text);
        EXPECT_EQ(again.labels, info.labels);
        EXPECT_EQ(again.activation, info.activation);
        EXPECT_EQ(again.preprocess, info.preprocess);
        EXPECT_NE(text.find("0.485"), std::string::npos);
        EXPECT_EQ(text.find("0.4850"), std::string::npos) << "floats are written in their shortest form";
    }
}

TEST(ModelInfo, ImagenetPreprocessingIsWhatTorchvisionDocuments) {
    const PreprocessSpec spec = imagenet_preprocess();
    EXPECT_EQ(spec.resize.mode, image::ResizeMode::shorter_side);
    EXPECT_EQ(spec.resize.shorter_side, 256);
    EXPECT_EQ(spec.resize.interpolation, image::Interpolation::bilinear);
    EXPECT_EQ(spec.crop, (image::Size{.height = 224, .width = 224}));
    EXPECT_EQ(spec.mean, (std::array{0.485F, 0.456F, 0.406F}));
    EXPECT_EQ(spec.std, (std::array{0.229F, 0.224F, 0.225F}));
}

} // namespace
} // namespace openset::model
