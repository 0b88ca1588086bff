#include "torch/quantise_graph.hpp"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_graph_optimizations.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/peephole.h>
#include <torch/csrc/jit/passes/remove_mutation.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include "openset/base/error.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;
using Ints = std::vector<std::int64_t>;

bool is(const jit::Node* node, const char* kind) { return node->kind() == c10::Symbol::fromQualString(kind); }

// ---- constants

std::optional<at::Tensor> tensor_of(const jit::Value* value) {
    const auto constant = jit::toIValue(value);
    return constant && constant->isTensor() ? std::optional(constant->toTensor()) : std::nullopt;
}

std::optional<double> number_of(const jit::Value* value) {
    const auto constant = jit::toIValue(value);
    if (!constant || !constant->isScalar()) return std::nullopt;
    const at::Scalar scalar = constant->toScalar();
    return scalar.isBoolean() ? std::nullopt : std::optional(scalar.toDouble());
}

/// A constant list of `count` numbers; a single number stands for as many.
std::optional<Ints> ints_of(const jit::Value* value, std::size_t count) {
    const auto constant = jit::toIValue(value);
    if (!constant) return std::nullopt;
    Ints ints;
    if (constant->isIntList()) ints = constant->toIntVector();
    if (constant->isInt()) ints = {constant->toInt()};
    if (ints.size() == 1) ints.resize(count, ints.front());
    return ints.size() == count ? std::optional(ints) : std::nullopt;
}

bool is_none(const jit::Value* value) { return value->type()->kind() == c10::TypeKind::NoneType; }

bool is_tensor(const jit::Value* value) { return value->type()->isSubtypeOf(*c10::TensorType::get()); }

// ---- what stands in a graph

/// How many pixels of zeros are put around a picture.
struct Padding {
    std::int64_t left = 0, right = 0, top = 0, bottom = 0;
};

/// Any constant padding with zeros, of whatever dimensions.
bool pads_with_zeros(const jit::Node* node) {
    const bool pad = is(node, "aten::pad");
    if (!pad && !is(node, "aten::constant_pad_nd")) return false;
    if (pad) {
        const auto mode = jit::toIValue(node->input(2));
        if (!mode || !mode->isString() || mode->toStringRef() != "constant") return false;
    }
    const jit::Value* const value = node->input(pad ? 3 : 2);
    const auto constant = jit::toIValue(node->input(1));
    return constant && constant->isIntList() && (is_none(value) || number_of(value) == 0.0);
}

std::optional<Padding> as_padding(const jit::Node* node) {
    if (!pads_with_zeros(node)) return std::nullopt;
    Ints ends = jit::toIValue(node->input(1))->toIntVector();
    if (ends.size() > 4 || std::ranges::any_of(ends, [](std::int64_t end) { return end < 0; })) return std::nullopt;
    ends.resize(4);
    return Padding{ends[0], ends[1], ends[2], ends[3]};
}

/// What an activation lets through: values from 0 to its limit.
struct Rectifier {
    float clip = 0; ///< 0: no limit
};

std::optional<Rectifier> as_rectifier(const jit::Node* node) {
    if (is(node, "aten::relu")) return Rectifier{};
    if (is(node, "aten::relu6")) return Rectifier{6};
    if (!is(node, "aten::hardtanh") && !is(node, "aten::clamp")) return std::nullopt;
    const auto low = number_of(node->input(1)), high = number_of(node->input(2));
    if (low != 0.0) return std::nullopt;
    if (is_none(node->input(2))) return Rectifier{};
    if (!high || !(*high > 0)) return std::nullopt;
    return Rectifier{static_cast<float>(*high)};
}

jit::Node* only_user(const jit::Value* value) {
    return value->uses().size() == 1 ? value->uses().front().user : nullptr;
}

// ---- flattening

jit::Stack run(const std::shared_ptr<jit::Graph>& graph, const jit::Module& self, const at::Tensor& input) {
    const c10::InferenceMode inference;
    jit::Stack stack{self._ivalue(), input};
    jit::InterpreterState(jit::Code(graph, "forward")).run(stack);
    return stack;
}

