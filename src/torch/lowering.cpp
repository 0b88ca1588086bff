#include "torch/lowering.hpp"

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <torch/csrc/jit/ir/constants.h>
#include <unordered_map>
#include <utility>
#include <vector>

#include "torch/guarded.hpp"
#include "torch/tensor_values.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;
using engine::Activation;
using engine::Extent;
using engine::Padding;
using engine::Shape;
using engine::ValueId;

/// Thrown where an operation has no layer; what() names it.
class Obstacle : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A tensor that depends on the picture: [1, channels, height, width], or flat [1, channels * height * width].
struct Traced {
    ValueId value = 0;
    bool flat = false;
};

class Lowerer {
public:
    explicit Lowerer(const image::Size& picture) {
        result_.nodes.push_back({engine::Input{}, {}, {3, picture.height, picture.width}});
    }

    engine::LayerGraph lower(const jit::Graph& graph) {
        const auto inputs = graph.inputs();
        if (inputs.empty() || inputs.size() > 2) throw Obstacle("several inputs");
        traced_[inputs.back()] = {0, false};
        run(graph.block());
        const jit::Value* const output = graph.outputs().at(0);
        name_outputs(output);
        return std::move(result_);
    }

private:
    // ---- the interpreter

    void run(const jit::Block* block) {
        for (const jit::Node* node : block->nodes()) run(node);
    }

    void run(const jit::Node* node) {
        if (node->kind() == c10::prim::If) return run_if(node);
        if (node->kind() == c10::prim::Constant) {
            if (const auto value = jit::toIValue(node->output())) known_[node->output()] = *value;
            return;
        }
        if (is_list_of_tensors(node)) {
            lists_[node->output()] = {node->inputs().begin(), node->inputs().end()};
            return;
        }
        if (is_made_of_traced(node) || is_message(node)) return; // outputs are looked into in the end
        if (std::ranges::none_of(node->inputs(), [this](const jit::Value* input) { return depends_on_picture(input); }))
            return compute(node);
        lower(node);
    }

    void run_if(const jit::Node* node) {
        if (!known_.contains(node->input(0))) throw Obstacle("prim::If on what the picture shows");
        const jit::Block* const taken = node->blocks().at(known_.at(node->input(0)).toBool() ? 0 : 1);
        run(taken);
        for (std::size_t i = 0; i < node->outputs().size(); ++i) copy(taken->outputs().at(i), node->output(i));
    }

    void copy(const jit::Value* from, const jit::Value* to) {
        if (const auto known = known_.find(from); known != known_.end()) {
            known_[to] = known->second;
        } else if (const auto traced = traced_.find(from); traced != traced_.end()) {
            traced_[to] = traced->second;
        } else {
            throw Obstacle(from->node()->kind().toQualString());
        }
    }

    bool depends_on_picture(const jit::Value* value) const { return !known_.contains(value); }

    static bool is_list_of_tensors(const jit::Node* node) {
        return node->kind() == c10::prim::ListConstruct &&
               node->output()->type()->expectRef<c10::ListType>().getElementType()->kind() == c10::TypeKind::TensorType;
    }

    bool is_made_of_traced(const jit::Node* node) const {
        const bool container = node->kind() == c10::prim::TupleConstruct || node->kind() == c10::prim::DictConstruct;
        return container && std::ranges::any_of(node->inputs(),
                                                [this](const jit::Value* input) { return depends_on_picture(input); });
    }

    static bool is_message(const jit::Node* node) { return node->kind() == c10::aten::warn; }

    /// What does not depend on the picture, by LibTorch's own operation.
    void compute(const jit::Node* node) {
        if (node->isNondeterministic() || node->hasSideEffects() || !node->blocks().empty())
            throw Obstacle(node->kind().toQualString());
        if (node->kind() == c10::prim::ListConstruct) {
            c10::impl::GenericList elements(node->output()->type()->expectRef<c10::ListType>().getElementType());
            for (const jit::Value* input : node->inputs()) elements.push_back(known_.at(input));
            known_[node->output()] = elements;
            return;
        }
        jit::Stack stack;
        for (const jit::Value* input : node->inputs()) stack.push_back(known_.at(input));
        try {
            node->getOperation()(stack);
        } catch (const std::exception&) { // none, or refused
            throw Obstacle(node->kind().toQualString());
        }
        for (std::size_t i = 0; i < node->outputs().size(); ++i)
            known_[node->output(i)] = stack.at(stack.size() - node->outputs().size() + i);
    }

