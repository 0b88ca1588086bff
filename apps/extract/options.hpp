#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "openset/cascade/pipeline_config.hpp"
#include "pictures/inputs.hpp"
#include "pictures/run_flags.hpp"

namespace openset::extract {

struct Options : pictures::RunFlags {
    std::string model, config; ///< one of them is given
    std::string output;
    pictures::InputFlags inputs;
    bool unlabelled = false;
    bool resume = false; ///< go on with what an interrupted run left
    bool force = false;  ///< replace a store, or what an interrupted run left
    bool dry_run = false;
    std::string label_file, preprocess;
    bool quiet = false;
    std::string
        files_sha256; ///< of the pictures' names, sizes and times; empty: not told, and not looked at when resuming
    std::string
        what; ///< of messages, where a command fills several stores: "train pictures, mirrored"; empty: one store
    bool own_classes = false; ///< the pictures' classes are not meant to be the network's labels
};

void add_options(CLI::App& app, Options& options);

/// What the flags mean together, once they are parsed. Throws Error(usage) for flags that do not go together.
void resolve(const CLI::App& app, Options& options);

/// The pipeline config whose classifier fills the store, and nothing else of it: that of --config, or one around --model.
cascade::PipelineConfig classifier_config(const Options& options);

/// What names the config in messages.
const std::string& name_of_config(const Options& options);

} // namespace openset::extract