bool is_about_sizes(const jit::Value* value) {
    const auto kind = value->type()->kind();
    if (kind == c10::TypeKind::ListType)
        return value->type()->expectRef<c10::ListType>().getElementType()->kind() == c10::TypeKind::IntType;
    return kind == c10::TypeKind::IntType || kind == c10::TypeKind::BoolType || kind == c10::TypeKind::FloatType;
}

std::vector<std::size_t> sizes_in(const jit::Graph& graph) {
    std::vector<std::size_t> found; // positions among all outputs of nodes
    std::size_t position = 0;
    for (const jit::Node* node : graph.nodes()) {
        for (const jit::Value* output : node->outputs()) {
            if (node->kind() != c10::prim::Constant && is_about_sizes(output)) found.push_back(position);
            ++position;
        }
    }
    return found;
}

std::vector<jit::Value*> values_at(jit::Graph& graph, const std::vector<std::size_t>& positions) {
    std::vector<jit::Value*> all, chosen;
    for (jit::Node* node : graph.nodes()) {
        for (jit::Value* output : node->outputs()) all.push_back(output);
    }
    for (const std::size_t position : positions) chosen.push_back(all.at(position));
    return chosen;
}

/// Makes constant what the graph computes of the size of its input, as far as it is the same for one picture and for two, and
/// whatever they show.
/// Branches that are decided by that go; what stood in them may be next. Whether anything changed.
bool settle_sizes(const std::shared_ptr<jit::Graph>& graph, const jit::Module& self, image::Size size) {
    const auto positions = sizes_in(*graph);
    if (positions.empty()) return false;
    const auto copy = graph->copy();
    while (copy->outputs().size() > 0) copy->eraseOutput(0);
    for (jit::Value* value : values_at(*copy, positions)) copy->registerOutput(value);
    const at::Tensor blank = at::zeros({1, 3, size.height, size.width});
    const at::Tensor noise = at::arange(blank.numel(), at::kFloat).mul(0.7331).sin().mul(2).reshape(blank.sizes());
    const jit::Stack of_one = run(copy, self, blank);
    const jit::Stack of_two = run(copy, self, at::cat({blank, blank}));
    const jit::Stack of_noise = run(copy, self, noise);
    bool changed = false;
    const auto values = values_at(*graph, positions);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i]->uses().empty() || of_one.at(i) != of_two.at(i) || of_one.at(i) != of_noise.at(i)) continue;
        const jit::WithInsertPoint here(values[i]->node());
        values[i]->replaceAllUsesWith(graph->insertConstant(of_one.at(i)));
        changed = true;
    }
    auto changing = graph;
    jit::ConstantPropagation(changing);
    jit::EliminateDeadCode(changing);
    return changed;
}

/// A convolution with padding "same" or "valid" as one with numbers, behind the padding that they stand for.
void spell_out_padding(const std::shared_ptr<jit::Graph>& graph) {
    std::vector<jit::Node*> named;
    for (jit::Node* node : graph->nodes()) {
        const auto padding = is(node, "aten::conv2d") ? jit::toIValue(node->input(4)) : c10::nullopt;
        if (padding && padding->isString()) named.push_back(node);
    }
    for (jit::Node* node : named) {
        const auto weight = tensor_of(node->input(1));
        const auto dilation = ints_of(node->input(5), 2);
        if (!weight || weight->dim() != 4 || !dilation) continue;
        const jit::WithInsertPoint here(node);
        jit::Value* input = node->input(0);
        if (jit::toIValue(node->input(4))->toStringRef() == "same") {
            const std::int64_t rows = (weight->size(2) - 1) * dilation->at(0),
                               columns = (weight->size(3) - 1) * dilation->at(1);
            const Ints ends{columns / 2, columns - columns / 2, rows / 2, rows - rows / 2};
            input = graph->insert(c10::aten::constant_pad_nd, {input, ends, 0.0});
        }
        jit::Value* const made =
            graph->insert(c10::aten::conv2d, {input, node->input(1), node->input(2), node->input(3), Ints{0, 0},
                                              node->input(5), node->input(6)});
        node->output()->replaceAllUsesWith(made);
    }
    jit::EliminateDeadCode(graph);
}

