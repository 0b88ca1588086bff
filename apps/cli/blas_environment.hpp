#pragma once

#include <map>
#include <string>

namespace openset::cli {

/// What the choice of a BLAS kernel depends on.
struct ProcessorFacts {
    bool intel = false;
    bool avx2_fma = false;
    bool avx512 = false; ///< F, CD, BW, DQ and VL
    bool avx512_bf16 = false;
};

ProcessorFacts this_processor();

/// The environment that a command which loads LibTorch should start with.
///
/// OPENBLAS_NUM_THREADS=1: OpenBLAS keeps a thread pool of its own beside our inference threads.
/// OPENBLAS_CORETYPE: Debian 12's OpenBLAS 0.3.21 takes Intel processors that it does not know for SSE ones
/// ('Prescott', a fifth of the speed). Where it knows the processor this names the kernel that it would choose itself.
/// On other makes its own choice stands.
/// OMP_WAIT_POLICY=PASSIVE: threads of one kernel that wait for each other sleep instead of turning round and round, which on
/// a busy machine made training by two threads ten times slower than by one.
/// Only read when the process starts; variables that are set already are the
/// user's business and left out by the caller.
std::map<std::string, std::string> blas_environment(const ProcessorFacts& processor);

} // namespace openset::cli
