#include "openset/engine/layer_graph.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace openset::engine {
namespace {

Convolution depthwise_1x1(std::vector<float> weight, std::vector<float> bias) {
    Convolution convolution;
    convolution.groups = static_cast<int>(weight.size());
    convolution.weight = std::move(weight);
    convolution.bias = std::move(bias);
    return convolution;
}

/// Builds the smaller graph node by node.
class Fuser {
public:
    explicit Fuser(const LayerGraph& graph) : old_(graph), uses_(graph.nodes.size(), 0) {
        for (const Node& node : old_.nodes) {
            for (const ValueId input : node.inputs) ++uses_[input];
        }
        for (const NamedValue& output : old_.outputs) ++uses_[output.value];
    }

    LayerGraph fused() {
        for (const Node& node : old_.nodes) place_.push_back(place(node));
        for (const NamedValue& output : old_.outputs) new_.outputs.push_back({output.name, place_[output.value]});
        return without_the_unused(std::move(new_));
    }

private:
    /// The new value that takes the place of the old node's.
    ValueId place(const Node& old) {
        return std::visit([&](const auto& operation) { return place(old, operation); }, old.operation);
    }

    ValueId append(const Node& old, Operation operation) {
        Node node{std::move(operation), {}, old.shape, old.grid};
        for (const ValueId input : old.inputs) node.inputs.push_back(place_[input]);
        new_.nodes.push_back(std::move(node));
        return new_.nodes.size() - 1;
    }

    template <typename Other>
    ValueId place(const Node& old, const Other& operation) {
        return append(old, operation);
    }

    ValueId place(const Node& old, const Convolution& operation) {
        const ValueId id = append(old, operation);
        Node& node = new_.nodes[id];
        const Node& before = new_.nodes[node.inputs[0]];
        const auto* zeros = std::get_if<Convolution>(&before.operation);
        if (zeros == nullptr || !is_pad(before, *zeros)) return id;
        auto& padding = std::get<Convolution>(node.operation).padding;
        padding.top += zeros->padding.top;
        padding.left += zeros->padding.left;
        padding.bottom += zeros->padding.bottom;
        padding.right += zeros->padding.right;
        node.inputs[0] = before.inputs[0];
        return id;
    }

    /// As a convolution that changes nothing else; one after it takes its padding over.
    ValueId place(const Node& old, const Pad& operation) {
        const auto channels = static_cast<std::size_t>(old.shape.channels);
        Convolution copy = depthwise_1x1(std::vector<float>(channels, 1.0F), std::vector<float>(channels, 0.0F));
        copy.padding = operation.padding;
        return append(old, std::move(copy));
    }

    static bool is_pad(const Node& node, const Convolution& convolution) {
        return is_in_float(node, convolution) && convolution.kernel == Extent{} && convolution.stride == Extent{} &&
               convolution.groups == node.shape.channels && node.inputs.size() == 1 &&
               std::ssize(convolution.weight) == node.shape.channels && // as many channels go in
               convolution.activation == Activation{} && all_are(convolution.weight, 1) && all_are(convolution.bias, 0);
    }

    static bool all_are(const std::vector<float>& values, float wanted) {
        return std::ranges::all_of(values, [wanted](float value) { return std::equal_to<>()(value, wanted); });
    }

    /// The convolution that makes the old value, if nobody else takes that value and nothing but its bias was added yet.
    Convolution* open_convolution(ValueId old) {
        Node& node = new_.nodes[place_[old]];
        auto* convolution = std::get_if<Convolution>(&node.operation);
        const bool open = convolution != nullptr && uses_[old] == 1 && node.inputs.size() == 1 &&
                          convolution->activation == Activation{} && is_in_float(node, *convolution);
        return open ? convolution : nullptr;
    }

    static bool is_in_float(const Node& node, const Convolution& convolution) {
        return !node.grid && convolution.weight_scale.empty();
    }

    ValueId place(const Node& old, const ScaleShift& operation) {
        Convolution* const convolution = old.grid ? nullptr : open_convolution(old.inputs[0]);
        if (convolution == nullptr) return append(old, depthwise_1x1(operation.scale, operation.shift));
        const std::size_t channels = operation.scale.size(), each = convolution->weight.size() / channels;
        for (std::size_t c = 0; c < channels; ++c) {
            const auto scale = static_cast<double>(operation.scale[c]);
            for (std::size_t i = c * each; i < (c + 1) * each; ++i)
                convolution->weight[i] = static_cast<float>(scale * static_cast<double>(convolution->weight[i]));
            convolution->bias[c] = static_cast<float>(scale * static_cast<double>(convolution->bias[c]) +
                                                      static_cast<double>(operation.shift[c]));
        }
        return place_[old.inputs[0]];
    }

    ValueId place(const Node& old, const Activate& operation) {
        const ValueId input = place_[old.inputs[0]];
        auto* const convolution = std::get_if<Convolution>(&new_.nodes[input].operation);
        if (convolution == nullptr || uses_[old.inputs[0]] != 1 || convolution->activation != Activation{} ||
            old.grid || !is_in_float(new_.nodes[input], *convolution))
            return append(old, operation);
        convolution->activation = operation.activation;
        return input;
    }

    ValueId place(const Node& old, const Add& operation) {
        // The later of the two takes the sum: it has the other then.
        ValueId later = old.inputs[0], earlier = old.inputs[1];
        if (place_[later] < place_[earlier]) std::swap(later, earlier);
        if (place_[later] == place_[earlier] || old.grid || open_convolution(later) == nullptr)
            return append(old, operation);
        new_.nodes[place_[later]].inputs.push_back(place_[earlier]);
        return place_[later];
    }

    static LayerGraph without_the_unused(LayerGraph graph) {
        std::vector<bool> used(graph.nodes.size(), false);
        used[0] = true;
        for (const NamedValue& output : graph.outputs) used[output.value] = true;
        for (std::size_t i = graph.nodes.size(); i-- > 0;) {
            if (!used[i]) continue;
            for (const ValueId input : graph.nodes[i].inputs) used[input] = true;
        }
        LayerGraph kept;
        std::vector<ValueId> number(graph.nodes.size(), 0);
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            if (!used[i]) continue;
            number[i] = kept.nodes.size();
            kept.nodes.push_back(std::move(graph.nodes[i]));
            for (ValueId& input : kept.nodes.back().inputs) input = number[input];
        }
        for (const NamedValue& output : graph.outputs) kept.outputs.push_back({output.name, number[output.value]});
        return kept;
    }

    const LayerGraph& old_;
    std::vector<int> uses_;
    std::vector<ValueId> place_; ///< of each old value
    LayerGraph new_;
};

} // namespace

Extent output_extent(const Shape& input, const Extent& kernel, const Extent& stride, const Extent& dilation,
                     const Padding& padding) {
    const auto along = [](int size, int before, int after, int kernel_size, int step, int spread) {
        const int room = size + before + after - ((kernel_size - 1) * spread + 1);
        return room < 0 ? 0 : room / step + 1;
    };
    return {along(input.height, padding.top, padding.bottom, kernel.height, stride.height, dilation.height),
            along(input.width, padding.left, padding.right, kernel.width, stride.width, dilation.width)};
}

LayerGraph fuse(const LayerGraph& graph) { return Fuser(graph).fused(); }

} // namespace openset::engine