/// Both sides need `most` pixels: the kernel gets zeros where there is less. The result has the same size.
at::Tensor with_zeros(const at::Tensor& weight, const Padding& padding, std::int64_t vertical,
                      std::int64_t horizontal) {
    return at::constant_pad_nd(
        weight,
        {horizontal - padding.left, horizontal - padding.right, vertical - padding.top, vertical - padding.bottom}, 0);
}

/// Padding with zeros that goes into convolutions alone becomes theirs.
void fold_padding(const std::shared_ptr<jit::Graph>& graph) {
    for (jit::Node* node : graph->nodes()) {
        auto padding = as_padding(node);
        if (!padding) continue;
        const auto uses = node->output()->uses();
        const bool foldable = std::ranges::all_of(uses, [node](const jit::Use& use) {
            const auto convolution = as_convolution(use.user);
            return convolution && use.offset == 0 && convolution->dilation == Ints{1, 1};
        });
        if (!foldable) continue;
        for (const jit::Use& use : uses) {
            const Convolution convolution = *as_convolution(use.user);
            Padding all = *padding;
            all.left += convolution.padding[1];
            all.right += convolution.padding[1];
            all.top += convolution.padding[0];
            all.bottom += convolution.padding[0];
            const std::int64_t vertical = std::max(all.top, all.bottom), horizontal = std::max(all.left, all.right);
            const jit::WithInsertPoint here(use.user);
            use.user->replaceInput(0, node->input(0));
            use.user->replaceInput(1, graph->insertConstant(with_zeros(convolution.weight, all, vertical, horizontal)));
            use.user->replaceInput(4, graph->insertConstant(Ints{vertical, horizontal}));
        }
    }
    jit::EliminateDeadCode(graph);
}

/// A tensor with a number a channel.
at::Tensor of_channels(const std::array<float, 3>& numbers) {
    return at::tensor(std::vector<float>(numbers.begin(), numbers.end())).reshape({1, 3, 1, 1});
}

/// The first convolution takes pixels from 0 to 1, which eight bits hold exactly, instead of normalised values: the graph
/// takes the normalisation back, after padding as ever, and the convolution's weights make up for it.
void take_pixels(const std::shared_ptr<jit::Graph>& graph, const image::PreprocessSpec& preprocess) {
    jit::Value* const input = graph->inputs().at(1);
    jit::Node* const node = only_user(input);
    const auto convolution = node == nullptr ? std::nullopt : as_convolution(node);
    if (!convolution || convolution->weight.size(1) != 3) return;
    const at::Tensor mean = of_channels(preprocess.mean), std = of_channels(preprocess.std);
    const at::Tensor weight = convolution->weight / std;
    at::Tensor bias = -(weight.to(at::kDouble) * mean).sum({1, 2, 3});
    if (convolution->bias) bias = bias + *convolution->bias;

    const jit::WithInsertPoint here(node);
    jit::Value* pixels = input;
    if (convolution->padding != Ints{0, 0}) {
        const Ints ends{convolution->padding[1], convolution->padding[1], convolution->padding[0],
                        convolution->padding[0]};
        pixels = graph->insert(c10::aten::constant_pad_nd, {pixels, ends, 0.0});
    }
    pixels = graph->insert(c10::aten::mul, {pixels, graph->insertConstant(std)});
    pixels = graph->insert(c10::aten::add, {pixels, graph->insertConstant(mean)});
    node->replaceInput(0, pixels);
    node->replaceInput(1, graph->insertConstant(weight));
    node->replaceInput(2, graph->insertConstant(bias.to(at::kFloat)));
    node->replaceInput(4, graph->insertConstant(Ints{0, 0}));
    jit::EliminateDeadCode(graph);
}

// ---- the plan

/// Operations that compute nothing new of values: what goes in has the range of what comes out.
bool leaves_values(const jit::Node* node) {
    return is(node, "aten::max_pool2d") || is(node, "aten::slice") || pads_with_zeros(node) ||
           as_rectifier(node).has_value();
}

bool is_plain_sum(const jit::Node* node) {
    return is(node, "aten::add") && node->inputs().size() == 3 && is_tensor(node->input(0)) &&
           is_tensor(node->input(1)) && number_of(node->input(2)) == 1.0;
}

