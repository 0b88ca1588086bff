#pragma once

#include <string>
#include <vector>

#include "openset/model/network_file.hpp"

namespace openset::doctor {

/// Runs the network over pictures with LibTorch and with the engine onednn, says how far they agree and what each takes,
/// and keeps that for --engine auto. Returns an exit code.
/// pictures  files, folders and archives, as `infer` takes them
/// device    auto or cpu, where both engines run. Throws Error(usage) for others, and where no picture can be decoded.
int compare_engines(const model::NetworkFile& network, const std::vector<std::string>& pictures,
                    const std::string& device);

} // namespace openset::doctor
