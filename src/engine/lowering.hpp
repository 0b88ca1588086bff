#pragma once

#include "engine/program.hpp"
#include "openset/engine/compiled_network.hpp"
#include "openset/engine/layer_graph.hpp"

namespace openset::engine {

/// A fused graph as oneDNN's primitives: layouts chosen, weights laid out.
/// pictures  that go through at once
/// other     of the same graph: what has its layout is shared with it; may be null
/// Throws dnnl::error where it has no kernel for one of the layers; Error(model).
Plan lower(const LayerGraph& graph, Precision precision, int pictures, const Plan* other = nullptr);

} // namespace openset::engine