/// The list of a concatenation that nobody else uses.
jit::Node* parts_of_concatenation(const jit::Node* node) {
    if (!is(node, "aten::cat") || !number_of(node->input(1))) return nullptr;
    jit::Node* const list = node->input(0)->node();
    return list->kind() == c10::prim::ListConstruct && only_user(list->output()) == node ? list : nullptr;
}

class Planner {
public:
    explicit Planner(jit::Graph& graph) : graph_(graph) {}

    QuantisationPlan plan() {
        for (jit::Node* node : graph_.nodes()) {
            if (!done_.contains(node)) look_at(node);
        }
        leave_last_sums_in_float();
        return std::move(plan_);
    }

private:
    bool in_eight_bits(const jit::Value* value) const { return quantised_.contains(value); }

    void observe(jit::Value* value) {
        if (observed_.insert(value).second) plan_.observed.push_back(value);
    }

    void add_layer(QuantisedLayer::Kind kind, jit::Node* node) {
        QuantisedLayer layer{kind, node, node};
        jit::Node* const user = only_user(node->output());
        const auto rectifier = user != nullptr ? as_rectifier(user) : std::nullopt;
        if (rectifier && kind != QuantisedLayer::Kind::concatenation) {
            layer.last = user;
            layer.relu = true;
            layer.clip = rectifier->clip;
            done_.insert(user);
        }
        quantised_.insert(layer.last->output());
        observe(layer.last->output());
        plan_.layers.push_back(layer);
    }

    /// Rounding a sum that goes into no layer in eight bits would cost digits and save nothing.
    void leave_last_sums_in_float() {
        std::set<const jit::Node*> takers(plan_.passing.begin(), plan_.passing.end());
        for (const QuantisedLayer& layer : plan_.layers) {
            takers.insert(layer.first);
            if (const auto* parts = parts_of_concatenation(layer.first)) takers.insert(parts);
        }
        std::erase_if(plan_.layers, [&](const QuantisedLayer& layer) {
            jit::Value* const made = layer.last->output();
            const bool is_last =
                layer.kind == QuantisedLayer::Kind::sum &&
                std::ranges::none_of(made->uses(), [&](const jit::Use& use) { return takers.contains(use.user); });
            if (!is_last) return false;
            std::erase(plan_.observed, made);
            for (const jit::Node* node : std::set{layer.first, layer.last})
                ++plan_.in_float[node->kind().toQualString()];
            return true;
        });
    }

    void look_at(jit::Node* node) {
        using Kind = QuantisedLayer::Kind;
        if (as_convolution(node)) {
            if (!in_eight_bits(node->input(0))) observe(node->input(0));
            add_layer(Kind::convolution, node);
            plan_.convolutions.push_back(node);
        } else if (is_plain_sum(node) && in_eight_bits(node->input(0)) && in_eight_bits(node->input(1))) {
            add_layer(Kind::sum, node);
        } else if (const auto* parts = parts_of_concatenation(node);
                   parts != nullptr &&
                   std::ranges::all_of(parts->inputs(), [this](const auto* part) { return in_eight_bits(part); })) {
            add_layer(Kind::concatenation, node);
        } else if (leaves_values(node) && in_eight_bits(node->input(0))) {
            plan_.passing.insert(node);
            quantised_.insert(node->output());
        } else if (std::ranges::any_of(node->outputs(), is_tensor) && !node->inputs().empty()) {
            ++plan_.in_float[node->kind().toQualString()];
        }
    }

    jit::Graph& graph_;
    QuantisationPlan plan_;
    std::set<const jit::Value*> quantised_, observed_;
    std::set<const jit::Node*> done_;
};

// ---- the rewriting

/// What an integer stands for: scale * (integer - zero_point).
struct Grid {
    double scale = 1;
    std::int64_t zero_point = 0;
};

constexpr int largest_activation = 255;

/// relu   nothing below 0 comes
/// clip   nor above it; 0: no limit
Grid grid_of(stats::ValueRange range, bool relu, float clip) {
    double low = std::min(range.low, 0.0F), high = std::max(range.high, 0.0F);
    if (relu) low = 0;
    if (clip > 0) high = std::min(high, static_cast<double>(clip)); // what is above saturates: that is the activation
    constexpr double least_width = 1e-30;                           // below, a step would be no float
    if (!(high - low > least_width)) return {};
    // As the kernels have it, in float.
    const auto scale = static_cast<double>(static_cast<float>((high - low) / largest_activation));
    return {scale, std::clamp(std::llround(-low / scale), 0LL, static_cast<long long>(largest_activation))};
}

