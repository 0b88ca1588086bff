#include "cli/blas_environment.hpp"

namespace openset::cli {

ProcessorFacts this_processor() {
    ProcessorFacts facts;
#if defined(__x86_64__)
    __builtin_cpu_init();
    facts.intel = __builtin_cpu_is("intel") != 0;
    facts.avx2_fma = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    facts.avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512cd") != 0 &&
                   __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                   __builtin_cpu_supports("avx512vl") != 0;
    facts.avx512_bf16 = __builtin_cpu_supports("avx512bf16") != 0;
#endif
    return facts;
}

std::map<std::string, std::string> blas_environment(const ProcessorFacts& processor) {
    std::map<std::string, std::string> environment = {{"OPENBLAS_NUM_THREADS", "1"}, {"OMP_WAIT_POLICY", "PASSIVE"}};
    // Processors with bf16 are known to it (Cooper Lake), or close enough that it finds a fast kernel.
    if (processor.intel && processor.avx512 && !processor.avx512_bf16) {
        environment["OPENBLAS_CORETYPE"] = "SkylakeX";
    } else if (processor.intel && processor.avx2_fma && !processor.avx512) {
        environment["OPENBLAS_CORETYPE"] = "Haswell";
    }
    return environment;
}

} // namespace openset::cli
