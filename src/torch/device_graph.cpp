#include "torch/device_graph.hpp"

#include <optional>
#include <torch/csrc/jit/ir/constants.h>
#include <vector>

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;

template <class Test>
void collect(jit::Block& block, const Test& test, std::vector<jit::Node*>& found) {
    for (jit::Node* node : block.nodes()) {
        if (test(*node)) found.push_back(node);
        for (jit::Block* inner : node->blocks()) collect(*inner, test, found);
    }
}

/// Collected before anything is changed: a change invalidates the walk.
template <class Test>
std::vector<jit::Node*> nodes_where(jit::Graph& graph, const Test& test) {
    std::vector<jit::Node*> found;
    collect(*graph.block(), test, found);
    return found;
}

bool is_tensor_constant(const jit::Node& node) {
    if (node.kind() != c10::prim::Constant) return false;
    const auto value = jit::toIValue(node.output());
    return value && value->isTensor() && value->toTensor().is_floating_point();
}

/// The input of that name where it is a constant; none where it is not, or where there is no such input.
std::optional<c10::IValue> constant(const jit::Node& node, const char* name) {
    if (!node.hasNamedInput(name)) return std::nullopt;
    const auto value = jit::toIValue(node.namedInput(name)); // c10's own optional in LibTorch 1.13
    return value ? std::optional(*value) : std::nullopt;
}

/// A filter for each channel, and no more of them than channels.
bool is_depthwise(const jit::Node& node) {
    if (node.kind() != c10::aten::conv2d && node.kind() != c10::aten::_convolution) return false;
    const auto weight = constant(node, "weight"), groups = constant(node, "groups");
    const auto transposed = constant(node, "transposed");
    const auto padding = constant(node, "padding"); // a word in conv2d.padding
    if (!weight || !weight->isTensor() || !groups || !padding || !padding->isIntList()) return false;
    if (transposed && transposed->toBool()) return false;
    const at::Tensor filters = weight->toTensor();
    return filters.dim() == 4 && filters.size(1) == 1 && filters.size(0) > 1 && groups->toInt() == filters.size(0);
}

} // namespace

void convert_constants(jit::Graph& graph, at::ScalarType type, at::MemoryFormat layout) {
    for (jit::Node* node : nodes_where(graph, is_tensor_constant)) {
        at::Tensor value = jit::toIValue(node->output())->toTensor().to(type);
        if (value.dim() == 4) value = value.contiguous(layout);
        const jit::WithInsertPoint here(node);
        node->output()->replaceAllUsesWith(graph.insertConstant(value));
        node->destroy();
    }
}

int use_own_depthwise_kernel(jit::Graph& graph) {
    const auto found = nodes_where(graph, is_depthwise);
    for (jit::Node* node : found) {
        const at::Tensor filters = constant(*node, "weight")->toTensor();
        const jit::WithInsertPoint here(node);
        jit::Value* const size = graph.insertConstant(std::vector<std::int64_t>{filters.size(2), filters.size(3)});
        jit::Value* const result =
            graph.insert(c10::Symbol::fromQualString("aten::_conv_depthwise2d"),
                         {node->namedInput("input"), node->namedInput("weight"), size, node->namedInput("bias"),
                          node->namedInput("stride"), node->namedInput("padding"), node->namedInput("dilation")});
        node->output()->replaceAllUsesWith(result);
        node->destroy();
    }
    return static_cast<int>(found.size());
}

} // namespace openset::torch