c10::IValue packed(const Convolution& convolution, const RoundedWeights& rounded) {
    static const auto prepack = c10::Dispatcher::singleton().findSchemaOrThrow("quantized::conv2d_prepack", "");
    jit::Stack stack{rounded.weight,
                     rounded.bias,
                     c10::List<std::int64_t>(convolution.stride),
                     c10::List<std::int64_t>(convolution.padding),
                     c10::List<std::int64_t>(convolution.dilation),
                     convolution.groups};
    prepack.callBoxed(stack);
    return stack.front();
}

class Rewriter {
public:
    Rewriter(jit::Module& module, const QuantisationPlan& plan, const std::vector<stats::ValueRange>& ranges,
             const std::vector<RoundedWeights>& weights)
        : module_(module), graph_(module.get_method("forward").graph()), plan_(plan), weights_(weights) {
        for (std::size_t i = 0; i < ranges.size(); ++i) ranges_[plan.observed.at(i)] = ranges[i];
    }

    void rewrite() {
        std::map<jit::Node*, const QuantisedLayer*> layers;
        for (const QuantisedLayer& layer : plan_.layers) {
            layers[layer.last] = &layer;
            rewritten_.insert(layer.first);
            rewritten_.insert(layer.last);
        }
        const std::vector<jit::Node*> nodes(graph_->nodes().begin(), graph_->nodes().end());
        for (jit::Node* node : nodes) {
            const jit::WithInsertPoint here(node);
            if (const auto layer = layers.find(node); layer != layers.end()) {
                quantised_[node->output()] = layer_output(*layer->second);
            } else if (plan_.passing.contains(node)) {
                jit::Node* const copy = graph_->createClone(
                    node, [](jit::Value* value) { return value; }, /*copy_blocks=*/false);
                graph_->insertNode(copy);
                copy->replaceInput(0, quantised(node->input(0)));
                quantised_[node->output()] = copy->output();
                rewritten_.insert(node);
            }
        }
        for (const auto& [value, in_eight_bits] : quantised_) give_back_floats(value, in_eight_bits);
        jit::EliminateDeadCode(graph_);
    }

private:
    jit::Value* call(const char* operation, std::vector<jit::NamedValue> inputs) {
        return graph_->insert(c10::Symbol::fromQualString(operation), inputs);
    }

    jit::Value* quantised(jit::Value* value) {
        if (const auto known = quantised_.find(value); known != quantised_.end()) return known->second;
        if (const auto known = entering_.find(value); known != entering_.end()) return known->second;
        const Grid grid = grid_of(ranges_.at(value), false, 0);
        jit::Value* const result = call("aten::quantize_per_tensor",
                                        {value, grid.scale, grid.zero_point, static_cast<std::int64_t>(at::kQUInt8)});
        entering_[value] = result;
        return result;
    }

    jit::Value* layer_output(const QuantisedLayer& layer) {
        using Kind = QuantisedLayer::Kind;
        const Grid grid = grid_of(ranges_.at(layer.last->output()), layer.relu, layer.clip);
        if (layer.kind == Kind::sum) {
            return call(
                layer.relu ? "quantized::add_relu" : "quantized::add",
                {quantised(layer.first->input(0)), quantised(layer.first->input(1)), grid.scale, grid.zero_point});
        }
        if (layer.kind == Kind::concatenation) {
            std::vector<jit::Value*> parts;
            for (jit::Value* part : layer.first->input(0)->node()->inputs()) parts.push_back(quantised(part));
            jit::Node* const list = graph_->insertNode(graph_->createList(c10::TensorType::get(), parts));
            return call("quantized::cat", {list->output(), layer.first->input(1), grid.scale, grid.zero_point});
        }
        const c10::IValue weights = packed(*as_convolution(layer.first), weights_.at(packed_count_));
        const std::string name = "packed_" + std::to_string(packed_count_++);
        module_.register_attribute(name, weights.type(), weights);
        jit::Value* const attribute = graph_->insertGetAttr(graph_->inputs().at(0), name);
        return call(layer.relu ? "quantized::conv2d_relu" : "quantized::conv2d",
                    {quantised(layer.first->input(0)), attribute, grid.scale, grid.zero_point});
    }