    // ---- arguments

    const Traced& traced(const jit::Value* value) const {
        const auto found = traced_.find(value);
        if (found == traced_.end()) throw Obstacle(value->node()->kind().toQualString());
        return found->second;
    }

    /// A picture, not a flat vector.
    ValueId picture(const jit::Value* value) const {
        const Traced& found = traced(value);
        if (found.flat) throw Obstacle(kind_ + " of a vector");
        return found.value;
    }

    const c10::IValue& known(const jit::Value* value) const {
        const auto found = known_.find(value);
        if (found == known_.end()) throw Obstacle(kind_ + " with " + value->node()->kind().toQualString());
        return found->second;
    }

    std::vector<int> ints(const jit::Value* value) const {
        const c10::IValue& found = known(value);
        std::vector<int> numbers;
        if (found.isInt()) return {static_cast<int>(found.toInt())};
        if (!found.isIntList()) throw Obstacle(kind_);
        for (const std::int64_t number : found.toIntVector()) numbers.push_back(static_cast<int>(number));
        return numbers;
    }

    Extent extent(const jit::Value* value) const {
        const auto numbers = ints(value);
        if (numbers.empty() || numbers.size() > 2) throw Obstacle(kind_);
        return {numbers.front(), numbers.back()};
    }

    bool flag(const jit::Value* value) const { return known(value).toBool(); }

    float number(const jit::Value* value) const {
        const c10::IValue& found = known(value);
        if (found.isScalar()) return found.toScalar().to<float>();
        throw Obstacle(kind_);
    }

    std::vector<float> floats(const jit::Value* value) const {
        const c10::IValue& found = known(value);
        if (!found.isTensor() || !found.toTensor().defined() || found.toTensor().is_quantized()) throw Obstacle(kind_);
        return float_values(found.toTensor());
    }

    /// [channels]; zeros for None.
    std::vector<float> bias(const jit::Value* value, int channels) const {
        if (known(value).isNone()) return std::vector<float>(static_cast<std::size_t>(channels), 0.0F);
        return floats(value);
    }

    const Shape& shape(ValueId value) const { return result_.nodes[value].shape; }

    // ---- layers

    using Layer = void (Lowerer::*)(const jit::Node*);

    void lower(const jit::Node* node) {
        static const std::unordered_map<std::string_view, Layer> layers = {
            {"aten::conv2d", &Lowerer::convolution},
            {"aten::_convolution", &Lowerer::any_convolution},
            {"aten::batch_norm", &Lowerer::batch_norm},
            {"aten::linear", &Lowerer::linear},
            {"aten::relu", &Lowerer::relu},
            {"aten::relu6", &Lowerer::relu6},
            {"aten::hardtanh", &Lowerer::clip},
            {"aten::clamp", &Lowerer::clip},
            {"aten::sigmoid", &Lowerer::sigmoid},
            {"aten::silu", &Lowerer::silu},
            {"aten::hardsigmoid", &Lowerer::hard_sigmoid},
            {"aten::hardswish", &Lowerer::hard_swish},
            {"aten::add", &Lowerer::add},
            {"aten::mul", &Lowerer::multiply},
            {"aten::append", &Lowerer::append_to_list},
            {"aten::cat", &Lowerer::concatenate},
            {"aten::max_pool2d", &Lowerer::maximum_pool},
            {"aten::avg_pool2d", &Lowerer::average_pool},
            {"aten::adaptive_avg_pool2d", &Lowerer::adaptive_average_pool},
            {"aten::mean", &Lowerer::mean},
            {"aten::pad", &Lowerer::pad},
            {"aten::constant_pad_nd", &Lowerer::pad},
            {"aten::slice", &Lowerer::slice},
            {"aten::flatten", &Lowerer::flatten},
            {"aten::view", &Lowerer::view},
            {"aten::reshape", &Lowerer::view},
            {"aten::size", &Lowerer::size},
            {"aten::dim", &Lowerer::dimensions},
            {"aten::dropout", &Lowerer::dropout},
            {"aten::feature_dropout", &Lowerer::dropout},
            {"aten::contiguous", &Lowerer::same},
            {"aten::detach", &Lowerer::same},
            {"aten::quantize_per_tensor", &Lowerer::round},
            {"aten::dequantize", &Lowerer::dequantise},
            {"quantized::conv2d", &Lowerer::convolution_in_eight_bits},
            {"quantized::conv2d_relu", &Lowerer::convolution_in_eight_bits},
            {"quantized::add", &Lowerer::sum_in_eight_bits},
            {"quantized::add_relu", &Lowerer::sum_in_eight_bits},
            {"quantized::cat", &Lowerer::concatenation_in_eight_bits},
        };
        kind_ = node->kind().toQualString();
        const bool in_place = kind_.ends_with('_') && !kind_.ends_with("__");
        const auto layer = layers.find(in_place ? std::string_view(kind_).substr(0, kind_.size() - 1) : kind_);
        if (layer == layers.end() || (in_place && has_slices_)) throw Obstacle(kind_);
        (this->*layer->second)(node);
        if (in_place) overwrite(traced(node->input(0)).value, traced(node->output()).value);
    }

