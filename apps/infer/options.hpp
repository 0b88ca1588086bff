#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "infer/row_output.hpp"
#include "openset/cascade/pipeline_config.hpp"
#include "pictures/inputs.hpp"
#include "pictures/run_flags.hpp"

namespace openset::infer {

/// Flags that stand for keys of the config.
struct ConfigFlags {
    std::string gate_rule;
    int gate_top_k = 0;
    double gate_min_mass = 0, species_min = 0, classifier_min = 0, significance = 0;
    std::string unknown_threshold;
};

struct Options : pictures::RunFlags {
    std::string config;
    ConfigFlags config_flags;
    std::vector<cascade::ConfigOverride> config_overrides; ///< what of them was given
    bool closed_set = false, allow_mismatch = false, dry_run = false, print_config = false;
    pictures::InputFlags inputs;
    OutputOptions output;
    std::string explain; ///< the one picture to tell about; empty: a run
    std::string preview;
    std::string watch_rate; ///< empty: the share of rejected pictures is not watched
    double false_alarm = 0.01;
    std::vector<std::string> labels;
    std::string preprocess;
};

void add_options(CLI::App& app, Options& options);

/// What the flags mean together, once they are parsed. Throws Error(usage) for flags that do not go together.
void resolve(const CLI::App& app, Options& options);

/// The files of --labels, for stages that the config has.
std::map<cascade::Stage, std::vector<std::string>> read_labels(const std::vector<std::string>& flags,
                                                               const cascade::PipelineConfig& config);

} // namespace openset::infer
