#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "openset/image/preprocess.hpp"

namespace openset::model {

enum class Activation {
    softmax, ///< one label a picture
    sigmoid, ///< any number of labels a picture
};

/// What an int8 network was made of, and how.
struct Quantisation {
    std::string source_sha256; ///< of the network in float
    std::string observer;      ///< how ranges were chosen: minmax, percentile, histogram
    std::int64_t pictures = 0; ///< that it was calibrated on
};

/// What a network file says of itself (`openset.json` inside the archive, or `<model>.openset.json` beside it).
struct ModelInfo {
    std::string name;
    std::string arch;
    std::vector<std::string> labels; ///< in the order of the network's outputs; names may occur twice
    std::string head;                ///< name of the last Linear; empty: found in the graph
    Activation activation = Activation::softmax;
    image::PreprocessSpec preprocess;
    std::string license;
    std::string source;
    std::optional<Quantisation> quantisation; ///< of an int8 network
};

/// Reads the JSON text of an `openset.json` (format openset-model/1, unknown keys are let pass: networks carry notes).
/// where  names the file in messages
/// Throws Error(model) that lists every problem with its JSON pointer.
ModelInfo parse_model_info(std::string_view json_text, const std::string& where);

/// The ModelInfo as JSON text, two spaces of indent; parse_model_info gives an equal one back.
std::string to_json(const ModelInfo& info);

/// shorter side 256, bilinear, centre crop 224, ImageNet's mean and std.
image::PreprocessSpec imagenet_preprocess();

} // namespace openset::model
