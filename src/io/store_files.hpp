#pragma once

#include <algorithm>
#include <array>
#include <string_view>

/// The names in an activation store (interface: openset-store/1).
namespace openset::io {

inline constexpr const char* store_format = "openset-store/1";

inline constexpr const char* meta_file = "meta.json";
inline constexpr const char* samples_file = "samples.csv";
inline constexpr const char* run_file = "run.json"; ///< the one file in which equal runs may differ
inline constexpr const char* logits_file = "logits.npy";
inline constexpr const char* labels_file = "labels.npy";
inline constexpr const char* features_file = "features.npy";
inline constexpr const char* head_weight_file = "head_weight.npy";
inline constexpr const char* head_bias_file = "head_bias.npy";

/// Whether an array of this name is one of the store's own, and no further tensor of the network.
inline bool is_own_array(std::string_view file) {
    constexpr std::array<std::string_view, 5> own = {logits_file, labels_file, features_file, head_weight_file,
                                                     head_bias_file};
    return std::ranges::find(own, file) != own.end();
}

} // namespace openset::io
