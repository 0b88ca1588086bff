#include "engine/lowering.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "openset/base/error.hpp"

namespace openset::engine {
namespace {

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;
using Type = memory::data_type;

/// Copies of a primitive_attr share what they hold, so each primitive has its own. Scratch memory is ours: a primitive
/// that has some itself cannot be run by two threads at once.
dnnl::primitive_attr new_attributes() {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
}

/// A function that oneDNN applies to each number.
struct Elementwise {
    dnnl::algorithm algorithm;
    float alpha = 0;
    float beta = 0;
};

/// The functions that make up an activation, one after the other.
std::vector<Elementwise> functions_of(const Activation& activation) {
    using Kind = Activation::Kind;
    using dnnl::algorithm;
    switch (activation.kind) {
    case Kind::none: break;
    case Kind::clip:
        if (activation.low == 0 && std::isinf(activation.high)) return {{algorithm::eltwise_relu}};
        return {{algorithm::eltwise_clip, activation.low, activation.high}};
    case Kind::sigmoid: return {{algorithm::eltwise_logistic}};
    case Kind::silu: return {{algorithm::eltwise_swish, 1}};
    case Kind::hard_sigmoid: return {{algorithm::eltwise_linear, 1.0F / 6, 0.5F}, {algorithm::eltwise_clip, 0, 1}};
    case Kind::hard_swish: return {{algorithm::eltwise_hardswish}};
    }
    return {};
}

void append(dnnl::post_ops& operations, const Activation& activation) {
    for (const auto& [algorithm, alpha, beta] : functions_of(activation))
        operations.append_eltwise(1.0F, algorithm, alpha, beta);
}

class Lowering {
public:
    Lowering(const LayerGraph& graph, Precision precision, int pictures, const Plan* other)
        : graph_(graph), type_(precision == Precision::bf16 ? Type::bf16 : Type::f32), other_(other) {
        plan_.pictures = pictures;
    }

    Plan plan() {
        find_last_uses();
        for (current_ = 0; current_ < graph_.nodes.size(); ++current_) {
            values_.emplace_back();
            grids_.emplace_back();
            const Node& node = graph_.nodes[current_];
            std::visit([this, &node](const auto& operation) { add(node, operation); }, node.operation);
            if (node.grid && !grids_.back()) round_to(*node.grid);
        }
        for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
            const ValueId value = graph_.outputs[i].value;
            const memory::desc plain(dims(graph_.nodes[value].shape), Type::f32, Tag::nchw);
            add_reorder(in_float(value), {Place::Kind::output, i, plain}, "output");
        }
        return std::move(plan_);
    }

private:
    Dims dims(const Shape& shape) const { return {plan_.pictures, shape.channels, shape.height, shape.width}; }
    static Dims dims(const Extent& extent) { return {extent.height, extent.width}; }

    // ---- steps

    /// Room for a value that the step after this makes.
    Place new_buffer(const memory::desc& layout) {
        plan_.buffers.push_back({layout.get_size(), plan_.steps.size(), plan_.steps.size(), 0});
        return {Place::Kind::buffer, plan_.buffers.size() - 1, layout};
    }

    template <typename Description>
    void add_step(const Description& description, std::unordered_map<int, Place> places, const std::string& name) {
        const std::size_t number = plan_.steps.size();
        for (const auto& [argument, place] : places) {
            if (place.kind == Place::Kind::buffer) plan_.buffers[place.index].last = number;
        }
        const memory::desc scratchpad = description.scratchpad_desc();
        if (scratchpad.get_size() > 0) places[DNNL_ARG_SCRATCHPAD] = new_buffer(scratchpad);
        plan_.steps.push_back(
            {dnnl::primitive(description.get()), std::move(places), name + ": " + description.impl_info_str()});
    }

    void add_reorder(const Place& from, const Place& to, const std::string& name,
                     const dnnl::primitive_attr& attributes = new_attributes()) {
        const dnnl::reorder::primitive_desc description(cpu(), from.layout, cpu(), to.layout, attributes);
        add_step(description, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, name);
    }

