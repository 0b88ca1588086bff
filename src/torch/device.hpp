#pragma once

#include <c10/core/Device.h>
#include <string>

namespace openset::torch {

/// Whether this is a LibTorch for CUDA, be there a device or not.
bool built_with_cuda();

/// 0 where LibTorch was built without CUDA, or finds no device.
int cuda_device_count();

/// The device that `auto`, `cpu`, `cuda` or `cuda:N` stands for here. Throws Error(usage) where there is none.
c10::Device resolve_device(const std::string& name);

} // namespace openset::torch
