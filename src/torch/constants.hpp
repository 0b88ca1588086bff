#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

namespace openset::torch {

/// Turns the graph's floating point constants (a frozen module's weights) into this type, filters [n, c, h, w] to channels
/// last in memory: the order in which the tensor cores of CUDA devices take them. Once batch normalisations are folded:
/// that is done in float.
void convert_constants(::torch::jit::Graph& graph, at::ScalarType type);

} // namespace openset::torch
