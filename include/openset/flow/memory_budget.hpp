#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

namespace openset::flow {

/// Bytes that several threads share: whoever is about to allocate waits until its part is free. In the order of asking,
/// so that a large request is not passed over for ever.
class MemoryBudget {
public:
    explicit MemoryBudget(std::int64_t total) : total_(total) {}

    /// A part of the budget; given back at the end of its life.
    class Lease {
    public:
        Lease() = default;
        Lease(MemoryBudget& budget, std::int64_t bytes, double waited_seconds)
            : budget_(&budget), bytes_(bytes), waited_seconds_(waited_seconds) {}
        Lease(Lease&& other) noexcept { swap(other); }
        Lease& operator=(Lease&& other) noexcept {
            Lease taken(static_cast<Lease&&>(other));
            swap(taken);
            return *this;
        }
        ~Lease() {
            if (budget_ != nullptr) budget_->give_back(bytes_);
        }

        double waited_seconds() const { return waited_seconds_; } ///< until it was free

    private:
        void swap(Lease& other) noexcept {
            std::swap(budget_, other.budget_);
            std::swap(bytes_, other.bytes_);
            std::swap(waited_seconds_, other.waited_seconds_);
        }

        MemoryBudget* budget_ = nullptr;
        std::int64_t bytes_ = 0;
        double waited_seconds_ = 0;
    };

    std::int64_t total() const { return total_; }

    /// Waits for the bytes. A holder must not ask the same budget for more: two such would wait for each other.
    /// bytes  at most total(), and 0 or more
    Lease acquire(std::int64_t bytes);

private:
    void give_back(std::int64_t bytes);

    std::mutex mutex_;
    std::condition_variable freed_;
    std::int64_t total_;
    std::int64_t used_ = 0;
    std::uint64_t next_ticket_ = 0, now_served_ = 0;
};

} // namespace openset::flow
