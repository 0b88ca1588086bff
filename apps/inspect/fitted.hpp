#pragma once

#include <filesystem>

#include "inspect/kind.hpp"

/// What inspect says of fitted detectors.
namespace openset::inspect {

/// On standard output: method, preset and parameters, the network it belongs to, a line a class with its tail, and what
/// the fit warned of. Throws as io::read_fitted and detect::load_detector.
void print_fitted(const std::filesystem::path& file, const Wanted& wanted);

} // namespace openset::inspect