    /// Who sees the old value, through whatever view, sees the new one from here on.
    void overwrite(ValueId old, ValueId value) {
        if (copied_.contains(old)) throw Obstacle(kind_ + " of one of two copies");
        for (auto& [name, seen] : traced_) {
            if (seen.value == old) seen.value = value;
        }
    }

    /// Bytes and floats stand for the same numbers.
    void dequantise(const jit::Node* node) {
        same(node);
        copied_.insert(traced(node->output()).value);
    }

    void append(const jit::Node* node, engine::Operation operation, std::vector<ValueId> inputs, const Shape& made,
                bool flat = false) {
        if (made.channels < 1 || made.height < 1 || made.width < 1) throw Obstacle(kind_ + " that leaves nothing");
        result_.nodes.push_back({std::move(operation), std::move(inputs), made});
        traced_[node->output()] = {result_.nodes.size() - 1, flat};
    }

    /// Stride, padding, dilation and groups stand at these arguments of a convolution.
    void convolution(const jit::Node* node) { convolve(node, 3, 6); }

    void any_convolution(const jit::Node* node) {
        if (flag(node->input(6))) throw Obstacle(kind_ + ", transposed");
        convolve(node, 3, 8);
    }

    void convolve(const jit::Node* node, std::size_t first, std::size_t groups) {
        const ValueId input = picture(node->input(0));
        const at::Tensor weight = known(node->input(1)).toTensor();
        if (weight.dim() != 4) throw Obstacle(kind_ + " of " + std::to_string(weight.dim() - 2) + " dimensions");
        engine::Convolution made;
        made.kernel = {static_cast<int>(weight.size(2)), static_cast<int>(weight.size(3))};
        made.stride = extent(node->input(first));
        made.dilation = extent(node->input(first + 2));
        made.groups = ints(node->input(groups)).at(0);
        const auto channels = static_cast<int>(weight.size(0));
        made.weight = floats(node->input(1));
        made.bias = bias(node->input(2), channels);
        if (const c10::IValue& padding = known(node->input(first + 1)); padding.isString()) {
            made.padding = named_padding(padding.toStringRef(), made);
        } else {
            const Extent around = extent(node->input(first + 1));
            made.padding = {around.height, around.width, around.height, around.width};
        }
        if (shape(input).channels != weight.size(1) * made.groups) throw Obstacle(kind_ + " of other channels");
        const Extent size = output_extent(shape(input), made.kernel, made.stride, made.dilation, made.padding);
        append(node, std::move(made), {input}, {channels, size.height, size.width});
    }

    Padding named_padding(const std::string& name, const engine::Convolution& convolution) const {
        if (name == "valid") return {};
        if (name != "same") throw Obstacle(kind_ + ", padding " + name);
        const int rows = (convolution.kernel.height - 1) * convolution.dilation.height;
        const int columns = (convolution.kernel.width - 1) * convolution.dilation.width;
        return {rows / 2, columns / 2, rows - rows / 2, columns - columns / 2};
    }

