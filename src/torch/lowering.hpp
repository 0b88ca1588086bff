#pragma once

#include <optional>
#include <string>
#include <torch/csrc/jit/ir/ir.h>

#include "openset/engine/layer_graph.hpp"
#include "openset/image/preprocess.hpp"

namespace openset::torch {

/// A TorchScript graph as plain layers, or why it is none.
struct Lowering {
    std::optional<engine::LayerGraph> graph;
    std::string obstacle; ///< without a graph: the first operation that has no layer, "aten::lstm"
};

/// What a frozen module's forward() computes of one picture [1, 3, height, width], step by step as the interpreter would:
/// sizes and everything that follows from them, branches too, are computed here and are no part of the layers.
///
/// The outputs are in the order and by the names of name_outputs(); the first is called "".
Lowering lower(const ::torch::jit::Graph& graph, const image::Size& picture);

} // namespace openset::torch
