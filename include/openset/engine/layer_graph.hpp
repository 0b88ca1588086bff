#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// A convolutional network as plain data: what an engine runs, whatever file it came from and whatever library runs it.
namespace openset::engine {

/// One picture's part of a value; a vector of features is [channels, 1, 1].
struct Shape {
    int channels = 0;
    int height = 1;
    int width = 1;

    std::size_t size() const {
        return static_cast<std::size_t>(channels) * static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
    }
    bool operator==(const Shape&) const = default;
};

/// A number for each direction: a kernel's size, a stride, a dilation (1: none).
struct Extent {
    int height = 1;
    int width = 1;

    bool operator==(const Extent&) const = default;
};

/// Rows and columns added around a picture; the sides may differ ("same" padding of TensorFlow).
struct Padding {
    int top = 0;
    int left = 0;
    int bottom = 0;
    int right = 0;

    bool operator==(const Padding&) const = default;
};

/// A function of each number x alone.
struct Activation {
    enum class Kind {
        none,
        clip,         ///< min(max(x, low), high); ReLU is [0, infinity], ReLU6 [0, 6]
        sigmoid,      ///< 1 / (1 + exp(-x))
        silu,         ///< x sigmoid(x)
        hard_sigmoid, ///< min(max(x / 6 + 1/2, 0), 1)
        hard_swish,   ///< x hard_sigmoid(x)
    };
    Kind kind = Kind::none;
    float low = 0;  ///< of clip
    float high = 0; ///< of clip

    bool operator==(const Activation&) const = default;
};

/// The numbers that eight bits hold: scale * (whole - zero_point) for whole = 0 to 255.
struct Grid {
    float scale = 1;
    int zero_point = 0; ///< 0 to 255

    bool operator==(const Grid&) const = default;
};

// ---- what a node computes; x, y, ... are its inputs in their order

/// The network's input, the first node.
struct Input {};

/// activation(conv2d(x) [+ y]) as torch.nn.functional.conv2d has it, padded with zeros. A fully connected layer is a
/// convolution whose kernel is its whole input.
struct Convolution {
    Extent kernel = {};
    Extent stride = {};
    Extent dilation = {};
    Padding padding = {};
    int groups = 1;
    std::vector<float> weight = {}; ///< [channels of the node, channels of x / groups, kernel.height, kernel.width]
    std::vector<float> bias = {};   ///< [channels of the node]
    /// [channels of the node]: weights in eight bits. `weight` holds whole numbers from -128 to 127 then, which count so
    /// much each; x is on a grid, and products are summed in whole numbers: exactly for -64 to 64, while processors without VNNI
    /// add pairs of larger ones in 16 bits. No activation. Empty: weights in float.
    std::vector<float> weight_scale = {};
    Activation activation = {};
};

/// The largest value, or the mean, under a kernel. What is padded counts as nothing: it is never the largest, and counts
/// in a mean's divisor only with `counts_padding`.
struct Pool {
    enum class Kind { maximum, average };
    Kind kind = Kind::maximum;
    Extent kernel = {};
    Extent stride = {};
    Padding padding = {};
    bool counts_padding = false;
};

/// x with zeros around it.
struct Pad {
    Padding padding;
};

/// scale[c] x + shift[c] for each channel: a batch normalisation whose statistics are settled.
struct ScaleShift {
    std::vector<float> scale; ///< [channels]
    std::vector<float> shift; ///< [channels]
};

struct Activate {
    Activation activation;
};

/// x + y, of equal shapes.
struct Add {};

/// x * y, of equal shapes, or y [channels, 1, 1] (squeeze and excitation).
struct Multiply {};

/// Channels of all inputs one after the other; heights and widths are equal.
struct Concatenation {};

using Operation = std::variant<Input, Convolution, Pool, Pad, ScaleShift, Activate, Add, Multiply, Concatenation>;

/// Values have the number of the node that makes them.
using ValueId = std::size_t;

struct Node {
    Operation operation;
    std::vector<ValueId> inputs; ///< of earlier nodes
    Shape shape;                 ///< of what it makes
    /// What it makes is rounded to the nearest number of this grid, halves to the one whose whole is even, and held in eight bits.
    std::optional<Grid> grid = std::nullopt;
};

struct NamedValue {
    std::string name;
    ValueId value = 0;
};

/// A network for pictures of one size.
struct LayerGraph {
    std::vector<Node> nodes; ///< each after those it takes from; the first is the only Input
    std::vector<NamedValue> outputs;
};

/// What a kernel that walks over the padded input gives: floor((input + padding - dilated kernel) / stride) + 1 each way; 0
/// where the kernel does not fit.
Extent output_extent(const Shape& input, const Extent& kernel, const Extent& stride, const Extent& dilation,
                     const Padding& padding);

/// The same network in fewer nodes: zeros around a picture become the padding of the convolutions after them, scales and
/// shifts are folded into the convolution before them (in double, rounded once), sums and activations that a convolution
/// alone feeds become its own; not so across a grid. Values are renumbered; what nothing asks for is gone.
LayerGraph fuse(const LayerGraph& graph);

} // namespace openset::engine
