#pragma once

#include <atomic>

namespace openset {

/// Asks work to stop early. request() may be called from a signal handler; every thread may look and wait at any time.
class Cancellation {
public:
    /// outer  a request there is one here too; must outlive this one. Null: none
    explicit Cancellation(const Cancellation* outer = nullptr) noexcept;
    Cancellation(const Cancellation&) = delete;
    Cancellation& operator=(const Cancellation&) = delete;
    ~Cancellation();

    void request() noexcept;
    bool requested() const noexcept;

    /// Waits until reading from the descriptor would not wait: it has bytes, its end or an error to tell. False where a
    /// stop is requested before, also in the middle of the wait.
    bool wait_readable(int descriptor) const;

private:
    static_assert(std::atomic<bool>::is_always_lock_free);
    std::atomic<bool> requested_{false};
    const Cancellation* outer_;
    int wake_; ///< an eventfd, readable once a stop is requested; -1 where there was none to have, and nobody is woken
};

} // namespace openset
