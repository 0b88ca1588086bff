#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

/// A frozen graph made ready for a device that is not the CPU, once its batch normalisations are folded: that is done in
/// float.
namespace openset::torch {

/// Turns the graph's floating point constants (a frozen module's weights) into this type, filters [n, c, h, w] to this order
/// in memory. Channels last is how the tensor cores of CUDA devices take them.
void convert_constants(::torch::jit::Graph& graph, at::ScalarType type, at::MemoryFormat layout);

/// Gives depthwise convolutions (a filter a channel) to LibTorch's own CUDA kernel. For fp16, and for channels last, LibTorch
/// asks cuDNN, which compiles its kernel for each size of batch: with cuDNN 9 on an H100 0.1 s a layer.
/// Returns how many there were.
int use_own_depthwise_kernel(::torch::jit::Graph& graph);

} // namespace openset::torch
