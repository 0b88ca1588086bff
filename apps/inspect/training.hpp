#pragma once

#include <filesystem>
#include <string>

#include "inspect/kind.hpp"

/// What inspect says of what `openset train` leaves beside its networks.
namespace openset::inspect {

/// On standard output: the network, how it was made, a line a set. Throws Error(corrupt) where it is no such record.
void print_training(const std::filesystem::path& file, const Wanted& wanted);

/// What a checkpoint says of itself, as JSON; empty for any other file. Without LibTorch: the text stands uncompressed
/// behind the tensors, near the end of the archive.
std::string checkpoint_facts(const std::filesystem::path& file);

/// On standard output: how far the training has come, and with which options. Throws Error(corrupt) where it is none.
void print_checkpoint(const std::filesystem::path& file, const Wanted& wanted);

} // namespace openset::inspect