    void linear(const jit::Node* node) {
        const Traced& input = traced(node->input(0));
        const at::Tensor weight = known(node->input(1)).toTensor();
        const Shape& from = shape(input.value);
        if (!input.flat || weight.size(1) != static_cast<std::int64_t>(from.size())) throw Obstacle(kind_);
        const auto channels = static_cast<int>(weight.size(0));
        engine::Convolution made;
        made.kernel = {from.height, from.width};
        made.weight = floats(node->input(1));
        made.bias = bias(node->input(2), channels);
        append(node, std::move(made), {input.value}, {channels, 1, 1}, true);
    }

    void batch_norm(const jit::Node* node) { // x, weight, bias, mean, variance, training, momentum, epsilon
        if (flag(node->input(5)) || known(node->input(3)).isNone()) throw Obstacle(kind_ + " by the batch itself");
        const ValueId input = picture(node->input(0));
        const std::vector<float> mean = floats(node->input(3)), variance = floats(node->input(4));
        const std::vector<float> weight =
            known(node->input(1)).isNone() ? std::vector<float>(mean.size(), 1.0F) : floats(node->input(1));
        const std::vector<float> offset = bias(node->input(2), shape(input).channels);
        const double epsilon = known(node->input(7)).toDouble();
        engine::ScaleShift made;
        for (std::size_t c = 0; c < mean.size(); ++c) {
            const double scale = static_cast<double>(weight[c]) / std::sqrt(static_cast<double>(variance[c]) + epsilon);
            made.scale.push_back(static_cast<float>(scale));
            made.shift.push_back(
                static_cast<float>(static_cast<double>(offset[c]) - scale * static_cast<double>(mean[c])));
        }
        append(node, std::move(made), {input}, shape(input));
    }

    void activate(const jit::Node* node, const Activation& activation) {
        const Traced input = traced(node->input(0));
        append(node, engine::Activate{activation}, {input.value}, shape(input.value), input.flat);
    }

    /// What a ReLU leaves of numbers on a grid is on it still, and a convolution in eight bits may come next.
    void relu(const jit::Node* node) {
        activate(node, {Activation::Kind::clip, 0, std::numeric_limits<float>::infinity()});
        engine::Node& made = result_.nodes.back();
        made.grid = grid_of(made.inputs[0]);
    }

    std::optional<engine::Grid> grid_of(ValueId value) const {
        const engine::Node& node = result_.nodes[value];
        const auto* const pool = std::get_if<engine::Pool>(&node.operation);
        const bool chooses = pool != nullptr && pool->kind == engine::Pool::Kind::maximum;
        return node.grid || !chooses ? node.grid : grid_of(node.inputs[0]);
    }
    void relu6(const jit::Node* node) { activate(node, {Activation::Kind::clip, 0, 6}); }
    void sigmoid(const jit::Node* node) { activate(node, {Activation::Kind::sigmoid, 0, 0}); }
    void silu(const jit::Node* node) { activate(node, {Activation::Kind::silu, 0, 0}); }
    void hard_sigmoid(const jit::Node* node) { activate(node, {Activation::Kind::hard_sigmoid, 0, 0}); }
    void hard_swish(const jit::Node* node) { activate(node, {Activation::Kind::hard_swish, 0, 0}); }

    void clip(const jit::Node* node) {
        const auto bound = [&](std::size_t input, float otherwise) {
            return known(node->input(input)).isNone() ? otherwise : number(node->input(input));
        };
        constexpr float infinity = std::numeric_limits<float>::infinity();
        activate(node, {Activation::Kind::clip, bound(1, -infinity), bound(2, infinity)});
    }

    /// x * scale + shift by channel.
    void scale_and_shift(const jit::Node* node, std::vector<float> scale, std::vector<float> shift) {
        const ValueId input = picture(node->input(0));
        append(node, engine::ScaleShift{std::move(scale), std::move(shift)}, {input}, shape(input));
    }

    /// A number for each channel of the node's first input: `factor` times a constant number, or times a tensor of one for
    /// each channel.
    std::vector<float> by_channel(const jit::Node* node, const jit::Value* value, float factor) const {
        const auto channels = static_cast<std::size_t>(shape(picture(node->input(0))).channels);
        const c10::IValue& found = known(value);
        if (found.isScalar()) return std::vector(channels, factor * number(value));
        if (!found.isTensor()) throw Obstacle(kind_);
        const at::Tensor tensor = found.toTensor();
        const bool fits = tensor.dim() >= 3 && tensor.dim() <= 4 && tensor.size(-1) == 1 && tensor.size(-2) == 1 &&
                          tensor.numel() == static_cast<std::int64_t>(channels);
        if (!fits) throw Obstacle(kind_ + " of other shapes");
        auto numbers = float_values(tensor);
        for (float& each : numbers) each *= factor;
        return numbers;
    }

