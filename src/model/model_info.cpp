#include "openset/model/model_info.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "model/preprocess_json.hpp"

namespace openset::model {
namespace {

constexpr int largest_side = 65535;

using image::CropPlace;
using image::Interpolation;
using image::PassOrder;
using image::ResizeMode;

const std::vector<std::string> resize_modes{"none", "shorter-side", "squash"};   // as in ResizeMode
const std::vector<std::string> interpolations{"bilinear", "bicubic", "nearest"}; // as in Interpolation
const std::vector<std::string> pass_orders{"horizontal-first", "pillow13"};      // as in PassOrder
const std::vector<std::string> crop_places{"centre", "top-left", "top-right", "bottom-left",
                                           "bottom-right"};       // as in CropPlace
const std::vector<std::string> activations{"softmax", "sigmoid"}; // as in Activation

template <typename Enum>
std::optional<Enum> read_enum(const io::CheckedValue& value, const std::vector<std::string>& names) {
    const auto name = value.one_of(names);
    if (!name) return {};
    return static_cast<Enum>(std::ranges::find(names, *name) - names.begin());
}

template <typename Enum>
const std::string& enum_name(Enum value, const std::vector<std::string>& names) {
    return names.at(static_cast<std::size_t>(value));
}

std::optional<image::Size> read_size(const io::CheckedValue& value) {
    const auto sides = value.array("[height, width]", 2, 2);
    if (!sides) return {};
    const auto height = (*sides)[0].integer(1, largest_side);
    const auto width = (*sides)[1].integer(1, largest_side);
    if (!height || !width) return {};
    return image::Size{*height, *width};
}

void read_channels(const io::CheckedValue& value, double min, const std::string& what, std::array<float, 3>& channels) {
    const auto elements = value.array("an array of three numbers (red, green, blue)", 3, 3);
    if (!elements) return;
    for (std::size_t c = 0; c < 3; ++c) {
        const auto number = (*elements)[c].number(min, std::numeric_limits<float>::max(), what);
        if (number) channels[c] = static_cast<float>(*number);
    }
}

image::Resize read_resize(io::CheckedObject& object, UnknownKeys unknown_keys) {
    image::Resize resize;
    std::optional<ResizeMode> mode;
    if (const auto value =
            object.required("mode", "how pictures are resized: \"shorter-side\", \"squash\" or \"none\"")) {
        mode = read_enum<ResizeMode>(*value, resize_modes);
    }
    if (mode == ResizeMode::shorter_side) {
        if (const auto value = object.required("size", "the length of the shorter side in pixels")) {
            resize.shorter_side = value->integer(1, largest_side).value_or(0);
        }
    } else if (mode == ResizeMode::squash) {
        if (const auto value = object.required("size", "[height, width]")) {
            resize.squash = read_size(*value).value_or(image::Size{});
        }
    } else {
        object.optional("size"); // without a mode that uses it, it has no meaning
    }
    resize.mode = mode.value_or(ResizeMode::none);
    if (const auto value = object.optional("interpolation")) {
        resize.interpolation = read_enum<Interpolation>(*value, interpolations).value_or(Interpolation::bilinear);
    }
    if (const auto value = object.optional("order")) {
        resize.order = read_enum<PassOrder>(*value, pass_orders).value_or(PassOrder::horizontal_first);
    }
    unknown_keys == UnknownKeys::refuse ? object.refuse_other_keys() : object.refuse_misspelt_keys();
    return resize;
}

/// The double whose shortest decimal form is the float's: 0.485 instead of 0.48500001430511475.
double shortest(float value) {
    std::array<char, 32> text{};
    const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
    double result = value;
    std::from_chars(text.data(), written.ptr, result);
    return result;
}

io::Json channels_to_json(const std::array<float, 3>& channels) {
    return {shortest(channels[0]), shortest(channels[1]), shortest(channels[2])};
}

Quantisation read_quantisation(io::CheckedObject object) {
    Quantisation result;
    if (const auto precision = object.required("precision", "\"int8\"")) precision->one_of({"int8"});
    if (const auto sha256 = object.required("source_sha256", "the SHA-256 of the network that it was made of"))
        result.source_sha256 = sha256->text().value_or("");
    if (const auto observer = object.optional("observer")) result.observer = observer->text().value_or("");
    if (const auto pictures = object.optional("pictures"))
        result.pictures = pictures->count(std::int64_t{1} << 53).value_or(0);
    object.refuse_misspelt_keys();
    return result;
}

} // namespace

std::optional<image::PreprocessSpec> read_preprocess(const io::CheckedValue& value, UnknownKeys unknown_keys) {
    auto object = value.object("an object with resize, mean and std");
    if (!object) return {};
    image::PreprocessSpec spec;
    if (const auto resize = object->required("resize", "an object with mode and size")) {
        if (auto members = resize->object()) spec.resize = read_resize(*members, unknown_keys);
    }
    if (const auto crop = object->optional("crop")) spec.crop = read_size(*crop);
    if (const auto place = object->optional("crop_place"))
        spec.crop_place = read_enum<CropPlace>(*place, crop_places).value_or(CropPlace::centre);
    if (const auto mirror = object->optional("mirror")) spec.mirror = mirror->boolean().value_or(false);
    if (const auto mean = object->required("mean", "the mean of each channel, scaled to 0..1")) {
        read_channels(*mean, std::numeric_limits<float>::lowest(), "a number", spec.mean);
    }
    if (const auto std = object->required("std", "the standard deviation of each channel, scaled to 0..1")) {
        // Below the smallest normal float a division by it is no longer one.
        read_channels(*std, std::numeric_limits<float>::min(), "a number above 0", spec.std);
    }
    unknown_keys == UnknownKeys::refuse ? object->refuse_other_keys() : object->refuse_misspelt_keys();
    return spec;
}

io::Json preprocess_to_json(const image::PreprocessSpec& spec) {
    io::Json resize{{"mode", enum_name(spec.resize.mode, resize_modes)},
                    {"interpolation", enum_name(spec.resize.interpolation, interpolations)},
                    {"order", enum_name(spec.resize.order, pass_orders)}};
    if (spec.resize.mode == ResizeMode::shorter_side) resize["size"] = spec.resize.shorter_side;
    if (spec.resize.mode == ResizeMode::squash) {
        resize["size"] = io::Json::array({spec.resize.squash.height, spec.resize.squash.width});
    }
    io::Json result{{"resize", resize}, {"mean", channels_to_json(spec.mean)}, {"std", channels_to_json(spec.std)}};
    if (spec.crop) result["crop"] = io::Json::array({spec.crop->height, spec.crop->width});
    // Only training looks at pictures in another way.
    if (spec.crop_place != CropPlace::centre) result["crop_place"] = enum_name(spec.crop_place, crop_places);
    if (spec.mirror) result["mirror"] = true;
    return result;
}

ModelInfo parse_model_info(std::string_view json_text, const std::string& where) {
    io::JsonProblems problems(where);
    const auto document = io::parse_json(json_text, problems);
    if (!document) problems.throw_if_any(ErrorKind::model);

    ModelInfo info;
    if (auto object = io::CheckedValue(*document, "", problems).object("an object (format openset-model/1)")) {
        const auto read_text = [&object](const std::string& key, std::string& text) {
            const auto value = object->optional(key);
            if (!value) return;
            if (value->json().is_string())
                text = value->json().get<std::string>();
            else
                value->expected("a string");
        };
        if (const auto format = object->required("format", "\"openset-model/1\"")) format->one_of({"openset-model/1"});
        read_text("name", info.name);
        read_text("arch", info.arch);
        if (const auto labels = object->required("labels", "the names of the network's outputs, in order")) {
            if (const auto elements = labels->array("an array of label names")) {
                for (const io::CheckedValue& element : *elements) {
                    if (auto label = element.text("a label name that is not empty")) {
                        info.labels.push_back(*std::move(label));
                    }
                }
            }
        }
        read_text("head", info.head);
        if (const auto activation = object->optional("activation")) {
            info.activation = read_enum<Activation>(*activation, activations).value_or(Activation::softmax);
        }
        if (const auto preprocess = object->required("preprocess", "an object with resize, mean and std")) {
            info.preprocess = read_preprocess(*preprocess, UnknownKeys::let_pass).value_or(image::PreprocessSpec{});
        }
        read_text("license", info.license);
        read_text("source", info.source);
        if (const auto quantisation = object->optional("quantization")) {
            if (auto members = quantisation->object()) info.quantisation = read_quantisation(*members);
        }
        object->refuse_misspelt_keys();
    }
    problems.throw_if_any(ErrorKind::model);
    return info;
}

std::string to_json(const ModelInfo& info) {
    nlohmann::ordered_json result;
    result["format"] = "openset-model/1";
    result["name"] = info.name;
    if (!info.arch.empty()) result["arch"] = info.arch;
    result["labels"] = info.labels;
    if (!info.head.empty()) result["head"] = info.head;
    result["activation"] = enum_name(info.activation, activations);
    result["preprocess"] = preprocess_to_json(info.preprocess);
    if (!info.license.empty()) result["license"] = info.license;
    if (!info.source.empty()) result["source"] = info.source;
    if (info.quantisation) {
        result["quantization"] = {{"precision", "int8"},
                                  {"source_sha256", info.quantisation->source_sha256},
                                  {"observer", info.quantisation->observer},
                                  {"pictures", info.quantisation->pictures}};
    }
    return result.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

image::PreprocessSpec imagenet_preprocess() {
    image::PreprocessSpec spec; // mean and std are ImageNet's by default
    spec.resize.mode = ResizeMode::shorter_side;
    spec.resize.shorter_side = 256;
    spec.crop = image::Size{224, 224};
    return spec;
}

} // namespace openset::model
