#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "openset/model/network_file.hpp"
#include "openset/torch/script_network.hpp"

/// What is known, on this machine, of how far two engines agree about a network.
namespace openset::pictures {

/// Fewer pictures than this say too little of others.
constexpr std::int64_t fewest_to_agree_on = 20;

/// LibTorch and onednn on the same pictures.
struct EngineAgreement {
    std::string precision = "fp32"; ///< or int8, where a sum that lies between two whole numbers may go either way
    std::int64_t pictures = 0;
    std::int64_t same_label = 0;   ///< pictures whose likeliest label is the same
    double feature_difference = 0; ///< the largest
    double largest_feature = 0;
    double logit_difference = 0; ///< the largest
    double largest_logit = 0;
    double torch_milliseconds = 0;  ///< CPU time of one thread, a picture
    double onednn_milliseconds = 0; ///< CPU time of one thread, a picture

    /// Every label the same, features and logits within 1e-4, or within 1e-4 of the largest where that is above 1; in int8
    /// within 5e-2.
    bool agrees() const;
    bool is_of_enough_pictures() const { return pictures >= fewest_to_agree_on; }
    bool onednn_is_faster() const { return onednn_milliseconds < torch_milliseconds; }
};

/// Keeps it in the cache folder, engines.json, for networks of this graph and preprocessing, whatever their head, on this
/// processor with this openset, LibTorch and oneDNN.
/// graph  torch::LoadReport::graph; empty: it is kept for this one file
/// Returns the file; empty where there is no cache folder. Throws Error(output).
std::string record_agreement(const model::NetworkFile& network, const std::string& graph,
                             const EngineAgreement& agreement);

/// None where none was recorded, or the file cannot be read.
std::optional<EngineAgreement> recorded_agreement(const model::NetworkFile& network, const std::string& graph);

/// What --engine auto stands for: onednn where it is on record that it agrees, on enough pictures, and is faster. Says why at
/// -v.
torch::Engine automatic_engine(const model::NetworkFile& network, const std::string& graph);

} // namespace openset::pictures
