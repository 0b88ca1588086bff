#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "openset/base/random.hpp"
#include "openset/engine/layer_graph.hpp"

/// Layer graphs for tests: built in a few words, and computed by plain loops in double.
namespace openset::engine {

inline std::vector<float> drawn(std::size_t count, Random& random, double deviation = 1) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(deviation * random.normal());
    return values;
}

/// Appends nodes with drawn weights; each returns its value.
class GraphBuilder {
public:
    explicit GraphBuilder(const Shape& input, std::uint64_t seed = 1) : random_(seed) { add(Input{}, {}, input); }

    /// Of a convolution without its channels, weights and bias.
    ValueId convolution(ValueId input, int channels, Convolution kind) {
        const Shape& from = shape(input);
        const auto inputs = static_cast<std::size_t>(from.channels / kind.groups);
        const std::size_t fan_in =
            inputs * static_cast<std::size_t>(kind.kernel.height) * static_cast<std::size_t>(kind.kernel.width);
        kind.weight =
            drawn(static_cast<std::size_t>(channels) * fan_in, random_, 1 / std::sqrt(static_cast<double>(fan_in)));
        kind.bias = drawn(static_cast<std::size_t>(channels), random_);
        const Extent size = output_extent(from, kind.kernel, kind.stride, kind.dilation, kind.padding);
        return add(std::move(kind), {input}, {channels, size.height, size.width});
    }

    /// The same with weights that are whole numbers, from -64 to 64, which count 2^-6 and 2^-7 each in turn: no float rounds
    /// anything then.
    ValueId convolution_in_eight_bits(ValueId input, int channels, Convolution kind, std::optional<Grid> grid) {
        const ValueId made = convolution(input, channels, std::move(kind));
        auto& layer = std::get<Convolution>(graph_.nodes[made].operation);
        for (float& weight : layer.weight) weight = std::clamp(std::nearbyint(64 * weight), -64.0F, 64.0F);
        for (float& bias : layer.bias) bias = std::nearbyint(256 * bias) / 256;
        for (int c = 0; c < channels; ++c) layer.weight_scale.push_back(c % 2 == 0 ? 0x1p-6F : 0x1p-7F);
        graph_.nodes[made].grid = grid;
        return made;
    }

    ValueId rounded(ValueId value, const Grid& grid) {
        const ValueId made = activate(value, {});
        graph_.nodes[made].grid = grid;
        return made;
    }

    ValueId sum_on(const Grid& grid, ValueId x, ValueId y) {
        const ValueId made = sum(x, y);
        graph_.nodes[made].grid = grid;
        return made;
    }

    ValueId pool(ValueId input, const Pool& kind) {
        const Extent size = output_extent(shape(input), kind.kernel, kind.stride, {}, kind.padding);
        return add(kind, {input}, {shape(input).channels, size.height, size.width});
    }

    ValueId pad(ValueId input, const Padding& by) {
        Shape made = shape(input);
        made.height += by.top + by.bottom;
        made.width += by.left + by.right;
        return add(Pad{by}, {input}, made);
    }

    ValueId scale_shift(ValueId input) {
        const auto channels = static_cast<std::size_t>(shape(input).channels);
        return add(ScaleShift{drawn(channels, random_), drawn(channels, random_)}, {input}, shape(input));
    }

    ValueId activate(ValueId input, const Activation& activation) {
        return add(Activate{activation}, {input}, shape(input));
    }

    ValueId sum(ValueId x, ValueId y) { return add(Add{}, {x, y}, shape(x)); }
    ValueId product(ValueId x, ValueId y) { return add(Multiply{}, {x, y}, shape(x)); }

    ValueId concatenation(const std::vector<ValueId>& inputs) {
        Shape made = shape(inputs.front());
        made.channels = 0;
        for (const ValueId input : inputs) made.channels += shape(input).channels;
        return add(Concatenation{}, inputs, made);
    }

    LayerGraph graph(const std::vector<ValueId>& outputs) const {
        LayerGraph made = graph_;
        for (const ValueId output : outputs) made.outputs.push_back({std::to_string(output), output});
        return made;
    }

    const Shape& shape(ValueId value) const { return graph_.nodes[value].shape; }

private:
    ValueId add(Operation operation, std::vector<ValueId> inputs, const Shape& made) {
        graph_.nodes.push_back({std::move(operation), std::move(inputs), made});
        return graph_.nodes.size() - 1;
    }

    LayerGraph graph_;
    Random random_;
};

// ---- plain loops

using Values = std::vector<double>; ///< [channels, height, width]

inline std::size_t place(const Shape& shape, int c, int y, int x) {
    return (static_cast<std::size_t>(c) * static_cast<std::size_t>(shape.height) + static_cast<std::size_t>(y)) *
               static_cast<std::size_t>(shape.width) +
           static_cast<std::size_t>(x);
}

inline bool is_inside(const Shape& shape, int y, int x) {
    return y >= 0 && y < shape.height && x >= 0 && x < shape.width;
}

inline double activated(double x, const Activation& activation) {
    const double hard = std::clamp(x / 6 + 0.5, 0.0, 1.0), soft = 1 / (1 + std::exp(-x));
    switch (activation.kind) {
    case Activation::Kind::none: return x;
    case Activation::Kind::clip:
        return std::clamp(x, static_cast<double>(activation.low), static_cast<double>(activation.high));
    case Activation::Kind::sigmoid: return soft;
    case Activation::Kind::silu: return x * soft;
    case Activation::Kind::hard_sigmoid: return hard;
    case Activation::Kind::hard_swish: return x * hard;
    }
    return x;
}

