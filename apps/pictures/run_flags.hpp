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
    std::string engine = "auto", precision = "auto";
    bool no_optimise = false, no_share = false;
    flow::RunnerOptions runner; ///< threads 0: not given
};

void add_run_flags(CLI::App& app, RunFlags& flags);

/// What the flags mean, once they are parsed.
void resolve(RunFlags& flags);

/// One a core on the CPU, one on another device, where --threads was not given.
void choose_threads(RunFlags& flags, const std::string& device);

} // namespace openset::pictures
