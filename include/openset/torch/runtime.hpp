#pragma once

#include <optional>
#include <string>

namespace openset::torch {

/// What LibTorch says of itself.
struct RuntimeFacts {
    std::string compiled_version; ///< of the headers this program was built with
    std::string blas;             ///< the linear algebra library
    std::string openblas_kernel;  ///< which of its kernels OpenBLAS chose ("Haswell", "Prescott"); empty: not OpenBLAS
    std::string cpu_capability;   ///< of LibTorch's own kernels: "AVX2", "AVX512", ...
    std::string onednn;           ///< version of oneDNN; empty: none
    int threads = 0;              ///< LibTorch would use by default
    bool cuda_built = false;
    int cuda_devices = 0;
};

RuntimeFacts runtime_facts();

/// Whether this processor has AVX-512 VNNI: int8 gains most time there, and sums of products do not overflow whatever the weights;
/// without it, pairs of products are added in 16 bits, which weights from -64 to 64 fit into. None: no x86.
std::optional<bool> has_vnni();

/// Makes this process fit to run networks from several threads of ours; call it before the first is started.
///
/// LibTorch gets one thread a kernel: parallel work is the caller's business, and more threads than cores only wait for
/// each other. The allocator keeps what a forward pass frees for the next one instead of handing it back to the system
/// each time.
void prepare_process();

/// What `auto`, `cpu`, `cuda` or `cuda:N` stands for here: "cpu", "cuda:0". Throws Error(usage) where there is none.
std::string device_called(const std::string& name);

/// Hands what the allocator has kept back to the system: after networks have gone for good.
void give_back_memory();

} // namespace openset::torch
