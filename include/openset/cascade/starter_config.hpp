#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "openset/io/fitted_file.hpp"
#include "openset/io/operating_point.hpp"
#include "openset/model/network_file.hpp"

namespace openset::cascade {

/// A pipeline config to begin with, guessed from what networks say of themselves.
struct StarterConfig {
    std::string config_json;           ///< with comments that say what was guessed
    std::vector<std::string> notes;    ///< the same for the terminal, one line each
    std::vector<std::string> warnings; ///< where several networks could serve as a stage
};

struct NamedOperatingPoint {
    std::filesystem::path path;
    io::OperatingPoint point;
};

/// What there is to make a config of, each in the order of preference.
struct StarterFiles {
    std::vector<model::NetworkFile> networks;
    std::vector<io::FittedFile> detectors;
    std::vector<NamedOperatingPoint> points;
};

/// Guesses which network serves as which stage. The name of the file counts first, then the ModelInfo's: gate or imagenet;
/// species, filter or "or_not"; classifier or breeds. Where neither speaks, the labels do: 1000 or more (ImageNet's) make
/// a gate, two a species filter, others a classifier. A lone network is the classifier. Labels that pass are guessed from
/// names that occur in the classifier's labels or in that of the species. A gate that top-k would let nearly everything
/// pass (few labels, many of them accepted) goes by `mass`. A detector that was fitted on the classifier's activations, as
/// hashes tell, stands behind it, with the operating point that was measured on it; without one, OpenMax decides by its
/// own rule, and other methods reject nothing yet. The classifier itself rejects nothing (no min_probability). What was not
/// used is noted, and so is why an operating point was not, and that there is no gate.
/// folder  in which the config will lie: files are named relative to it
/// Throws Error(usage) where there are no networks.
StarterConfig make_starter_config(const std::string& name, const StarterFiles& files,
                                  const std::filesystem::path& folder);

} // namespace openset::cascade
