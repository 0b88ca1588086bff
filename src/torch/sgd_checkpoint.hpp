#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <string>
#include <torch/optim/sgd.h>
#include <vector>

#include "openset/torch/sgd.hpp"

namespace openset::torch {

/// Where a training run stands after a whole epoch; what the optimiser remembers comes beside it.
struct SgdCheckpoint {
    std::string run;                 ///< what makes two runs the same: a JSON object by the names that a message has
    std::vector<EpochReport> epochs; ///< so far
    int best_epoch = 0;
    std::vector<at::Tensor> state;      ///< parameters and buffers, in their order
    std::vector<at::Tensor> best_state; ///< those of the best epoch; empty: they are `state`
};

/// Whole or not at all. Throws Error(output).
void write_checkpoint(const std::filesystem::path& path, const SgdCheckpoint& checkpoint,
                      const ::torch::optim::SGD& optimiser);

/// The tensors are on the CPU.
/// run  the one that is to be resumed
/// Throws Error(usage) where the checkpoint is of another, or is none.
SgdCheckpoint read_checkpoint(const std::filesystem::path& path, const std::string& run,
                              ::torch::optim::SGD& optimiser);

} // namespace openset::torch
