#include "pictures/engine_agreements.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "openset/base/byte_sink.hpp"
#include "openset/base/cache_folder.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/log.hpp"
#include "openset/io/number_text.hpp"
#include "openset/torch/runtime.hpp"

namespace openset::pictures {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* format = "openset-engines/1";

/// Whatever else the bits depend on.
std::string place_of(const model::NetworkFile& network) {
    const image::PreprocessSpec& spec = network.info.preprocess;
    const image::Size size = spec.crop.value_or(spec.resize.squash);
    return network.sha256 + " " + std::to_string(size.width) + "x" + std::to_string(size.height) + ", LibTorch " +
           torch::runtime_facts().compiled_version + " " + torch::runtime_facts().cpu_capability + ", oneDNN " +
           engine::onednn_version() + " " + engine::onednn_instruction_set();
}

std::optional<std::filesystem::path> record_file() {
    const auto folder = cache_folder();
    return folder ? std::optional(*folder / "engines.json") : std::nullopt;
}

/// An empty record where there is none that can be read: it can be found out again.
Json read_record(const std::filesystem::path& file) {
    Json record;
    try {
        const auto bytes = read_file(file, std::uint64_t{16} << 20);
        record = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
    } catch (const Error&) {
        // there is none
    }
    if (!record.is_object() || record.value("format", Json()) != format || !record["agreements"].is_object())
        record = {{"format", format}, {"agreements", Json::object()}};
    return record;
}

std::string rounded(double milliseconds) { return io::shortest(std::round(10 * milliseconds) / 10); }

} // namespace

bool EngineAgreement::agrees() const {
    return pictures > 0 && same_label == pictures && logit_difference <= 1e-4 * std::max(1.0, largest_logit);
}

std::string record_agreement(const model::NetworkFile& network, const EngineAgreement& agreement) {
    const auto file = record_file();
    if (!file) return "";
    std::error_code problem;
    std::filesystem::create_directories(file->parent_path(), problem);
    if (problem) {
        throw Error(ErrorKind::output, file->parent_path().string() + ": cannot be made: " + problem.message() +
                                           "; expected a folder that can be written to, by $XDG_CACHE_HOME");
    }
    Json record = read_record(*file);
    const auto number = [](double value) {
        return std::min(value, std::numeric_limits<double>::max());
    }; // JSON has no infinity
    record["agreements"][place_of(network)] = {{"pictures", agreement.pictures},
                                               {"same_label", agreement.same_label},
                                               {"feature_difference", number(agreement.feature_difference)},
                                               {"logit_difference", number(agreement.logit_difference)},
                                               {"largest_logit", number(agreement.largest_logit)},
                                               {"torch_milliseconds", agreement.torch_milliseconds},
                                               {"onednn_milliseconds", agreement.onednn_milliseconds}};
    write_file_atomically(*file, record.dump(2) + "\n");
    return file->string();
}

std::optional<EngineAgreement> recorded_agreement(const model::NetworkFile& network) {
    const auto file = record_file();
    if (!file) return std::nullopt;
    const Json agreements = read_record(*file)["agreements"];
    const auto found = agreements.find(place_of(network));
    if (found == agreements.end() || !found->is_object()) return std::nullopt;
    try {
        return EngineAgreement{found->at("pictures"),           found->at("same_label"),
                               found->at("feature_difference"), found->at("logit_difference"),
                               found->at("largest_logit"),      found->at("torch_milliseconds"),
                               found->at("onednn_milliseconds")};
    } catch (const Json::exception&) {
        return std::nullopt; // another version's
    }
}

torch::Engine automatic_engine(const model::NetworkFile& network) {
    const std::string name = network.path.string();
    const auto agreement = recorded_agreement(network);
    if (!agreement) {
        log_info(name + ": LibTorch runs it; \"openset doctor --model " + name +
                 " PICTURES\" would find out whether the engine onednn agrees with it and is faster");
        return torch::Engine::torch;
    }
    const std::string times = rounded(agreement->onednn_milliseconds) + " ms a picture against " +
                              rounded(agreement->torch_milliseconds) + " of LibTorch";
    if (agreement->agrees() && agreement->onednn_milliseconds < agreement->torch_milliseconds) {
        log_info(name + ": the engine onednn runs it, as it agreed on " + std::to_string(agreement->pictures) +
                 " pictures on this machine: " + times);
        return torch::Engine::onednn;
    }
    log_info(name + ": LibTorch runs it, as the engine onednn " +
             (agreement->agrees() ? "is no faster: " + times : "did not agree with it on this machine's pictures"));
    return torch::Engine::torch;
}

} // namespace openset::pictures
