#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>

#include "openset/base/random.hpp"

/// Weights to begin training with, the same for the same seed with every LibTorch.
namespace openset::torch {

/// Of mean 0.
at::Tensor normal_tensor(at::IntArrayRef sizes, double deviation, Random random);

/// Each number of [-bound, bound) as likely.
at::Tensor uniform_tensor(at::IntArrayRef sizes, double bound, Random random);

struct LinearWeights {
    at::Tensor weight; ///< [outputs, features]
    at::Tensor bias;   ///< [outputs]
};

/// As torch.nn.Linear begins: uniform within 1 / sqrt(features).
/// number  of the random streams of the seed, as many as there are tensors, from this on
LinearWeights initial_linear(std::int64_t outputs, std::int64_t features, std::uint64_t seed, std::uint32_t number);

} // namespace openset::torch
