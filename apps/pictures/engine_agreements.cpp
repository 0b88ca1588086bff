#include "pictures/engine_agreements.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "cli/version.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/cache_folder.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/log.hpp"
#include "openset/base/sha256.hpp"
#include "openset/io/number_text.hpp"
#include "openset/torch/runtime.hpp"
#include "pictures/processor.hpp"

namespace openset::pictures {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* format = "openset-engines/2";

std::string hash_of(const image::PreprocessSpec& preprocess) {
    model::ModelInfo info;
    info.preprocess = preprocess;
    const std::string text = model::to_json(info);
    return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// Whatever the bits depend on, and the time.
std::string place_of(const model::NetworkFile& network, const std::string& graph) {
    const auto facts = torch::runtime_facts();
    return (graph.empty() ? "file " + network.sha256 : "graph " + graph) + ", preprocessing " +
           hash_of(network.info.preprocess) + ", " + processor_name() + ", openset " + cli::version + ", LibTorch " +
           facts.compiled_version + " " + facts.cpu_capability + ", oneDNN " + engine::onednn_version() + " " +
           engine::onednn_instruction_set();
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
    const double tolerance = precision == "int8" ? 5e-2 : 1e-4;
    const auto is_close = [tolerance](double difference, double largest) {
        return difference <= tolerance * std::max(1.0, largest);
    };
    return pictures > 0 && same_label == pictures && is_close(feature_difference, largest_feature) &&
           is_close(logit_difference, largest_logit);
}

std::string record_agreement(const model::NetworkFile& network, const std::string& graph,
                             const EngineAgreement& agreement) {
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
    record["agreements"][place_of(network, graph)] = {{"precision", agreement.precision},
                                                      {"pictures", agreement.pictures},
                                                      {"same_label", agreement.same_label},
                                                      {"feature_difference", number(agreement.feature_difference)},
                                                      {"largest_feature", number(agreement.largest_feature)},
                                                      {"logit_difference", number(agreement.logit_difference)},
                                                      {"largest_logit", number(agreement.largest_logit)},
                                                      {"torch_milliseconds", agreement.torch_milliseconds},
                                                      {"onednn_milliseconds", agreement.onednn_milliseconds}};
    write_file_atomically(*file, record.dump(2) + "\n");
    return file->string();
}

std::optional<EngineAgreement> recorded_agreement(const model::NetworkFile& network, const std::string& graph) {
    const auto file = record_file();
    if (!file) return std::nullopt;
    const Json agreements = read_record(*file)["agreements"];
    const auto found = agreements.find(place_of(network, graph));
    if (found == agreements.end() || !found->is_object()) return std::nullopt;
    try {
        return EngineAgreement{
            found->at("precision"),          found->at("pictures"),           found->at("same_label"),
            found->at("feature_difference"), found->at("largest_feature"),    found->at("logit_difference"),
            found->at("largest_logit"),      found->at("torch_milliseconds"), found->at("onednn_milliseconds")};
    } catch (const Json::exception&) {
        return std::nullopt; // another version's
    }
}

torch::Engine automatic_engine(const model::NetworkFile& network, const std::string& graph) {
    const std::string name = network.path.string();
    const auto agreement = recorded_agreement(network, graph);
    if (!agreement || !agreement->is_of_enough_pictures()) {
        log_info(name + ": LibTorch runs it; \"openset doctor --model " + name + " PICTURES\", with " +
                 std::to_string(fewest_to_agree_on) +
                 " pictures or more, would find out whether the engine onednn agrees with it and is faster");
        return torch::Engine::torch;
    }
    const std::string times = rounded(agreement->onednn_milliseconds) + " ms a picture against " +
                              rounded(agreement->torch_milliseconds) + " of LibTorch";
    if (agreement->agrees() && agreement->onednn_is_faster()) {
        log_info(name + ": the engine onednn runs it, as it agreed on " + std::to_string(agreement->pictures) +
                 " pictures on this machine: " + times);
        return torch::Engine::onednn;
    }
    log_info(name + ": LibTorch runs it, as the engine onednn " +
             (agreement->agrees() ? "is no faster: " + times : "did not agree with it on this machine's pictures"));
    return torch::Engine::torch;
}

} // namespace openset::pictures