    /// A value in another layout; itself where it has that one.
    Place in_layout(const Place& place, const memory::desc& layout) {
        if (place.layout == layout) return place;
        const Place reordered = new_buffer(layout);
        add_reorder(place, reordered, "reorder");
        return reordered;
    }

    /// Both plans of a graph have the same constants in the same order.
    Place constant(const std::vector<float>& values, const memory::desc& plain, const memory::desc& layout) {
        const std::size_t index = plan_.constants.size();
        if (other_ != nullptr && other_->constants[index].get_desc() == layout) {
            plan_.constants.push_back(other_->constants[index]);
            return {Place::Kind::constant, index, layout};
        }
        memory from(plain, cpu(), const_cast<float*>(values.data()));
        plan_.constants.emplace_back(layout, cpu());
        dnnl::stream stream(cpu());
        dnnl::reorder(from, plan_.constants.back()).execute(stream, from, plan_.constants.back());
        stream.wait();
        return {Place::Kind::constant, index, layout};
    }

    memory::desc any_layout(const Shape& shape) const { return {dims(shape), type_, Tag::any}; }

    bool is_last_use(ValueId value) const { return last_use_[value] == current_; }

    void find_last_uses() {
        last_use_.assign(graph_.nodes.size(), 0);
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            for (const ValueId input : graph_.nodes[i].inputs) last_use_[input] = i;
        }
        for (const NamedValue& output : graph_.outputs) last_use_[output.value] = graph_.nodes.size();
    }

    // ---- one for each kind of node

    void add(const Node& node, const Input&) {
        values_.back() = {Place::Kind::input, 0, memory::desc(dims(node.shape), Type::f32, Tag::nchw)};
    }

    Dims weight_dims(const Node& node, const Convolution& convolution) const {
        const int inputs = graph_.nodes[node.inputs[0]].shape.channels / convolution.groups;
        if (convolution.groups == 1)
            return {node.shape.channels, inputs, convolution.kernel.height, convolution.kernel.width};
        return {convolution.groups, node.shape.channels / convolution.groups, inputs, convolution.kernel.height,
                convolution.kernel.width};
    }

    static memory::desc bias_layout(const Node& node) { return {{node.shape.channels}, Type::f32, Tag::x}; }

    dnnl::convolution_forward::desc describe(const Node& node, const Convolution& convolution,
                                             dnnl::algorithm algorithm, const memory::desc& source, Type weights,
                                             const memory::desc& destination) const {
        return {dnnl::prop_kind::forward_inference,
                algorithm,
                source,
                {weight_dims(node, convolution), weights, Tag::any},
                bias_layout(node),
                destination,
                dims(convolution.stride),
                {convolution.dilation.height - 1, convolution.dilation.width - 1},
                {convolution.padding.top, convolution.padding.left},
                {convolution.padding.bottom, convolution.padding.right}};
    }

    Place weights(const Node& node, const Convolution& convolution, const memory::desc& layout) {
        const Tag plain = convolution.groups == 1 ? Tag::oihw : Tag::goihw;
        return constant(convolution.weight, {weight_dims(node, convolution), Type::f32, plain}, layout);
    }

