#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "openset/model/model_info.hpp"

/// Network files as far as they can be read without LibTorch.
namespace openset::model {

/// What a TorchScript archive (a ZIP file) holds.
struct ArchiveContents {
    std::uint64_t bytes = 0;
    int tensor_records = 0;
    std::uint64_t tensor_bytes = 0;
    bool has_debug_records = false;
    std::optional<std::string> info_json; ///< the extra file openset.json
};

/// Throws Error of kind not_found, unreadable or model: no ZIP archive, or one without TorchScript code (a state_dict,
/// an ONNX file...), with the way to make one that fits.
ArchiveContents read_archive(const std::filesystem::path& path);

/// What to assume where a network says nothing of itself.
struct InfoDefaults {
    std::vector<std::string> labels;                 ///< empty: the ids as names, once the number of outputs is known
    std::optional<image::PreprocessSpec> preprocess; ///< empty: ImageNet's, as an assumption that the user is told of
};

struct NetworkFile {
    std::filesystem::path path;
    std::string sha256; ///< of the whole file, hexadecimal
    ArchiveContents contents;
    ModelInfo info;
    std::string info_source;              ///< "openset.json inside", the sidecar's path, or "assumed"
    std::vector<std::string> assumptions; ///< sentences to tell the user; empty where the network says all itself
};

/// Reads the archive's facts and its ModelInfo: from openset.json inside, else from `<path>.openset.json`, else the
/// defaults and softmax. Labels given for a network that carries its own are told in `assumptions`.
NetworkFile open_network_file(const std::filesystem::path& path, const InfoDefaults& defaults = {});

} // namespace openset::model
