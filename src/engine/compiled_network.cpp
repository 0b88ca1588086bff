#include "openset/engine/compiled_network.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <list>
#include <mutex>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "openset/base/error.hpp"

// Of OpenMP's run-time library, which oneDNN is linked with; its header is the compiler's, and not every tool has one.
extern "C" {
int omp_get_max_threads();
void omp_set_num_threads(int count);
}

namespace openset::engine {
namespace {

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;
using Type = memory::data_type;

/// oneDNN runs on the calling thread alone while one of these lives: parallel work is the caller's business.
class OneThread {
public:
    OneThread() : before_(::omp_get_max_threads()) { ::omp_set_num_threads(1); }
    ~OneThread() { ::omp_set_num_threads(before_); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;

private:
    int before_;
};

template <typename Call>
auto guarded(Call call) {
    try {
        return call();
    } catch (const dnnl::error& error) {
        if (error.status == dnnl_out_of_memory) throw Error(ErrorKind::out_of_memory, "out of memory in oneDNN");
        throw Error(ErrorKind::model, "oneDNN cannot run it: " + std::string(error.what()));
    } catch (const std::bad_alloc&) {
        throw Error(ErrorKind::out_of_memory, "out of memory for what stands between the layers of a network");
    }
}

dnnl::engine& cpu() {
    static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

Dims dims(const Shape& shape) { return {1, shape.channels, shape.height, shape.width}; }
Dims dims(const Extent& extent) { return {extent.height, extent.width}; }

// ---- memory

constexpr std::size_t alignment = 64;

struct Free {
    void operator()(void* bytes) const { std::free(bytes); }
};

std::unique_ptr<void, Free> allocate(std::size_t bytes) {
    const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    void* const block = std::aligned_alloc(alignment, rounded);
    if (block == nullptr) throw std::bad_alloc();
    return std::unique_ptr<void, Free>(block);
}

/// Room that is needed from one step to another, both included.
struct Buffer {
    std::size_t bytes = 0;
    std::size_t first = 0;
    std::size_t last = 0;
    std::size_t offset = 0;
};

/// Gives buffers that live at the same time places of their own in one block, the largest first, each at the lowest
/// place that is free for all its life. Returns the size of the block.
std::size_t place(std::vector<Buffer>& buffers) {
    std::vector<Buffer*> by_size;
    for (Buffer& buffer : buffers) by_size.push_back(&buffer);
    std::ranges::stable_sort(by_size, [](const Buffer* a, const Buffer* b) { return a->bytes > b->bytes; });
    std::vector<const Buffer*> placed; // by offset
    std::size_t total = 0;
    for (Buffer* const buffer : by_size) {
        buffer->bytes = (buffer->bytes + alignment - 1) / alignment * alignment;
        std::size_t offset = 0;
        for (const Buffer* const other : placed) {
            if (other->last < buffer->first || buffer->last < other->first) continue;
            if (other->offset >= offset + buffer->bytes) break;
            offset = std::max(offset, other->offset + other->bytes);
        }
        buffer->offset = offset;
        total = std::max(total, offset + buffer->bytes);
        placed.insert(std::ranges::upper_bound(placed, offset, {}, &Buffer::offset), buffer);
    }
    return total;
}

// ---- layers as primitives

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

/// What a step reads or writes.
struct Place {
    enum class Kind { buffer, constant, input, output };
    Kind kind = Kind::buffer;
    std::size_t index = 0; ///< of a buffer, a constant or an output
    memory::desc layout;
};

struct Step {
    dnnl::primitive primitive;
    std::unordered_map<int, Place> places; ///< by oneDNN's argument number
    std::string name;
};

/// Memory for one picture on its way, used by one thread at a time.
struct Workspace {
    std::unique_ptr<void, Free> block;
    std::vector<std::unordered_map<int, memory>> arguments; ///< of each step
    std::vector<memory> inputs;                             ///< those among them that are the picture
    std::vector<std::pair<std::size_t, memory>> outputs;    ///< those that are outputs
};

} // namespace

class CompiledNetwork::Implementation {
public:
    Implementation(const LayerGraph& unfused, Precision precision)
        : graph_(fuse(unfused)), type_(precision == Precision::bf16 ? Type::bf16 : Type::f32) {
        const OneThread one_thread;
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
        block_bytes_ = place(buffers_);
        for (Node& node : graph_.nodes) { // the weights are laid out anew
            if (auto* convolution = std::get_if<Convolution>(&node.operation)) convolution->weight = {};
        }
    }

    std::vector<model::Matrix> run(const model::Batch& batch) {
        const Shape& shape = graph_.nodes.front().shape;
        if (batch.height != shape.height || batch.width != shape.width) {
            throw Error(ErrorKind::model, "was made for pictures of " + std::to_string(shape.width) + "x" +
                                              std::to_string(shape.height) + ", got one of " +
                                              std::to_string(batch.width) + "x" + std::to_string(batch.height) +
                                              "; expected the same");
        }
        const OneThread one_thread;
        std::vector<model::Matrix> outputs;
        for (const NamedValue& output : graph_.outputs) {
            const std::size_t columns = graph_.nodes[output.value].shape.size();
            outputs.push_back({batch.count, static_cast<int>(columns),
                               std::vector<float>(static_cast<std::size_t>(batch.count) * columns)});
        }
        Lease lease(*this);
        for (int i = 0; i < batch.count; ++i) {
            const auto picture = static_cast<std::size_t>(i);
            for (memory& input : lease->inputs)
                input.set_data_handle(const_cast<float*>(batch.data.data() + picture * shape.size()));
            for (auto& [index, output] : lease->outputs) {
                model::Matrix& matrix = outputs[index];
                output.set_data_handle(matrix.values.data() + picture * static_cast<std::size_t>(matrix.columns));
            }
            dnnl::stream stream(cpu());
            for (std::size_t step = 0; step < steps_.size(); ++step)
                steps_[step].primitive.execute(stream, lease->arguments[step]);
        }
        return outputs;
    }

