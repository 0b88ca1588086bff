#include "torch/constants.hpp"

#include <torch/csrc/jit/ir/constants.h>
#include <vector>

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;

std::vector<jit::Node*> tensor_constants(jit::Block& block) {
    std::vector<jit::Node*> found;
    for (jit::Node* node : block.nodes()) {
        if (node->kind() == c10::prim::Constant) {
            const auto value = jit::toIValue(node->output());
            if (value && value->isTensor() && value->toTensor().is_floating_point()) found.push_back(node);
        }
        for (jit::Block* inner : node->blocks()) {
            for (jit::Node* constant : tensor_constants(*inner)) found.push_back(constant);
        }
    }
    return found;
}

} // namespace

void convert_constants(jit::Graph& graph, at::ScalarType type) {
    for (jit::Node* node : tensor_constants(*graph.block())) {
        at::Tensor value = jit::toIValue(node->output())->toTensor().to(type);
        if (value.dim() == 4) value = value.contiguous(at::MemoryFormat::ChannelsLast);
        const jit::WithInsertPoint here(node);
        node->output()->replaceAllUsesWith(graph.insertConstant(value));
        node->destroy();
    }
}

} // namespace openset::torch
