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

} // namespace openset::torch