    void add(const jit::Node* node) {
        const float factor = number(node->input(2));
        if (known_.contains(node->input(1))) {
            const auto shift = by_channel(node, node->input(1), factor);
            return scale_and_shift(node, std::vector(shift.size(), 1.0F), shift);
        }
        const Traced x = traced(node->input(0)), y = traced(node->input(1));
        if (std::not_equal_to<>()(factor, 1.0F) || x.flat != y.flat || shape(x.value) != shape(y.value))
            throw Obstacle(kind_ + " of other shapes");
        append(node, engine::Add{}, {x.value, y.value}, shape(x.value), x.flat);
    }

    void multiply(const jit::Node* node) {
        if (known_.contains(node->input(1))) {
            const auto scale = by_channel(node, node->input(1), 1);
            return scale_and_shift(node, scale, std::vector(scale.size(), 0.0F));
        }
        Traced x = traced(node->input(0)), y = traced(node->input(1));
        const auto is_gate = [this](const Traced& t, const Traced& of) {
            return shape(t.value) == Shape{shape(of.value).channels, 1, 1};
        };
        if (is_gate(x, y)) std::swap(x, y);
        if (x.flat != y.flat || (!is_gate(y, x) && shape(x.value) != shape(y.value)))
            throw Obstacle(kind_ + " of other shapes");
        append(node, engine::Multiply{}, {x.value, y.value}, shape(x.value), x.flat);
    }

    // ---- in eight bits

    /// Its scale and zero point stand at these arguments.
    engine::Grid grid(const jit::Node* node, std::size_t at) const {
        return {number(node->input(at)), ints(node->input(at + 1)).at(0)};
    }

    /// The value of a node that was just appended is on a grid. A ReLU is that nothing below zero is on it.
    void put_on_grid(const jit::Node* node, const engine::Grid& grid) {
        if (kind_.ends_with("_relu") && grid.zero_point != 0) throw Obstacle(kind_ + " on numbers below zero");
        result_.nodes[traced(node->output()).value].grid = grid;
    }

    void round(const jit::Node* node) { // x, scale, zero point, type
        if (known(node->input(3)).toScalarType() != at::kQUInt8) throw Obstacle(kind_ + " to signed numbers");
        activate(node, {});
        put_on_grid(node, grid(node, 1));
    }

    /// What the packed weights say of themselves.
    static c10::IValue ask(const char* operation, const c10::IValue& packed) {
        jit::Stack stack{packed};
        c10::Dispatcher::singleton().findSchemaOrThrow(operation, "").callBoxed(stack);
        return stack.front();
    }

    void convolution_in_eight_bits(const jit::Node* node) { // x, packed weights, scale, zero point
        const ValueId input = picture(node->input(0));
        const c10::IValue& packed = known(node->input(1));
        jit::Stack unpacked{packed};
        c10::Dispatcher::singleton().findSchemaOrThrow("quantized::conv2d_unpack", "").callBoxed(unpacked);
        const at::Tensor weight = unpacked.at(0).toTensor();
        if (weight.qscheme() != at::kPerChannelAffine || weight.q_per_channel_axis() != 0) throw Obstacle(kind_);
        const auto extent_of = [&](const char* operation) {
            const auto numbers = ask(operation, packed).toIntVector();
            return Extent{static_cast<int>(numbers.at(0)), static_cast<int>(numbers.at(1))};
        };
        engine::Convolution made;
        made.kernel = {static_cast<int>(weight.size(2)), static_cast<int>(weight.size(3))};
        made.stride = extent_of("quantized::conv2d_stride");
        made.dilation = extent_of("quantized::conv2d_dilation");
        const Extent around = extent_of("quantized::conv2d_padding");
        made.padding = {around.height, around.width, around.height, around.width};
        made.groups = static_cast<int>(ask("quantized::conv2d_groups", packed).toInt());
        made.weight = float_values(weight.int_repr());
        made.weight_scale = float_values(weight.q_per_channel_scales());
        const auto channels = static_cast<int>(weight.size(0));
        made.bias = unpacked.at(1).isNone() ? std::vector<float>(static_cast<std::size_t>(channels), 0.0F)
                                            : float_values(unpacked.at(1).toTensor());
        const Extent size = output_extent(shape(input), made.kernel, made.stride, made.dilation, made.padding);
        append(node, std::move(made), {input}, {channels, size.height, size.width});
        put_on_grid(node, grid(node, 2));
    }

