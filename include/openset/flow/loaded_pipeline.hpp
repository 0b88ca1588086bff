#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openset/cascade/pipeline_config.hpp"
#include "openset/flow/runner.hpp"
#include "openset/model/network_file.hpp"

namespace openset::flow {

/// Makes a network of a file; how is the business of who passes it in. Called by several threads at once.
using NetworkLoader = std::function<std::unique_ptr<model::Network>(const model::NetworkFile&)>;

struct LoadedStage {
    cascade::Stage stage;
    model::NetworkFile file;
    std::unique_ptr<model::Network> network;
    image::PreprocessSpec preprocess;
};

/// A pipeline config with its networks in memory, ready to run.
struct LoadedPipeline {
    cascade::Pipeline pipeline;
    std::vector<LoadedStage> stages; ///< in order
    /// SHA-256 of the further files that the config names, by the JSON pointer of their place: /unknown/fitted...
    std::map<std::string, std::string> file_hashes;
    std::vector<std::string> notes; ///< what was assumed, and what looks wrong: sentences for the log

    /// As run() takes them. The pipeline must outlive them.
    std::vector<StageNetwork> networks() const;
};

struct PipelineLoadOptions {
    bool closed_set = false; ///< the classifier alone, rejecting nothing; the other networks are not loaded
    /// A detector that was fitted on another network's activations, or an operating point of another detector, is let
    /// pass with a note.
    bool allow_mismatch = false;
    std::map<cascade::Stage, std::vector<std::string>> labels; ///< for networks that carry none
    std::optional<image::PreprocessSpec> preprocess; ///< for networks that do not say theirs, nor the config for them
    bool fast_decode = false; ///< pictures will be decoded that way; a detector fitted on others is a mismatch
    /// Told the preprocessing of each stage when all is found fine that can be told without loading a network.
    std::function<void(const std::vector<image::PreprocessSpec>&)> before_loading = {};
};

/// Reads the network files that the config names, loads them, all at the same time, and resolves the config against their labels. What can be
/// told without loading a network is told before the first is loaded, all of it at once.
/// file  names the config in messages
/// Throws Error(usage) for what is wrong with the config, Error(not_found, unreadable or model) for a network file.
LoadedPipeline load_pipeline(const cascade::PipelineConfig& config, const std::string& file, const NetworkLoader& load,
                             const PipelineLoadOptions& options = {});

} // namespace openset::flow
