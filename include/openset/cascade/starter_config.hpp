#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "openset/model/network_file.hpp"

namespace openset::cascade {

/// A pipeline config to begin with, guessed from what networks say of themselves.
struct StarterConfig {
    std::string config_json;           ///< with comments that say what was guessed
    std::vector<std::string> notes;    ///< the same for the terminal, one line each
    std::vector<std::string> warnings; ///< where several networks could serve as a stage
};

/// Guesses which network serves as which stage. The name of the file counts first, then the ModelInfo's: gate or imagenet;
/// species, filter or "or_not"; classifier or breeds. Where neither speaks, the labels do: 1000 or more (ImageNet's) make
/// a gate, two a species filter, others a classifier. A lone network is the classifier. Labels that pass are guessed from
/// names that occur in the classifier's labels or in that of the species. What was not used is noted.
/// networks  in the order of preference
/// folder    in which the config will lie: networks are named relative to it
/// Throws Error(usage) where there are no networks.
StarterConfig make_starter_config(const std::string& name, const std::vector<model::NetworkFile>& networks,
                                  const std::filesystem::path& folder);

} // namespace openset::cascade