    /// What is not rewritten takes floats.
    void give_back_floats(jit::Value* value, jit::Value* in_eight_bits) {
        jit::Value* floats = nullptr;
        const auto uses = value->uses(); // replaceInput changes the list
        for (const jit::Use& use : uses) {
            if (rewritten_.contains(use.user)) continue;
            if (floats == nullptr) {
                const jit::WithInsertPoint here(in_eight_bits->node()->next());
                floats = call("aten::dequantize", {in_eight_bits});
            }
            use.user->replaceInput(use.offset, floats);
        }
    }

    jit::Module& module_;
    std::shared_ptr<jit::Graph> graph_;
    const QuantisationPlan& plan_;
    const std::vector<RoundedWeights>& weights_;
    std::map<const jit::Value*, stats::ValueRange> ranges_;
    std::map<jit::Value*, jit::Value*> quantised_, entering_; ///< of layers and what passes; of floats that go into one
    std::set<const jit::Node*> rewritten_;
    std::size_t packed_count_ = 0;
};

} // namespace

std::optional<Convolution> as_convolution(const jit::Node* node) {
    const bool general = is(node, "aten::_convolution"); // as traced
    if (!general && !is(node, "aten::conv2d")) return std::nullopt;
    const auto weight = tensor_of(node->input(1));
    const auto bias = tensor_of(node->input(2));
    const auto stride = ints_of(node->input(3), 2), padding = ints_of(node->input(4), 2),
               dilation = ints_of(node->input(5), 2);
    const auto groups = number_of(node->input(general ? 8 : 6));
    if (!weight || weight->dim() != 4 || (!bias && !is_none(node->input(2)))) return std::nullopt;
    if (!stride || !padding || !dilation || !groups) return std::nullopt;
    if (general) {
        const auto transposed = jit::toIValue(node->input(6));
        if (!transposed || transposed->toBool()) return std::nullopt;
    }
    Convolution found{*weight, c10::nullopt, *stride, *padding, *dilation, static_cast<std::int64_t>(*groups)};
    if (bias) found.bias = *bias;
    return found;
}

bool is_pixels(const jit::Value* value) {
    const jit::Node* const shift = value->node();
    if (!is(shift, "aten::add") || !is(shift->input(0)->node(), "aten::mul")) return false;
    const jit::Value* source = shift->input(0)->node()->input(0);
    if (is(source->node(), "aten::constant_pad_nd")) source = source->node()->input(0);
    return source == value->owningGraph()->inputs().at(1);
}

jit::Module flattened(jit::Module module, image::Size size, const image::PreprocessSpec& preprocess) {
    module.eval();
    module = jit::freeze_module(module);
    auto graph = module.get_method("forward").graph();
    jit::OptimizeFrozenGraph(graph);
    jit::RemoveTensorMutation(graph);
    while (settle_sizes(graph, module, size)) {
    }
    jit::RemoveTensorMutation(graph);
    jit::ConstantPropagation(graph);
    jit::OptimizeFrozenGraph(graph); // what stood in branches
    spell_out_padding(graph);
    fold_padding(graph);
    take_pixels(graph, preprocess);
    for (const jit::Node* node : graph->nodes()) {
        const auto* const schema = node->maybeSchema();
        if (schema != nullptr && schema->is_mutable()) {
            throw Error(ErrorKind::model, std::string("writes to its tensors in place (") +
                                              node->kind().toQualString() +
                                              "), expected a network that can be rewritten without");
        }
    }
    return module;
}

QuantisationPlan plan_quantisation(jit::Graph& graph) { return Planner(graph).plan(); }

void quantise(jit::Module& module, const QuantisationPlan& plan, const std::vector<stats::ValueRange>& ranges,
              const std::vector<RoundedWeights>& weights) {
    Rewriter(module, plan, ranges, weights).rewrite();
}

} // namespace openset::torch