    std::string description() const {
        std::string text;
        for (const Step& step : steps_) text += step.name + "\n";
        return text;
    }

private:
    // ---- steps

    /// Room for a value that the step after this makes.
    Place new_buffer(const memory::desc& layout) {
        buffers_.push_back({layout.get_size(), steps_.size(), steps_.size(), 0});
        return {Place::Kind::buffer, buffers_.size() - 1, layout};
    }

    template <typename Description>
    void add_step(const Description& description, std::unordered_map<int, Place> places, const std::string& name) {
        const std::size_t number = steps_.size();
        for (const auto& [argument, place] : places) {
            if (place.kind == Place::Kind::buffer) buffers_[place.index].last = number;
        }
        const memory::desc scratchpad = description.scratchpad_desc();
        if (scratchpad.get_size() > 0) places[DNNL_ARG_SCRATCHPAD] = new_buffer(scratchpad);
        steps_.push_back(
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

    Place constant(const std::vector<float>& values, const memory::desc& plain, const memory::desc& layout) {
        memory from(plain, cpu(), const_cast<float*>(values.data()));
        constants_.emplace_back(layout, cpu());
        dnnl::stream stream(cpu());
        dnnl::reorder(from, constants_.back()).execute(stream, from, constants_.back());
        stream.wait();
        return {Place::Kind::constant, constants_.size() - 1, layout};
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

    /// Bytes times bytes, summed in whole numbers, which is exact; then scaled, and rounded to the node's grid.
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

    // ---- workspaces

    void prepare(Workspace& workspace) {
        workspace.block = allocate(block_bytes_);
        for (const Step& step : steps_) {
            auto& arguments = workspace.arguments.emplace_back();
            for (const auto& [argument, place] : step.places) arguments.emplace(argument, memory_of(place, workspace));
        }
    }

    memory memory_of(const Place& place, Workspace& workspace) {
        switch (place.kind) {
        case Place::Kind::constant: return constants_[place.index];
        case Place::Kind::input: return workspace.inputs.emplace_back(memory(place.layout, cpu(), DNNL_MEMORY_NONE));
        case Place::Kind::output:
            return workspace.outputs.emplace_back(place.index, memory(place.layout, cpu(), DNNL_MEMORY_NONE)).second;
        case Place::Kind::buffer: break;
        }
        return {place.layout, cpu(), static_cast<char*>(workspace.block.get()) + buffers_[place.index].offset};
    }

    /// A workspace for as long as it lives; they are kept for the next call. Lists of one element, as giving back must not
    /// allocate: it happens while exceptions are under way.
    class Lease {
    public:
        explicit Lease(Implementation& owner) : owner_(owner) {
            {
                const std::scoped_lock lock(owner_.mutex_);
                if (!owner_.idle_.empty()) workspace_.splice(workspace_.begin(), owner_.idle_, owner_.idle_.begin());
            }
            if (workspace_.empty()) owner_.prepare(workspace_.emplace_front());
        }
        ~Lease() {
            const std::scoped_lock lock(owner_.mutex_);
            owner_.idle_.splice(owner_.idle_.begin(), workspace_);
        }
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;

        Workspace* operator->() { return &workspace_.front(); }

    private:
        Implementation& owner_;
        std::list<Workspace> workspace_;
    };

    LayerGraph graph_;
    Type type_;
    std::vector<ValueId> last_use_;          ///< the node that takes each value last; the number of nodes for outputs
    ValueId current_ = 0;                    ///< the node at work
    std::vector<Place> values_;              ///< of the nodes so far
    std::vector<std::optional<Grid>> grids_; ///< likewise: what their bytes stand for; none: they are in float
    std::vector<Buffer> buffers_;
    std::vector<memory> constants_;
    std::vector<Step> steps_;
    std::size_t block_bytes_ = 0;

    std::mutex mutex_; ///< of idle_
    std::list<Workspace> idle_;
};

bool has_fast(Precision precision) {
    if (precision == Precision::fp32) return true;
    const std::string set = onednn_instruction_set();
    return set == "avx512_core_bf16" || set.starts_with("avx512_core_amx");
}

std::string onednn_version() {
    const dnnl_version_t* const version = dnnl_version();
    return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
}

std::string onednn_instruction_set() {
    switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41: return "sse41";
    case dnnl::cpu_isa::avx2: return "avx2";
    case dnnl::cpu_isa::avx2_vnni: return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core: return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni: return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16: return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx: return "avx512_core_amx";
    default: return "generic";
    }
}

CompiledNetwork::CompiledNetwork(const LayerGraph& graph, Precision precision) {
    implementation_ = guarded([&] { return std::make_unique<Implementation>(graph, precision); });
}

CompiledNetwork::~CompiledNetwork() = default;

std::vector<model::Matrix> CompiledNetwork::run(const model::Batch& batch) const {
    return guarded([&] { return implementation_->run(batch); });
}

std::string CompiledNetwork::description() const { return implementation_->description(); }

} // namespace openset::engine