    void sum_in_eight_bits(const jit::Node* node) { // x, y, scale, zero point
        const ValueId x = picture(node->input(0)), y = picture(node->input(1));
        if (shape(x) != shape(y)) throw Obstacle(kind_ + " of other shapes");
        append(node, engine::Add{}, {x, y}, shape(x));
        put_on_grid(node, grid(node, 2));
    }

    void concatenation_in_eight_bits(const jit::Node* node) { // list, dimension, scale, zero point
        concatenate(node);
        put_on_grid(node, grid(node, 2));
    }

    void concatenate(const jit::Node* node) {
        const auto list = lists_.find(node->input(0));
        const int dimension = ints(node->input(1)).at(0);
        if (list == lists_.end()) throw Obstacle(kind_);
        std::vector<ValueId> inputs;
        Shape made;
        bool flat = false;
        for (const jit::Value* each : list->second) {
            const Traced part = traced(each);
            const Shape& of = shape(part.value);
            const bool fits =
                inputs.empty() || (part.flat == flat && of.height == made.height && of.width == made.width);
            flat = part.flat;
            if (!fits || (flat && of.height * of.width != 1)) throw Obstacle(kind_ + " of other shapes");
            made = {made.channels + of.channels, of.height, of.width};
            inputs.push_back(part.value);
        }
        if (dimension != 1 && dimension != (flat ? -1 : -3)) throw Obstacle(kind_ + " of other than channels");
        append(node, engine::Concatenation{}, std::move(inputs), made, flat);
    }

    /// To a list of tensors.
    void append_to_list(const jit::Node* node) {
        const auto list = lists_.find(node->input(0));
        if (list == lists_.end()) throw Obstacle(kind_);
        list->second.push_back(node->input(1));
        const auto longer = list->second;
        lists_[node->output()] = longer;
    }

    void pool(const jit::Node* node, engine::Pool made, bool ceil) {
        const ValueId input = picture(node->input(0));
        if (made.stride == Extent{0, 0}) made.stride = made.kernel;
        Extent size = output_extent(shape(input), made.kernel, made.stride, {}, made.padding);
        if (ceil) {
            if (made.kind == engine::Pool::Kind::average) throw Obstacle(kind_ + " with ceil_mode");
            size = {grow(shape(input).height, size.height, made.kernel.height, made.stride.height, made.padding.top,
                         made.padding.bottom),
                    grow(shape(input).width, size.width, made.kernel.width, made.stride.width, made.padding.left,
                         made.padding.right)};
        }
        const int channels = shape(input).channels;
        append(node, std::move(made), {input}, {channels, size.height, size.width});
    }

    /// ceil_mode: one more kernel where something is left over and it begins within the input or the padding before it.
    static int grow(int input, int output, int kernel, int stride, int before, int& after) {
        const int covered = (output - 1) * stride + kernel;
        if (covered >= input + before + after || output * stride >= input + before) return output;
        after += stride - (input + before + after - covered);
        return output + 1;
    }

    /// An empty list stands for the kernel.
    Extent pool_stride(const jit::Value* value) const { return ints(value).empty() ? Extent{0, 0} : extent(value); }

    void maximum_pool(const jit::Node* node) { // x, kernel, stride, padding, dilation, ceil
        if (extent(node->input(4)) != Extent{}) throw Obstacle(kind_ + " with dilation");
        const Extent around = extent(node->input(3));
        pool(node,
             {engine::Pool::Kind::maximum,
              extent(node->input(1)),
              pool_stride(node->input(2)),
              {around.height, around.width, around.height, around.width},
              false},
             flag(node->input(5)));
    }

    void average_pool(const jit::Node* node) { // x, kernel, stride, padding, ceil, counts padding, divisor
        if (!known(node->input(6)).isNone()) throw Obstacle(kind_ + " with a divisor");
        const Extent around = extent(node->input(3));
        pool(node,
             {engine::Pool::Kind::average,
              extent(node->input(1)),
              pool_stride(node->input(2)),
              {around.height, around.width, around.height, around.width},
              flag(node->input(5))},
             flag(node->input(4)));
    }

