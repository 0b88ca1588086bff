#include "openset/torch/runtime.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <malloc.h>
#include <sstream>
#include <torch/version.h>
#include <unistd.h>

#include "openset/base/error.hpp"
#include "torch/device.hpp"

namespace openset::torch {
namespace {

/// The first line of a text that contains a word, without its bullet; empty where none does.
std::string line_with(const std::string& text, const std::string& word) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto start = line.find_first_not_of(" -");
        if (start != std::string::npos && line.find(word) != std::string::npos) return line.substr(start);
    }
    return "";
}

/// Calls a function of OpenBLAS where that library is loaded: LibTorch does not say which BLAS it found.
std::string ask_openblas(const char* function) {
    using Function = const char* (*)();
    void* const symbol = ::dlsym(RTLD_DEFAULT, function);
    return symbol == nullptr ? "" : reinterpret_cast<Function>(symbol)();
}

} // namespace

RuntimeFacts runtime_facts() {
    RuntimeFacts facts;
    facts.compiled_version = TORCH_VERSION;
    facts.openblas_kernel = ask_openblas("openblas_get_corename");
    if (at::hasMKL()) {
        facts.blas = line_with(at::get_mkl_version(), "Version");
    } else {
        // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...": the first two words say it
        std::istringstream config(ask_openblas("openblas_get_config"));
        std::string name, version;
        config >> name >> version;
        facts.blas = name.empty() ? "no OpenBLAS and no MKL: a reference BLAS" : name + " " + version;
    }
    const std::string usage = line_with(at::show_config(), "CPU capability usage:");
    facts.cpu_capability = usage.substr(usage.find(':') == std::string::npos ? 0 : usage.find(':') + 2);
    facts.onednn = at::hasMKLDNN() ? line_with(at::get_mkldnn_version(), "v") : "";
    facts.threads = at::get_num_threads();
    facts.cuda_built = built_with_cuda();
    facts.cuda_devices = cuda_device_count();
    return facts;
}

std::string device_called(const std::string& name) { return resolve_device(name).str(); }

void prepare_process() {
    if (::access("/proc/cpuinfo", R_OK) != 0) {
        throw Error(ErrorKind::unreadable,
                    "/proc/cpuinfo: cannot be read, expected the processor's facts, without which LibTorch does not start; "
                    "mount /proc, whole");
    }
    at::set_num_threads(1);
    // TF32 rounds the factors of a product to 10 bits: a CUDA device would disagree with everything else by 1e-3.
    at::globalContext().setAllowTF32CuBLAS(false);
    at::globalContext().setAllowTF32CuDNN(false);
#if defined(__GLIBC__)
    // Layer outputs are tens of MB each; mapped and unmapped for every layer they cost up to half of the time in page
    // faults. One arena: those of further threads are cut into heaps of 64 MB, which are given back whenever they are
    // empty.
    ::mallopt(M_ARENA_MAX, 1);
    ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
    ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

std::optional<bool> has_vnni() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512vnni") != 0;
#else
    return std::nullopt;
#endif
}

void give_back_memory() {
#if defined(__GLIBC__)
    ::malloc_trim(0);
#endif
}

} // namespace openset::torch
