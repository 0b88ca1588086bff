#include "torch/weight_rounding.hpp"

#include <ATen/ATen.h>
#include <algorithm>

namespace openset::torch {
namespace {

/// Patches of a picture that are looked at: neighbours say nearly the same.
constexpr std::int64_t most_patches = 49;
constexpr double steps = 1024;         ///< between 0 and 1
constexpr double largest_value = 1024; ///< that patches are taken to have; larger ones count as this
constexpr double least_weight = 1e-20; ///< of a channel that says something: that of a bias by less would be no float

constexpr int largest_weight = 64;

at::Tensor scales_of(const at::Tensor& weight) {
    const at::Tensor largest = weight.abs().amax({1, 2, 3}).to(at::kDouble);
    return at::where(largest > least_weight, largest / largest_weight, at::ones_like(largest));
}

/// Positions spread evenly over `all`.
at::Tensor spread(std::int64_t all) {
    const std::int64_t count = std::min(all, most_patches);
    return (at::arange(count, at::kLong) * all + all / 2).div(count, "floor");
}

/// The upper Cholesky factor of the inverse of the second moments.
/// unused  [groups, values] of weights that are zero and stay it
at::Tensor compensation(at::Tensor second, const at::Tensor& unused) {
    const at::Tensor used = at::logical_not(unused).to(at::kDouble);
    second = second * used.unsqueeze(1) * used.unsqueeze(2);
    // As in GPTQ: a hundredth of the mean, so that there is an inverse where patches are few or values always 0.
    const at::Tensor diagonal = second.diagonal(0, 1, 2);
    const at::Tensor damping = 0.01 * diagonal.mean(1, /*keepdim=*/true) + at::where(diagonal == 0, 1.0, 0.0);
    second.diagonal(0, 1, 2).add_(damping);
    const at::Tensor inverse = at::cholesky_inverse(at::linalg_cholesky(second));
    return at::linalg_cholesky(inverse).transpose(1, 2).contiguous();
}

} // namespace

void PatchMoments::add(const Convolution& convolution, const at::Tensor& input) {
    const std::int64_t groups = convolution.groups, values = convolution.weight[0].numel();
    const at::IntArrayRef kernel = convolution.weight.sizes().slice(2);
    std::vector<at::Tensor> sampled;
    for (std::int64_t picture = 0; picture < input.size(0); ++picture) {
        const at::Tensor columns =
            at::im2col(input[picture], kernel, convolution.dilation, convolution.padding, convolution.stride);
        sampled.push_back(columns.index_select(1, spread(columns.size(1))));
    }
    const at::Tensor whole = (at::cat(sampled, 1).clamp(-largest_value, largest_value).to(at::kDouble) * steps).round();
    const at::Tensor of_groups = whole.reshape({groups, values, whole.size(1)});
    merge({of_groups.sum(2), of_groups.matmul(of_groups.transpose(1, 2)), whole.size(1)});
}

void PatchMoments::merge(const PatchMoments& other) {
    if (other.patches == 0) return;
    if (patches == 0) {
        first = other.first.clone();
        second = other.second.clone();
    } else {
        first.add_(other.first);
        second.add_(other.second);
    }
    patches += other.patches;
}

bool PatchMoments::are_exact() const {
    constexpr double most = 9007199254740992; // 2^53
    return patches == 0 || second.diagonal(0, 1, 2).max().item<double>() < most;
}

RoundedWeights round_weights(const Convolution& convolution, const PatchMoments& moments) {
    const std::int64_t groups = convolution.groups, outputs = convolution.weight.size(0),
                       values = convolution.weight[0].numel();
    const at::Tensor scales = scales_of(convolution.weight);
    const at::Tensor scale = scales.reshape({groups, outputs / groups});
    const at::Tensor exact = convolution.weight.to(at::kDouble).reshape({groups, outputs / groups, values});
    const at::Tensor factors = compensation(moments.second, exact.abs().amax(1) == 0);

    at::Tensor left = exact.clone(), rounded = at::zeros_like(exact);
    constexpr std::int64_t block = 64; // columns whose effect on later ones is added at once
    for (std::int64_t begin = 0; begin < values; begin += block) {
        const std::int64_t end = std::min(begin + block, values);
        at::Tensor errors = at::zeros({groups, outputs / groups, end - begin}, at::kDouble);
        for (std::int64_t column = begin; column < end; ++column) {
            const at::Tensor now = left.select(2, column);
            const at::Tensor chosen = (now / scale).round().clamp(-largest_weight, largest_weight);
            rounded.select(2, column).copy_(chosen);
            const at::Tensor error = (now - chosen * scale) / factors.select(1, column).select(1, column).unsqueeze(1);
            errors.select(2, column - begin).copy_(error);
            left.slice(2, column, end)
                .sub_(error.unsqueeze(2) * factors.select(1, column).slice(1, column, end).unsqueeze(1));
        }
        if (end < values) left.slice(2, end).sub_(errors.matmul(factors.slice(1, begin, end).slice(2, end)));
    }

    const at::Tensor means = moments.first / (steps * static_cast<double>(moments.patches));
    const at::Tensor change = ((exact - rounded * scale.unsqueeze(2)) * means.unsqueeze(1)).sum(2).reshape({outputs});
    at::Tensor bias = convolution.bias ? convolution.bias->to(at::kDouble) : at::zeros({outputs}, at::kDouble);
    bias = (bias + change).to(at::kFloat);
    const at::Tensor integers = rounded.reshape(convolution.weight.sizes()).to(at::kChar).contiguous();
    return {at::_make_per_channel_quantized_tensor(integers, scales, at::zeros({outputs}, at::kLong), 0), bias};
}

} // namespace openset::torch
