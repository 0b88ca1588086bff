#pragma once

#include <ctime>

namespace openset {

/// Seconds that the calling thread has computed: of a busy machine the same as of an idle one, nearly.
inline double thread_seconds() {
    std::timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

} // namespace openset
