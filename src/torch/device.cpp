#include "torch/device.hpp"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <charconv>
#include <vector>

#include "openset/base/error.hpp"
#include "openset/base/spelling.hpp"

namespace openset::torch {

bool built_with_cuda() { return OPENSET_LIBTORCH_HAS_CUDA != 0; }

int cuda_device_count() { return at::hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().getNumGPUs()) : 0; }

c10::Device resolve_device(const std::string& name) {
    if (name == "cpu") return c10::kCPU;
    const int devices = cuda_device_count();
    if (name == "auto") return devices > 0 ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);

    int index = 0;
    const bool plain = name == "cuda";
    if (!plain) {
        const auto [end, code] =
            std::from_chars(name.data() + std::min<std::size_t>(5, name.size()), name.data() + name.size(), index);
        if (!name.starts_with("cuda:") || code != std::errc() || end != name.data() + name.size()) {
            const std::vector<std::string> names = {"auto", "cpu", "cuda"};
            const std::string meant =
                name.starts_with("gpu") ? "; did you mean \"cuda" + name.substr(3) + "\"?" : did_you_mean(name, names);
            throw Error(ErrorKind::usage, "--device: \"" + name + "\", expected auto, cpu, cuda or cuda:N" + meant);
        }
    }
    if (devices == 0) {
        throw Error(ErrorKind::usage,
                    "--device " + name + ": " +
                        (built_with_cuda() ? "no CUDA device found" : "this LibTorch is built without CUDA") +
                        "; use --device cpu, or build with OPENSET_TORCH=/prefix of a CUDA LibTorch");
    }
    if (index < 0 || index >= devices) {
        throw Error(ErrorKind::usage, "--device " + name + ": there are " + std::to_string(devices) +
                                          " CUDA devices, expected cuda:0 to cuda:" + std::to_string(devices - 1));
    }
    return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

} // namespace openset::torch
