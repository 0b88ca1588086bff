#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "openset/flow/runner.hpp"
#include "openset/torch/script_network.hpp"

namespace openset::pictures {

/// How pictures are read and networks run: the flags of commands that do.
struct RunFlags {
    bool strict = false; ///< a failed picture ends the run
    std::int64_t max_errors = 0;
    std::string exif_orientation = "ignore";
    std::string progress = "auto";
    torch::LoadOptions load;
    std::string engine = "auto", precision = "auto"; ///< precision int8: for with_int8_networks()
    bool no_optimise = false, no_share = false;
    flow::RunnerOptions runner; ///< threads or batch 0: not given
};

void add_run_flags(CLI::App& app, RunFlags& flags);

/// --strict, --max-errors and --progress, for commands that answer for each picture.
void add_outcome_flags(CLI::App& app, RunFlags& flags);

/// --fast-decode, for commands whose pictures all go through flow::run.
void add_fast_decode(CLI::App& app, RunFlags& flags);

/// What the flags mean, once they are parsed.
void resolve(RunFlags& flags);

/// What the machine chooses where it was not given: inference threads (one a core on the CPU, two on another device: one copies while the other computes), and
/// how many pictures a forward pass (found while running).
void choose_settings(RunFlags& flags, const std::string& device);

} // namespace openset::pictures
