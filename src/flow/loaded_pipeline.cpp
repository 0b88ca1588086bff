#include "openset/flow/loaded_pipeline.hpp"

#include <filesystem>
#include <utility>

#include "openset/base/error.hpp"

namespace openset::flow {
namespace {

cascade::StageLabels labels_of(const LoadedStage& stage) {
    const model::ModelInfo& info = stage.network->info();
    return {info.labels, info.activation};
}

struct ConfiguredNetwork {
    cascade::Stage stage;
    const cascade::NetworkConfig* network;
};

std::vector<ConfiguredNetwork> configured_networks(const cascade::PipelineConfig& config) {
    std::vector<ConfiguredNetwork> networks;
    if (config.gate) networks.push_back({cascade::Stage::gate, &config.gate->network});
    if (config.species) networks.push_back({cascade::Stage::species, &config.species->network});
    networks.push_back({cascade::Stage::classifier, &config.classifier.network});
    return networks;
}

/// All missing files at once, before minutes go into loading those that are there.
void check_files_exist(const std::vector<ConfiguredNetwork>& networks, const std::string& file) {
    std::string problems;
    for (const auto& [stage, network] : networks) {
        std::error_code unknown;
        if (std::filesystem::exists(network->model, unknown) || unknown) continue; // opening it says what is wrong
        problems += (problems.empty() ? "" : "\n") + file + ": /" + std::string(to_string(stage)) + "/model: no file " +
                    network->model.string() + "; paths are relative to the config's folder";
    }
    if (!problems.empty()) throw Error(ErrorKind::usage, problems);
}

} // namespace

std::vector<StageNetwork> LoadedPipeline::networks() const {
    std::vector<StageNetwork> result;
    for (const LoadedStage& stage : stages) result.push_back({stage.stage, stage.network.get(), stage.preprocess});
    return result;
}

LoadedPipeline load_pipeline(const cascade::PipelineConfig& config, const std::string& file, const NetworkLoader& load,
                             const PipelineLoadOptions& options) {
    LoadedPipeline loaded;
    cascade::PipelineConfig used = config;
    if (options.closed_set) {
        used.gate.reset();
        used.species.reset();
    }
    const auto add = [&](cascade::Stage stage, const cascade::NetworkConfig& network) {
        model::InfoDefaults defaults;
        if (const auto labels = options.labels.find(stage); labels != options.labels.end()) defaults.labels = labels->second;
        auto network_file = model::open_network_file(network.model, defaults);
        loaded.notes.insert(loaded.notes.end(), network_file.assumptions.begin(), network_file.assumptions.end());
        // The network tries its own input size when it is loaded: that is what the config says, where it says it.
        if (network.preprocess) network_file.info.preprocess = *network.preprocess;
        auto instance = load(network_file);
        const image::PreprocessSpec preprocess = instance->info().preprocess;
        loaded.stages.push_back({stage, std::move(network_file), std::move(instance), preprocess});
    };
    const auto networks = configured_networks(used);
    check_files_exist(networks, file);
    for (const auto& [stage, network] : networks) add(stage, *network);

    cascade::PipelineLabels labels;
    for (const LoadedStage& stage : loaded.stages) {
        switch (stage.stage) {
        case cascade::Stage::gate: labels.gate = labels_of(stage); break;
        case cascade::Stage::species: labels.species = labels_of(stage); break;
        case cascade::Stage::classifier: labels.classifier = labels_of(stage); break;
        }
    }
    loaded.pipeline = cascade::resolve(used, labels, file);
    if (options.closed_set) loaded.pipeline = cascade::closed_set(std::move(loaded.pipeline));
    if (loaded.pipeline.gate) {
        if (auto warning = cascade::loose_gate_warning(*loaded.pipeline.gate)) loaded.notes.push_back(file + ": " + *warning);
    }
    return loaded;
}

} // namespace openset::flow
