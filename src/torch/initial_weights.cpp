#include "torch/initial_weights.hpp"

#include <ATen/ops/empty.h>

namespace openset::torch {
namespace {

template <typename Draw>
at::Tensor filled(at::IntArrayRef sizes, Draw draw) {
    at::Tensor tensor = at::empty(sizes, at::kFloat);
    auto* const values = tensor.data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(draw());
    return tensor;
}

} // namespace

at::Tensor normal_tensor(at::IntArrayRef sizes, double deviation, Random random) {
    return filled(sizes, [&] { return deviation * random.normal(); });
}

at::Tensor uniform_tensor(at::IntArrayRef sizes, double bound, Random random) {
    return filled(sizes, [&] { return random.uniform(-bound, bound); });
}

} // namespace openset::torch
