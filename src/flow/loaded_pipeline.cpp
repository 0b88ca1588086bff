#include "openset/flow/loaded_pipeline.hpp"

#include <utility>

namespace openset::flow {
namespace {

cascade::StageLabels labels_of(const LoadedStage& stage) {
    const model::ModelInfo& info = stage.network->info();
    return {info.labels, info.activation};
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
    cascade::PipelineLabels labels;
    if (used.gate) {
        add(cascade::Stage::gate, used.gate->network);
        labels.gate = labels_of(loaded.stages.back());
    }
    if (used.species) {
        add(cascade::Stage::species, used.species->network);
        labels.species = labels_of(loaded.stages.back());
    }
    add(cascade::Stage::classifier, used.classifier.network);
    labels.classifier = labels_of(loaded.stages.back());

    loaded.pipeline = cascade::resolve(used, labels, file);
    if (options.closed_set) loaded.pipeline = cascade::closed_set(std::move(loaded.pipeline));
    if (loaded.pipeline.gate) {
        if (auto warning = cascade::loose_gate_warning(*loaded.pipeline.gate)) loaded.notes.push_back(file + ": " + *warning);
    }
    return loaded;
}

} // namespace openset::flow
