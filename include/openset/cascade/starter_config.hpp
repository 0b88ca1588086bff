#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "openset/model/network_file.hpp"

namespace openset::cascade {

/// A pipeline config to begin with, guessed from what networks say of themselves.
struct StarterConfig {
    std::string config_json;        ///< with comments that say what was guessed
    std::vector<std::string> notes; ///< the same for the terminal, one line each
};

/// Guesses by their labels which network serves as which stage: one of 1000 labels or more (ImageNet's) as gate, one of
/// two as species filter, another one as classifier; a lone network is the classifier. Labels that pass are guessed
/// from names that occur in the classifier's labels or in that of the species. What was not used is noted.
/// networks  in the order of preference
/// folder    in which the config will lie: networks are named relative to it
/// Throws Error(usage) where there are no networks.
StarterConfig make_starter_config(const std::string& name, const std::vector<model::NetworkFile>& networks,
                                  const std::filesystem::path& folder);

} // namespace openset::cascade
