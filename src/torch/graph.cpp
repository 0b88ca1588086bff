#include "torch/graph.hpp"

#include <ATen/ops/zeros.h>
#include <algorithm>
#include <array>
#include <string_view>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <utility>

#include "torch/tensor_values.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;

std::optional<at::Tensor> constant_tensor(const jit::Value* value) {
    const auto constant = jit::toIValue(value);
    return constant && constant->isTensor() ? std::optional(constant->toTensor()) : std::nullopt;
}

/// A Linear found in a frozen graph.
struct LinearNode {
    jit::Value* input = nullptr;
    at::Tensor weight; ///< [classes, features]
    at::Tensor bias;   ///< [classes]; zeros where the layer has none
};

std::optional<LinearNode> as_linear(jit::Node* node) {
    LinearNode linear;
    if (node->kind() == c10::Symbol::fromQualString("aten::linear")) {
        const auto weight = constant_tensor(node->input(1));
        if (!weight || weight->dim() != 2) return std::nullopt;
        const auto bias = constant_tensor(node->input(2));
        const bool no_bias = node->input(2)->type()->kind() == c10::TypeKind::NoneType;
        if (!bias && !no_bias) return std::nullopt;
        linear = {node->input(0), *weight, bias ? *bias : at::zeros({weight->size(0)})};
    } else if (node->kind() == c10::Symbol::fromQualString("aten::addmm")) { // traced by older torch: b + x W^T
        const auto bias = constant_tensor(node->input(0));
        auto transposed = constant_tensor(node->input(2));
        if (!transposed && node->input(2)->node()->kind() == c10::Symbol::fromQualString("aten::t")) {
            const auto weight = constant_tensor(node->input(2)->node()->input(0));
            if (weight) transposed = weight->t();
        }
        const auto is_one = [&](std::size_t input) {
            const auto factor = jit::toIValue(node->input(input));
            return factor && factor->isScalar() && factor->toScalar().toDouble() == 1.0;
        };
        if (!bias || !transposed || bias->dim() != 1 || !is_one(3) || !is_one(4)) return std::nullopt;
        linear = {node->input(1), transposed->t(), *bias};
    } else {
        return std::nullopt;
    }
    return linear;
}

/// Where the graph's output takes the logits from: the output itself, or an element of its tuple or dict.
struct LogitsUse {
    jit::Node* user;
    std::size_t input;
};

std::optional<LogitsUse> find_logits(jit::Graph& graph) {
    if (graph.outputs().size() != 1) return std::nullopt;
    jit::Node* const made_by = graph.outputs().at(0)->node();
    if (made_by->kind() == c10::prim::TupleConstruct && !made_by->inputs().empty()) return LogitsUse{made_by, 0};
    if (made_by->kind() == c10::prim::DictConstruct) {
        for (std::size_t i = 0; i + 1 < made_by->inputs().size(); i += 2) {
            const auto key = jit::toIValue(made_by->input(i));
            if (key && key->isString() && key->toStringRef() == "logits") return LogitsUse{made_by, i + 1};
        }
        return std::nullopt;
    }
    return LogitsUse{graph.return_node(), 0};
}

/// Whether a node after the Linear writes to what goes into it or comes out of it (`y.div_(3)`, `out["logits"] /= 3`):
/// the graph's output is not the Linear's alone then.
bool is_written_later(const std::shared_ptr<jit::Graph>& graph, jit::Node* linear, const jit::ValueSet& values) {
    const jit::AliasDb aliases(graph);
    for (jit::Node* node = linear->next(); node != graph->return_node(); node = node->next()) {
        if (aliases.writesToAlias(node, values)) return true;
    }
    return false;
}

/// Whether the tuple or dict that holds the logits is looked into before it is returned.
bool is_read_later(const LogitsUse& logits, const jit::Graph& graph) {
    return logits.user != graph.return_node() && logits.user->output()->uses().size() > 1;
}

bool is_batch_dependent(const jit::Node* node) {
    static constexpr std::array<std::string_view, 16> names = {
        "aten::linear",    "aten::addmm", "aten::addmv",    "aten::addbmm",      "aten::mm",    "aten::mv",
        "aten::matmul",    "aten::bmm",   "aten::baddbmm",  "aten::dot",         "aten::inner", "aten::einsum",
        "aten::tensordot", "aten::cdist", "aten::bilinear", "aten::chain_matmul"};
    static constexpr std::array<std::string_view, 14> beginnings = {"aten::conv",
                                                                    "aten::_convolution",
                                                                    "aten::_conv",
                                                                    "aten::lstm",
                                                                    "aten::gru",
                                                                    "aten::rnn_",
                                                                    "aten::quantized_",
                                                                    "aten::_scaled_dot",
                                                                    "aten::scaled_dot",
                                                                    "aten::_native_multi_head",
                                                                    "aten::_transformer",
                                                                    "aten::_cdist",
                                                                    "aten::choose_qparams",
                                                                    "aten::quantize_per_tensor_dynamic"};
    const std::string_view kind = node->kind().toQualString();
    // Sums of whole numbers do not depend on their order; what finds its range in the batch itself is not independent of it.
    if (kind.starts_with("quantized::")) return kind.ends_with("_dynamic") || kind.find("lstm") != kind.npos;
    return std::ranges::find(names, kind) != names.end() ||
           std::ranges::any_of(beginnings, [kind](std::string_view beginning) { return kind.starts_with(beginning); });
}

bool depends_on_batch(const jit::Block* block) {
    return std::ranges::any_of(block->nodes(), [](const jit::Node* node) {
        if (is_batch_dependent(node)) return true;
        if (node->hasAttribute(jit::attr::Subgraph) && depends_on_batch(node->g(jit::attr::Subgraph)->block()))
            return true;
        return std::ranges::any_of(node->blocks(), [](const jit::Block* inner) { return depends_on_batch(inner); });
    });
}

} // namespace

std::optional<model::Head> cut_at_head(jit::Module& frozen) {
    const auto graph = frozen.get_method("forward").graph();
    const auto logits = find_logits(*graph);
    if (!logits || is_read_later(*logits, *graph)) return std::nullopt;
    jit::Value* const output = logits->user->input(logits->input);
    const auto linear = as_linear(output->node());
    if (!linear) return std::nullopt;
    jit::ValueSet values{linear->input, output};
    if (logits->user != graph->return_node()) values.insert(logits->user->output());
    if (is_written_later(graph, output->node(), values)) return std::nullopt;

    logits->user->replaceInput(logits->input, linear->input);
    jit::EliminateDeadCode(graph);
    return model::Head(static_cast<int>(linear->weight.size(0)), static_cast<int>(linear->weight.size(1)),
                       float_values(linear->weight), float_values(linear->bias));
}

bool is_quantised(const jit::Graph& graph) {
    return std::ranges::any_of(graph.nodes(), [](const jit::Node* node) {
        return std::string_view(node->kind().toQualString()).starts_with("quantized::");
    });
}

bool depends_on_batch(const jit::Graph& graph) { return depends_on_batch(graph.block()); }

} // namespace openset::torch