/// Calls visit(c, y, x, place) for each number of a value.
template <typename Visit>
void for_each_place(const Shape& shape, Visit visit) {
    for (int c = 0; c < shape.channels; ++c) {
        for (int y = 0; y < shape.height; ++y) {
            for (int x = 0; x < shape.width; ++x) visit(c, y, x, place(shape, c, y, x));
        }
    }
}

inline Values convolved(const Convolution& layer, const Shape& from, const Shape& to, const Values& input) {
    Values made(to.size());
    const int inputs = from.channels / layer.groups, outputs = to.channels / layer.groups;
    for_each_place(to, [&](int c, int y, int x, std::size_t at) {
        double total = 0;
        const Shape kernel{inputs, layer.kernel.height, layer.kernel.width};
        for_each_place(kernel, [&](int i, int ky, int kx, std::size_t weight) {
            const int source_y = y * layer.stride.height - layer.padding.top + ky * layer.dilation.height;
            const int source_x = x * layer.stride.width - layer.padding.left + kx * layer.dilation.width;
            if (!is_inside(from, source_y, source_x)) return;
            total += static_cast<double>(layer.weight[static_cast<std::size_t>(c) * kernel.size() + weight]) *
                     input[place(from, c / outputs * inputs + i, source_y, source_x)];
        });
        const auto channel = static_cast<std::size_t>(c);
        const double unit = layer.weight_scale.empty() ? 1 : static_cast<double>(layer.weight_scale[channel]);
        made[at] = unit * total + static_cast<double>(layer.bias[channel]);
    });
    return made;
}

/// To the nearest number of the grid.
inline double rounded(double value, const Grid& grid) {
    const auto scale = static_cast<double>(grid.scale);
    const double whole = std::clamp(std::nearbyint(value / scale + grid.zero_point), 0.0, 255.0);
    return scale * (whole - grid.zero_point);
}

inline Values pooled(const Pool& layer, const Shape& from, const Shape& to, const Values& input) {
    Values made(to.size());
    for_each_place(to, [&](int c, int y, int x, std::size_t at) {
        double total = 0, largest = -1e300;
        int inside = 0;
        for_each_place({1, layer.kernel.height, layer.kernel.width}, [&](int, int ky, int kx, std::size_t) {
            const int source_y = y * layer.stride.height - layer.padding.top + ky;
            const int source_x = x * layer.stride.width - layer.padding.left + kx;
            if (!is_inside(from, source_y, source_x)) return;
            const double value = input[place(from, c, source_y, source_x)];
            ++inside;
            total += value;
            largest = std::max(largest, value);
        });
        const int divisor = layer.counts_padding ? layer.kernel.height * layer.kernel.width : inside;
        made[at] = layer.kind == Pool::Kind::maximum ? largest : total / divisor;
    });
    return made;
}

/// All values of the graph for one picture.
inline std::vector<Values> reference(const LayerGraph& graph, std::span<const float> picture) {
    std::vector<Values> values;
    for (const Node& node : graph.nodes) {
        const auto input = [&](std::size_t i) -> const Values& { return values[node.inputs[i]]; };
        const auto from = [&](std::size_t i) -> const Shape& { return graph.nodes[node.inputs[i]].shape; };
        Values made(node.shape.size());
        if (std::holds_alternative<Input>(node.operation)) {
            made.assign(picture.begin(), picture.end());
        } else if (const auto* convolution = std::get_if<Convolution>(&node.operation)) {
            made = convolved(*convolution, from(0), node.shape, input(0));
            for (std::size_t i = 0; i < made.size(); ++i)
                made[i] = activated(made[i] + (node.inputs.size() > 1 ? input(1)[i] : 0), convolution->activation);
        } else if (const auto* pool = std::get_if<Pool>(&node.operation)) {
            made = pooled(*pool, from(0), node.shape, input(0));
        } else if (const auto* pad = std::get_if<Pad>(&node.operation)) {
            for_each_place(from(0), [&](int c, int y, int x, std::size_t at) {
                made[place(node.shape, c, y + pad->padding.top, x + pad->padding.left)] = input(0)[at];
            });
        } else if (const auto* scale = std::get_if<ScaleShift>(&node.operation)) {
            for_each_place(node.shape, [&](int c, int, int, std::size_t at) {
                const auto channel = static_cast<std::size_t>(c);
                made[at] = input(0)[at] * static_cast<double>(scale->scale[channel]) +
                           static_cast<double>(scale->shift[channel]);
            });
        } else if (const auto* activate = std::get_if<Activate>(&node.operation)) {
            for (std::size_t i = 0; i < made.size(); ++i) made[i] = activated(input(0)[i], activate->activation);
        } else if (std::holds_alternative<Add>(node.operation)) {
            for (std::size_t i = 0; i < made.size(); ++i) made[i] = input(0)[i] + input(1)[i];
        } else if (std::holds_alternative<Multiply>(node.operation)) {
            for_each_place(node.shape, [&](int c, int, int, std::size_t at) {
                const bool gate = from(1) != node.shape;
                made[at] = input(0)[at] * input(1)[gate ? static_cast<std::size_t>(c) : at];
            });
        } else {
            made.clear();
            for (std::size_t i = 0; i < node.inputs.size(); ++i)
                made.insert(made.end(), input(i).begin(), input(i).end());
        }
        if (node.grid)
            for (double& value : made) value = rounded(value, *node.grid);
        values.push_back(std::move(made));
    }
    return values;
}

} // namespace openset::engine
