#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "openset/stats/value_histogram.hpp"
#include "pictures/inputs.hpp"
#include "pictures/run_flags.hpp"

namespace openset::quantize {

struct Options : pictures::RunFlags {
    std::string model;
    pictures::InputFlags data;     ///< what ranges are measured on
    std::vector<std::string> test; ///< folders, or one table, to compare on; empty: what calibration leaves of `data`
    std::vector<std::string> unknown;   ///< pictures of nothing the network knows
    std::int64_t pictures = 200;        ///< for calibration, at most
    std::string observer = "histogram"; ///< of stats::range_rule_names()
    double percentile = 99.99;
    std::string label_file, preprocess;
    std::string output, format = "text";
    std::uint64_t seed = 0;
    bool force = false, quiet = false;

    stats::RangeRule rule() const;
    double coverage() const { return percentile / 100; }
    std::string report_path() const { return output + ".quantization.json"; }
};

void add_options(CLI::App& app, Options& options);

/// What the flags mean together, once they are parsed. Throws Error(usage) for flags that do not go together.
void resolve(Options& options);

/// How the pictures of --test or --unknown are named: a table, or folders and files.
pictures::InputFlags input_flags(const std::vector<std::string>& paths);

} // namespace openset::quantize