    void adaptive_average_pool(const jit::Node* node) {
        const Extent wanted = extent(node->input(1));
        const Shape& from = shape(picture(node->input(0)));
        if (wanted.height < 1 || wanted.width < 1 || from.height % wanted.height != 0 || from.width % wanted.width != 0)
            throw Obstacle(kind_ + " to a size that does not divide the input's");
        const Extent kernel{from.height / wanted.height, from.width / wanted.width};
        pool(node, {engine::Pool::Kind::average, kernel, kernel, {}, false}, false);
    }

    void mean(const jit::Node* node) { // x, dimensions, keepdim, dtype
        if (node->inputs().size() != 4 || !known(node->input(3)).isNone()) throw Obstacle(kind_);
        auto over = ints(node->input(1));
        for (int& dimension : over) dimension = dimension < 0 ? dimension + 4 : dimension;
        std::ranges::sort(over);
        const ValueId input = picture(node->input(0));
        if (over != std::vector{2, 3}) throw Obstacle(kind_ + " of other than whole pictures");
        const Shape from = shape(input);
        const Extent kernel{from.height, from.width};
        append(node, engine::Pool{engine::Pool::Kind::average, kernel, kernel, {}, false}, {input},
               {from.channels, 1, 1}, !flag(node->input(2)));
    }

    void pad(const jit::Node* node) { // x, sides from the last dimension backwards, [mode,] value
        const bool has_mode = node->inputs().size() == 4;
        if (has_mode && known(node->input(2)).toStringRef() != "constant")
            throw Obstacle(kind_ + ", " + known(node->input(2)).toStringRef());
        const c10::IValue& value = known(node->input(has_mode ? 3 : 2));
        if (!value.isNone() && std::not_equal_to<>()(value.toScalar().toDouble(), 0.0))
            throw Obstacle(kind_ + " with other than 0");
        auto sides = ints(node->input(1));
        sides.resize(std::max<std::size_t>(sides.size(), 6), 0);
        if (sides.size() > 6 || std::ranges::any_of(sides, [](int side) { return side < 0; })) throw Obstacle(kind_);
        const ValueId input = picture(node->input(0));
        if (sides[4] != 0 || sides[5] != 0) {
            if (sides[0] + sides[1] + sides[2] + sides[3] != 0) throw Obstacle(kind_ + " of pictures and channels");
            return pad_channels(node, input, sides[4], sides[5]);
        }
        const Shape from = shape(input);
        append(node, engine::Pad{{sides[2], sides[0], sides[3], sides[1]}}, {input},
               {from.channels, from.height + sides[2] + sides[3], from.width + sides[0] + sides[1]});
    }

    /// Channels of zeros before and after: a 1x1 convolution whose weights are 1 where a channel goes, else 0.
    void pad_channels(const jit::Node* node, ValueId input, int before, int after) {
        const Shape from = shape(input);
        const auto channels = static_cast<std::size_t>(before + from.channels + after);
        const auto inputs = static_cast<std::size_t>(from.channels);
        engine::Convolution made;
        made.weight.assign(channels * inputs, 0.0F);
        made.bias.assign(channels, 0.0F);
        for (std::size_t c = 0; c < inputs; ++c)
            made.weight[(static_cast<std::size_t>(before) + c) * inputs + c] = 1.0F;
        append(node, std::move(made), {input}, {static_cast<int>(channels), from.height, from.width});
    }

    /// Every n-th row or column, which a maximum over one pixel is; and slices of everything.
    void slice(const jit::Node* node) { // x, dimension, start, end, step
        const int dimension = ints(node->input(1)).at(0);
        const ValueId input = picture(node->input(0));
        const Shape from = shape(input);
        const std::array<int, 4> sizes{1, from.channels, from.height, from.width};
        const auto bound = [&](std::size_t at, std::int64_t otherwise) {
            return known(node->input(at)).isNone() ? otherwise : known(node->input(at)).toInt();
        };
        if (dimension < 0 || dimension > 3) throw Obstacle(kind_);
        const int whole = sizes.at(static_cast<std::size_t>(dimension));
        if (bound(2, 0) != 0 || bound(3, whole) < whole) throw Obstacle(kind_ + " of a part");
        const auto step = static_cast<int>(bound(4, 1));
        if (step == 1) return same(node);
        if (dimension < 2) throw Obstacle(kind_);
        has_slices_ = true;
        pool(node, {engine::Pool::Kind::maximum, {}, dimension == 2 ? Extent{step, 1} : Extent{1, step}, {}, false},
             false);
    }

