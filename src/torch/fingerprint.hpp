#pragma once

#include <string>
#include <torch/csrc/jit/ir/ir.h>

namespace openset::torch {

/// A SHA-256 of what a frozen graph computes: its operations in order, their attributes, where their inputs come from,
/// and the constants among these with every byte of their tensors. Names, source ranges and the order in which constants
/// stand do not count. Graphs of equal fingerprints give equal bits for equal inputs, run in the same way.
/// Empty where the graph does not say it all: attributes that stayed in the module, random operations, constants of a
/// kind that is not known here.
std::string fingerprint(const ::torch::jit::Graph& graph);

} // namespace openset::torch
