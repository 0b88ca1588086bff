#include "torch/device_input.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <algorithm>
#include <array>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <cstdint>
#include <map>

namespace openset::torch {
namespace {

constexpr std::int64_t channels = 3, levels = 256;

/// Memory that a device reads and writes on its own; ordinary memory for the CPU.
at::Tensor host_tensor(at::IntArrayRef sizes, at::ScalarType type, c10::Device device) {
    return at::empty(sizes, at::TensorOptions(type).pinned_memory(device.is_cuda()));
}

/// What image::normalise makes of each level of each channel, [channels * levels].
at::Tensor value_table(const image::PreprocessSpec& preprocess, c10::Device device) {
    image::Picture ramp{static_cast<int>(levels), 1, {}};
    for (int level = 0; level < levels; ++level)
        ramp.rgb.insert(ramp.rgb.end(), channels, static_cast<std::uint8_t>(level));
    at::Tensor table = host_tensor({channels * levels}, at::kFloat, device);
    image::normalise(ramp, preprocess, {table.data_ptr<float>(), static_cast<std::size_t>(table.numel())});
    return table;
}

} // namespace

std::optional<c10::StreamGuard> own_stream(c10::Device device) {
    if (device.is_cpu()) return std::nullopt;
    thread_local std::map<c10::DeviceIndex, c10::Stream> streams;
    auto known = streams.find(device.index());
    if (known == streams.end()) {
        const c10::impl::VirtualGuardImpl devices(device.type());
        known = streams.emplace(device.index(), devices.getStreamFromGlobalPool(device)).first;
    }
    return std::optional<c10::StreamGuard>(std::in_place, known->second);
}

at::Tensor upload(std::span<const image::Picture* const> pictures, const image::PreprocessSpec& preprocess,
                  c10::Device device, at::ScalarType type, at::MemoryFormat layout) {
    const image::Picture& first = *pictures.front();
    at::Tensor samples = host_tensor({static_cast<std::int64_t>(pictures.size()), first.height, first.width, channels},
                                     at::kByte, device);
    auto* to = samples.data_ptr<std::uint8_t>();
    for (const image::Picture* picture : pictures) to = std::ranges::copy(picture->rgb, to).out;

    const auto there = [device](const at::Tensor& tensor) { return tensor.to(device, /*non_blocking=*/true); };
    const at::Tensor first_of_channel = at::tensor({std::int64_t{0}, levels, 2 * levels});
    const at::Tensor place = there(samples).to(at::kLong).add(there(first_of_channel));
    return there(value_table(preprocess, device)).take(place).to(type).permute({0, 3, 1, 2}).contiguous(layout);
}

std::vector<at::Tensor> download(const std::vector<at::Tensor>& tensors) {
    std::vector<at::Tensor> here;
    std::optional<c10::Device> device;
    for (const at::Tensor& tensor : tensors) {
        here.push_back(host_tensor(tensor.sizes(), at::kFloat, tensor.device()));
        here.back().copy_(tensor, /*non_blocking=*/true);
        if (!tensor.device().is_cpu()) device = tensor.device();
    }
    if (device) c10::impl::VirtualGuardImpl(device->type()).getStream(*device).synchronize();
    return here;
}

} // namespace openset::torch
