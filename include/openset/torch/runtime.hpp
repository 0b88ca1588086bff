#pragma once

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

/// One thread a kernel from here on, in this thread and those started later: parallel work is the caller's business, and
/// more threads than cores only wait for each other.
void use_single_threaded_kernels();

} // namespace openset::torch
