#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <vector>

#include "openset/image/preprocess.hpp"
#include "openset/stats/value_histogram.hpp"
#include "torch/weight_rounding.hpp"

/// What becomes of a TorchScript graph on its way to eight bits.
namespace openset::torch {

/// A module whose forward() is one flat run of functional operations, as far as they can be: frozen, batch normalisation
/// folded into the convolutions, nothing written in place; what the graph computes of the input's size alone is constant
/// (TensorFlow's padding depends on it), and padding with zeros is part of the convolution behind it. Where that padding is
/// asymmetric, the kernel has rows and columns of zeros instead. A first convolution over the picture takes its pixels, 0 to
/// 1, instead of normalised values: eight bits hold those exactly.
/// size        of the pictures
/// preprocess  how they were normalised
::torch::jit::Module flattened(::torch::jit::Module module, image::Size size, const image::PreprocessSpec& preprocess);

/// Whether the value is the pixels of the input, 0 to 1.
bool is_pixels(const ::torch::jit::Value* value);

/// A convolution, sum or concatenation that is to be computed in eight bits, with the activation behind it.
struct QuantisedLayer {
    enum class Kind { convolution, sum, concatenation };
    Kind kind = Kind::convolution;
    ::torch::jit::Node* first = nullptr; ///< the operation itself
    ::torch::jit::Node* last = nullptr;  ///< the activation that belongs to it, else the operation
    bool relu = false;
    float clip = 0; ///< largest value that the activation lets through (ReLU6: 6); 0: any
};

/// Which operations of a flattened graph are computed in eight bits, and which values must be known for that.
struct QuantisationPlan {
    std::vector<QuantisedLayer> layers; ///< in the graph's order
    std::set<::torch::jit::Node*>
        passing; ///< operations that leave values as they are: the range of their input is theirs
    std::vector<::torch::jit::Value*>
        observed; ///< whose ranges are needed: of layers, and what goes into one from outside
    std::map<std::string, int>
        in_float; ///< what else computes on pictures and stays in float: operations, with their number
    std::vector<::torch::jit::Node*> convolutions; ///< of the layers, in their order
};

/// None where the node is no convolution over pictures with constant weights.
std::optional<Convolution> as_convolution(const ::torch::jit::Node* node);

QuantisationPlan plan_quantisation(::torch::jit::Graph& graph);

/// Rewrites the module's forward() by the plan: quantize_per_tensor -> quantized::conv2d_relu, ... -> dequantize.
/// Activations take 8 bits (quint8), weights 7, symmetric and a scale a channel (qint8, -64 to 64): a processor without
/// VNNI adds two products in 16 bits, and 2 * 255 * 64 fits. So the sums are the same everywhere, whatever the picture.
/// ranges   of plan.observed, in that order
/// weights  of plan.convolutions
void quantise(::torch::jit::Module& module, const QuantisationPlan& plan, const std::vector<stats::ValueRange>& ranges,
              const std::vector<RoundedWeights>& weights);

} // namespace openset::torch
