#include "openset/flow/memory_budget.hpp"

#include <cassert>

#include "flow/seconds_since.hpp"

namespace openset::flow {

MemoryBudget::Lease MemoryBudget::acquire(std::int64_t bytes) {
    assert(bytes >= 0 && bytes <= total_);
    const auto start = Clock::now();
    std::unique_lock lock(mutex_);
    const std::uint64_t ticket = next_ticket_++;
    freed_.wait(lock, [&] { return ticket == now_served_ && used_ + bytes <= total_; });
    ++now_served_;
    used_ += bytes;
    freed_.notify_all(); // the next in line may fit as well
    return {*this, bytes, seconds_since(start)};
}

void MemoryBudget::give_back(std::int64_t bytes) {
    const std::scoped_lock lock(mutex_);
    used_ -= bytes;
    freed_.notify_all();
}

} // namespace openset::flow
