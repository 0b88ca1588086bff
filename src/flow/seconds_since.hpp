#pragma once

#include <chrono>

#include "openset/base/thread_clock.hpp"

namespace openset::flow {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

} // namespace openset::flow