    void add(const Node& node, const Convolution& convolution) {
        if (!convolution.weight_scale.empty()) return add_in_eight_bits(node, convolution);
        const Place input = in_float(node.inputs[0]);
        const bool adds = node.inputs.size() == 2;

        dnnl::primitive_attr attributes = new_attributes();
        dnnl::post_ops operations;
        std::optional<Place> residual;
        bool in_place = false;
        if (adds) {
            residual = in_float(node.inputs[1]);
            in_place = residual->kind == Place::Kind::buffer && is_last_use(node.inputs[1]) &&
                       node.inputs[0] != node.inputs[1];
            if (in_place)
                operations.append_sum(1.0F);
            else
                operations.append_binary(dnnl::algorithm::binary_add, residual->layout);
        }
        append(operations, convolution.activation);
        attributes.set_post_ops(operations);

        const auto describe_by = [&](dnnl::algorithm algorithm, const memory::desc& destination) {
            const memory::desc source = any_layout(graph_.nodes[node.inputs[0]].shape);
            return dnnl::convolution_forward::primitive_desc(
                describe(node, convolution, algorithm, source, type_, destination), attributes, cpu());
        };
        const auto describe_fastest = [&] {
            if (gains_by_winograd(node, convolution)) {
                try {
                    return describe_by(dnnl::algorithm::convolution_winograd, any_layout(node.shape));
                } catch (const dnnl::error&) {
                    // not on this processor, or not with these post-operations
                }
            }
            return describe_by(dnnl::algorithm::convolution_direct,
                               in_place ? residual->layout : any_layout(node.shape));
        };
        const auto description = describe_fastest();
        if (in_place) residual = in_layout(*residual, description.dst_desc());

        std::unordered_map<int, Place> places;
        places[DNNL_ARG_SRC] = in_layout(input, description.src_desc());
        places[DNNL_ARG_WEIGHTS] = weights(node, convolution, description.weights_desc());
        places[DNNL_ARG_BIAS] = constant(convolution.bias, bias_layout(node), description.bias_desc());
        values_.back() = in_place ? *residual : new_buffer(description.dst_desc());
        places[DNNL_ARG_DST] = values_.back();
        if (adds && !in_place) places[DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1] = *residual;
        add_step(description, std::move(places), name_of(node, convolution));
    }

    static std::string name_of(const Node& node, const Convolution& convolution) {
        return "convolution " + std::to_string(convolution.kernel.height) + "x" +
               std::to_string(convolution.kernel.width) + " of " + std::to_string(node.shape.channels) + " channels";
    }

    /// Bytes times bytes, summed in whole numbers, exactly for weights from -64 to 64; then scaled, and rounded to the node's grid.
    void add_in_eight_bits(const Node& node, const Convolution& convolution) {
        const auto& grid = grids_[node.inputs[0]];
        if (!grid || node.inputs.size() != 1 || convolution.activation != Activation{})
            throw Error(ErrorKind::model,
                        "a convolution in eight bits takes values in float, or does more than to convolve");
        std::vector<float> scales, bias;
        for (std::size_t c = 0; c < convolution.weight_scale.size(); ++c) {
            const float unit = grid->scale * convolution.weight_scale[c];
            scales.push_back(node.grid ? unit / node.grid->scale : unit);
            bias.push_back(convolution.bias[c] / unit);
            if (!std::isfinite(bias.back()))
                throw Error(ErrorKind::model, "a channel's weights are so small that eight bits lose its bias, "
                                              "expected them to be zero, or larger");
        }
        dnnl::primitive_attr attributes = new_attributes();
        constexpr int by_channel = 1 << 1;
        attributes.set_output_scales(by_channel, scales);
        set_zero_point(attributes, DNNL_ARG_SRC, *grid);
        if (node.grid) set_zero_point(attributes, DNNL_ARG_DST, *node.grid);
        const memory::desc made{dims(node.shape), node.grid ? Type::u8 : Type::f32, Tag::any};
        const dnnl::convolution_forward::primitive_desc description(
            describe(node, convolution, dnnl::algorithm::convolution_direct,
                     {dims(graph_.nodes[node.inputs[0]].shape), Type::u8, Tag::any}, Type::s8, made),
            attributes, cpu());
        std::unordered_map<int, Place> places;
        places[DNNL_ARG_SRC] = in_layout(values_[node.inputs[0]], description.src_desc());
        places[DNNL_ARG_WEIGHTS] = weights(node, convolution, description.weights_desc());
        places[DNNL_ARG_BIAS] = constant(bias, bias_layout(node), description.bias_desc());
        values_.back() = places[DNNL_ARG_DST] = new_buffer(description.dst_desc());
        grids_.back() = node.grid;
        add_step(description, std::move(places), name_of(node, convolution) + " in eight bits");
    }

    static void set_zero_point(dnnl::primitive_attr& attributes, int argument, const Grid& grid) {
        if (grid.zero_point != 0) attributes.set_zero_points(argument, 0, {grid.zero_point});
    }

