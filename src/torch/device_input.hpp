#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/StreamGuard.h>
#include <optional>
#include <span>
#include <vector>

#include "openset/image/picture.hpp"
#include "openset/image/preprocess.hpp"

/// How pictures get to a device that is not the CPU, and numbers back.
namespace openset::torch {

/// Makes a stream of the calling thread's own the current one: copies of one inference thread run beside the kernels of
/// another. None on the CPU, which has no streams.
std::optional<c10::StreamGuard> own_stream(c10::Device device);

/// The pictures as a network's input [n, 3, height, width], laid out so in memory. A byte a sample goes over the bus,
/// from pinned memory and without waiting; the device looks its value up in the table that image::normalise uses: the
/// same numbers, then rounded to the type.
/// pictures  all of one size
at::Tensor upload(std::span<const image::Picture* const> pictures, const image::PreprocessSpec& preprocess,
                  c10::Device device, at::ScalarType type, at::MemoryFormat layout);

/// The tensors as floats on the CPU, after one wait for all of them. In row-major order, of the same sizes.
std::vector<at::Tensor> download(const std::vector<at::Tensor>& tensors);

} // namespace openset::torch
