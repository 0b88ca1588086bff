#pragma once

#include <atomic>

namespace openset {

/// Asks work to stop early. request() may be called from a signal handler; every thread may look at any time.
class Cancellation {
public:
    void request() noexcept { requested_.store(true, std::memory_order_relaxed); }
    bool requested() const noexcept { return requested_.load(std::memory_order_relaxed); }

private:
    static_assert(std::atomic<bool>::is_always_lock_free);
    std::atomic<bool> requested_{false};
};

} // namespace openset