    void flatten(const jit::Node* node) {
        const Traced input = traced(node->input(0));
        const int from = ints(node->input(1)).at(0), to = ints(node->input(2)).at(0);
        const int last = input.flat ? 1 : 3;
        if (from != 1 || (to != -1 && to != last)) throw Obstacle(kind_ + " of other than whole pictures");
        traced_[node->output()] = {input.value, true};
    }

    void view(const jit::Node* node) {
        const Traced input = traced(node->input(0));
        const auto sizes = ints(node->input(1));
        const auto size = static_cast<int>(shape(input.value).size());
        const bool one_row = sizes.size() == 2 && ((sizes[0] == 1 && (sizes[1] == -1 || sizes[1] == size)) ||
                                                   (sizes[0] == -1 && sizes[1] == size));
        if (!one_row) throw Obstacle(kind_ + " to other than a vector");
        traced_[node->output()] = {input.value, true};
    }

    void size(const jit::Node* node) {
        const Traced input = traced(node->input(0));
        const Shape& of = shape(input.value);
        std::vector<std::int64_t> sizes{1, of.channels, of.height, of.width};
        if (input.flat) sizes = {1, static_cast<std::int64_t>(of.size())};
        if (node->inputs().size() == 1) {
            known_[node->output()] = c10::IValue(sizes);
            return;
        }
        const int at = ints(node->input(1)).at(0);
        known_[node->output()] = sizes.at(static_cast<std::size_t>(at < 0 ? at + static_cast<int>(sizes.size()) : at));
    }

    void dimensions(const jit::Node* node) { known_[node->output()] = traced(node->input(0)).flat ? 2 : 4; }

    void dropout(const jit::Node* node) {
        if (flag(node->input(2))) throw Obstacle(kind_ + " in training");
        same(node);
    }

    void same(const jit::Node* node) { traced_[node->output()] = traced(node->input(0)); }

    // ---- outputs

    void name_outputs(const jit::Value* output) {
        const jit::Node* const made_by = output->node();
        const auto name = [this](const std::string& as, const jit::Value* value) {
            kind_ = "an output";
            result_.outputs.push_back({as, traced(value).value});
        };
        if (made_by->kind() == c10::prim::TupleConstruct) {
            for (std::size_t i = 0; i < made_by->inputs().size(); ++i)
                name(i == 0 ? "" : "output" + std::to_string(i), made_by->input(i));
        } else if (made_by->kind() == c10::prim::DictConstruct) {
            for (std::size_t i = 0; i + 1 < made_by->inputs().size(); i += 2) {
                const std::string key = known(made_by->input(i)).toStringRef();
                name(key == "logits" ? "" : key, made_by->input(i + 1));
                if (key == "logits") std::swap(result_.outputs.front(), result_.outputs.back());
            }
        } else {
            name("", output);
        }
        if (result_.outputs.empty() || !result_.outputs.front().name.empty()) throw Obstacle("no logits");
    }

    engine::LayerGraph result_;
    std::unordered_map<const jit::Value*, Traced> traced_;
    std::unordered_map<const jit::Value*, c10::IValue> known_;
    std::unordered_map<const jit::Value*, std::vector<const jit::Value*>> lists_; ///< of tensors
    std::string kind_;                                                            ///< of the node at work
    bool has_slices_ = false;
    std::set<ValueId> copied_; ///< two tensors hold the value, of which one may be written to
};

} // namespace

Lowering lower(const jit::Graph& graph, const image::Size& picture) {
    try {
        return {Lowerer(picture).lower(graph), {}};
    } catch (const Obstacle& obstacle) {
        return {std::nullopt, obstacle.what()};
    } catch (const std::out_of_range&) { // another form of an operation than those it was written for
        return {std::nullopt, "an operation with fewer inputs than it knows"};
    } catch (const std::exception& error) {
        if (is_out_of_memory(error.what())) throw;
        return {std::nullopt, message_of(error)};
    }
}

} // namespace openset::torch
