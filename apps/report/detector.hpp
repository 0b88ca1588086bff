#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "report/content.hpp"

namespace openset::report {

/// Where stores lie; empty where nobody said.
struct Stores {
    std::filesystem::path train, known;
    std::vector<std::filesystem::path> unknown;
};

/// What a fitted file learned. Of OpenMax: the classes and their tails, the mean activations or how far apart they are;
/// with the training store each class's distances under its Weibull law, as histogram and quantile by quantile; with
/// stores of known and unknown pictures what another tail size would do.
/// left_out  gets what is missing, and what would bring it
/// Throws as io::read_fitted(), io::ActivationStore and sweep::run_grid(); Error(usage): a store of another network.
Section detector_section(const std::filesystem::path& fitted, const Stores& stores,
                         std::vector<std::pair<std::string, std::string>>& left_out);

} // namespace openset::report