    /// The value of the node at work, held in eight bits from here on.
    void round_to(const Grid& grid) {
        dnnl::primitive_attr attributes = new_attributes();
        attributes.set_output_scales(0, {1 / grid.scale});
        set_zero_point(attributes, DNNL_ARG_DST, grid);
        const Place rounded = new_buffer({values_.back().layout.dims(), Type::u8, Tag::nhwc});
        add_reorder(values_.back(), rounded, "rounding", attributes);
        values_.back() = rounded;
        grids_.back() = grid;
    }

    /// A value as it is between layers in float.
    Place in_float(ValueId value) {
        const Place place = values_[value];
        if (!grids_[value]) return in_type(place);
        dnnl::primitive_attr attributes = new_attributes();
        attributes.set_output_scales(0, {grids_[value]->scale});
        set_zero_point(attributes, DNNL_ARG_SRC, *grids_[value]);
        const Place floats = new_buffer({place.layout.dims(), type_, Tag::nhwc});
        add_reorder(place, floats, "to float", attributes);
        return floats;
    }

    /// Whether Winograd's minimal filtering (Lavin and Gray 2016) is worth its transforms: 3x3 kernels over many channels.
    bool gains_by_winograd(const Node& node, const Convolution& convolution) const {
        const Padding& padding = convolution.padding;
        const int inputs = graph_.nodes[node.inputs[0]].shape.channels;
        constexpr int many = 64;
        return type_ == Type::f32 && convolution.groups == 1 && convolution.kernel == Extent{3, 3} &&
               convolution.stride == Extent{} && convolution.dilation == Extent{} &&
               std::max({padding.top, padding.left, padding.bottom, padding.right}) <= 1 &&
               std::min(inputs, node.shape.channels) >= many;
    }

    void add(const Node& node, const Pool& pool) {
        const bool keeps_grid = pool.kind == Pool::Kind::maximum && grids_[node.inputs[0]] && !node.grid;
        const Place input = keeps_grid ? values_[node.inputs[0]] : in_float(node.inputs[0]);
        const auto algorithm = pool.kind == Pool::Kind::maximum ? dnnl::algorithm::pooling_max
                               : pool.counts_padding            ? dnnl::algorithm::pooling_avg_include_padding
                                                                : dnnl::algorithm::pooling_avg_exclude_padding;
        const dnnl::pooling_forward::desc layer(
            dnnl::prop_kind::forward_inference, algorithm, input.layout,
            {dims(node.shape), input.layout.data_type(), Tag::any}, dims(pool.stride), dims(pool.kernel),
            {pool.padding.top, pool.padding.left}, {pool.padding.bottom, pool.padding.right});
        const dnnl::pooling_forward::primitive_desc description(layer, new_attributes(), cpu());
        values_.back() = new_buffer(description.dst_desc());
        if (keeps_grid) grids_.back() = grids_[node.inputs[0]];
        add_step(description, {{DNNL_ARG_SRC, input}, {DNNL_ARG_DST, values_.back()}}, "pooling");
    }

    void add(const Node& node, const Activate& activate) {
        values_.back() = in_float(node.inputs[0]);
        // One step a function: oneDNN has no fast kernel for one with post-operations.
        for (const auto& [algorithm, alpha, beta] : functions_of(activate.activation)) {
            const Place input = values_.back();
            const dnnl::eltwise_forward::desc layer(dnnl::prop_kind::forward_inference, algorithm, input.layout, alpha,
                                                    beta);
            const dnnl::eltwise_forward::primitive_desc description(layer, new_attributes(), cpu());
            values_.back() = new_buffer(description.dst_desc());
            add_step(description, {{DNNL_ARG_SRC, input}, {DNNL_ARG_DST, values_.back()}}, "activation");
        }
    }

    void add(const Node& node, const Add&) {
        if (node.grid && grids_[node.inputs[0]] && grids_[node.inputs[1]]) return add_bytes(node);
        add_binary(node, dnnl::algorithm::binary_add, "sum");
    }

