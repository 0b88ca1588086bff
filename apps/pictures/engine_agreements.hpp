#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "openset/model/network_file.hpp"
#include "openset/torch/script_network.hpp"

/// What is known, on this machine, of how far two engines agree about a network.
namespace openset::pictures {

/// LibTorch and onednn on the same pictures.
struct EngineAgreement {
    std::int64_t pictures = 0;
    std::int64_t same_label = 0;   ///< pictures whose likeliest label is the same
    double feature_difference = 0; ///< the largest
    double logit_difference = 0;   ///< the largest
    double largest_logit = 0;
    double torch_milliseconds = 0;  ///< of one thread, a picture
    double onednn_milliseconds = 0; ///< of one thread, a picture

    /// Every label the same, and logits within 1e-4, or within 1e-4 of the largest where that is above 1.
    bool agrees() const;
};

/// Keeps it in the cache folder, engines.json, for this network, processor, LibTorch and oneDNN. Throws Error(output).
/// Returns the file; empty where there is no cache folder.
std::string record_agreement(const model::NetworkFile& network, const EngineAgreement& agreement);

/// None where none was recorded, or the file cannot be read.
std::optional<EngineAgreement> recorded_agreement(const model::NetworkFile& network);

/// What --engine auto stands for: onednn where it is on record that it agrees and is faster. Says why at -v.
torch::Engine automatic_engine(const model::NetworkFile& network);

} // namespace openset::pictures
