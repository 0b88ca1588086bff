#pragma once

#include <filesystem>

#include "inspect/kind.hpp"

/// What inspect says of activation stores and of arrays.
namespace openset::inspect {

/// On standard output: network, arrays, classes with their rows and how many of them are correctly classified, failed
/// pictures, and how far the logits are from what the head makes of the features. Throws as io::ActivationStore.
void print_store(const std::filesystem::path& folder, const Wanted& wanted);

/// On standard output: how far the run came that fills it. Throws as io::for_each_kept_picture.
void print_partial_store(const std::filesystem::path& folder, const Wanted& wanted);

/// On standard output: type, shape and range of a .npy file. Throws as io::NpyArray.
void print_array(const std::filesystem::path& file, const Wanted& wanted);

} // namespace openset::inspect
