#pragma once

#include <optional>
#include <torch/csrc/jit/api/module.h>

#include "openset/model/head.hpp"

/// What openset does to, and asks of, a TorchScript graph.
namespace openset::torch {

/// Makes a frozen module's forward() give the input of the Linear that its logits come from, in the logits' place, and
/// returns that Linear. None, and nothing is changed, where the logits do not come straight from a Linear with constant
/// weights, or where something later in the graph reads or writes what the cut would change.
std::optional<model::Head> cut_at_head(::torch::jit::Module& frozen);

/// Whether the frozen graph computes in eight bits.
bool is_quantised(const ::torch::jit::Graph& graph);

/// Whether the optimised graph holds an operation whose bits depend on the batch: ATen's and BLAS' kernels are chosen
/// by size (matrix products, recurrent layers, convolutions that oneDNN did not take over).
bool depends_on_batch(const ::torch::jit::Graph& graph);

} // namespace openset::torch
