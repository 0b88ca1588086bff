#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>
#include <cstdint>
#include <vector>

/// Which integers stand for the weights of a convolution.
namespace openset::torch {

/// A convolution with constant weights.
struct Convolution {
    at::Tensor weight;                                   ///< [outputs, inputs / groups, height, width]
    c10::optional<at::Tensor> bias;                      ///< [outputs]
    std::vector<std::int64_t> stride, padding, dilation; ///< [2]: vertically, horizontally
    std::int64_t groups = 1;
};

/// Sums over the patches that a convolution's kernel sees, of some of them in each picture. Values are rounded to multiples
/// of 2^-10 below 2^10, so that the sums are exact, the same whatever the order, as long as are_exact().
struct PatchMoments {
    at::Tensor first;  ///< [groups, values of a patch], double, in units of 2^-10
    at::Tensor second; ///< [groups, values, values], double, in units of 2^-20
    std::int64_t patches = 0;

    /// input  [pictures, inputs, height, width]
    void add(const Convolution& convolution, const at::Tensor& input);
    void merge(const PatchMoments& other);

    /// Whether every sum so far was a whole number that a double holds, below 2^53. Those of squares are the largest.
    bool are_exact() const;
};

/// Quantised weights, with the bias that makes up for what they change on the average.
struct RoundedWeights {
    at::Tensor weight; ///< qint8, symmetric, a scale an output channel, from -64 to 64
    at::Tensor bias;   ///< [outputs]
};

/// Rounds weights so that outputs change least in the mean of squares, not the weights themselves: one after the other, and
/// what rounding one does to the output is made up for by those that are still to come (Optimal Brain Compression, Frantar
/// and Alistarh 2022, arXiv 2208.11580, in the fixed order and the Cholesky form of GPTQ, arXiv 2210.17323). What is left on
/// the average of a channel goes into its bias (Nagel et al. 2019, arXiv 1906.04721).
RoundedWeights round_weights(const Convolution& convolution, const PatchMoments& moments);

} // namespace openset::torch
