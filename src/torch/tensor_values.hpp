#pragma once

#include <ATen/core/Tensor.h>
#include <vector>

namespace openset::torch {

/// The tensor's numbers in row-major order, wherever and in whatever type they are.
inline std::vector<float> float_values(const at::Tensor& tensor) {
    const at::Tensor contiguous = tensor.to(at::kCPU, at::kFloat).contiguous();
    const auto* values = contiguous.data_ptr<float>();
    return {values, values + contiguous.numel()};
}

} // namespace openset::torch