    /// Two values on grids, and the sum on a third: with a and b the scales as parts of the sum's,
    /// a (x - zero of x) + b (y - zero of y) + zero of the sum.
    void add_bytes(const Node& node) {
        const Grid x = *grids_[node.inputs[0]], y = *grids_[node.inputs[1]];
        const float a = x.scale / node.grid->scale, b = y.scale / node.grid->scale;
        const float shift = static_cast<float>(node.grid->zero_point) - a * static_cast<float>(x.zero_point) -
                            b * static_cast<float>(y.zero_point);
        dnnl::primitive_attr attributes = new_attributes();
        attributes.set_scales(DNNL_ARG_SRC_0, 0, {a});
        attributes.set_scales(DNNL_ARG_SRC_1, 0, {b});
        dnnl::post_ops operations;
        if (std::not_equal_to<>()(shift, 0.0F))
            operations.append_eltwise(1.0F, dnnl::algorithm::eltwise_linear, 1.0F, shift);
        attributes.set_post_ops(operations);
        const Place first = values_[node.inputs[0]];
        const Place second = in_layout(values_[node.inputs[1]], first.layout);
        const dnnl::binary::desc layer(dnnl::algorithm::binary_add, first.layout, second.layout, first.layout);
        const dnnl::binary::primitive_desc description(layer, attributes, cpu());
        values_.back() = new_buffer(description.dst_desc());
        grids_.back() = node.grid;
        add_step(description, {{DNNL_ARG_SRC_0, first}, {DNNL_ARG_SRC_1, second}, {DNNL_ARG_DST, values_.back()}},
                 "sum in eight bits");
    }

    void add(const Node& node, const Multiply&) { add_binary(node, dnnl::algorithm::binary_mul, "product"); }

    void add_binary(const Node& node, dnnl::algorithm algorithm, const std::string& name) {
        const Place x = in_float(node.inputs[0]), y = in_float(node.inputs[1]);
        const dnnl::binary::desc layer(algorithm, x.layout, y.layout, any_layout(node.shape));
        const dnnl::binary::primitive_desc description(layer, new_attributes(), cpu());
        values_.back() = new_buffer(description.dst_desc());
        add_step(description, {{DNNL_ARG_SRC_0, x}, {DNNL_ARG_SRC_1, y}, {DNNL_ARG_DST, values_.back()}}, name);
    }

    void add(const Node& node, const Concatenation&) {
        std::vector<Place> inputs;
        std::vector<memory::desc> layouts;
        const auto& grid = grids_[node.inputs[0]];
        const bool on_one_grid = grid && grid == node.grid &&
                                 std::ranges::all_of(node.inputs, [&](ValueId input) { return grids_[input] == grid; });
        for (const ValueId input : node.inputs) {
            inputs.push_back(on_one_grid ? values_[input] : in_float(input));
            layouts.push_back(inputs.back().layout);
        }
        const memory::desc made(dims(node.shape), inputs.front().layout.data_type(), Tag::any);
        const dnnl::concat::primitive_desc description(made, 1, layouts, cpu(), new_attributes());
        values_.back() = new_buffer(description.dst_desc());
        if (on_one_grid) grids_.back() = grid;
        std::unordered_map<int, Place> places{{DNNL_ARG_DST, values_.back()}};
        for (std::size_t i = 0; i < inputs.size(); ++i) places[DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i)] = inputs[i];
        add_step(description, std::move(places), "concatenation");
    }

    // fuse() leaves none of these.
    void add(const Node&, const Pad&) { throw Error(ErrorKind::internal, "a layer graph was not fused"); }
    void add(const Node&, const ScaleShift&) { throw Error(ErrorKind::internal, "a layer graph was not fused"); }

    /// The network's input comes in float, whatever layers compute in.
    Place in_type(const Place& place) {
        if (place.layout.data_type() == type_) return place;
        return in_layout(place, {place.layout.dims(), type_, Tag::nchw});
    }

    const LayerGraph& graph_;
    Type type_;
    const Plan* other_;
    Plan plan_;
    std::vector<ValueId> last_use_;          ///< the node that takes each value last; the number of nodes for outputs
    ValueId current_ = 0;                    ///< the node at work
    std::vector<Place> values_;              ///< of the nodes so far
    std::vector<std::optional<Grid>> grids_; ///< likewise: what their bytes stand for; none: they are in float
};

} // namespace

Plan lower(const LayerGraph& graph, Precision precision, int pictures, const Plan* other) {
    return Lowering(graph, precision, pictures, other).plan();
}

} // namespace openset::engine
