#include "openset/flow/memory_budget.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace openset::flow {
namespace {

TEST(MemoryBudget, WhatIsHeldTogetherNeverExceedsTheTotal) {
    MemoryBudget budget(100);
    std::atomic<int> held = 0, most = 0;
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&, thread] {
                for (int i = 0; i < 200; ++i) {
                    const int bytes = (thread * 37 + i * 13) % 101;
                    const auto lease = budget.acquire(bytes);
                    const int now = held += bytes;
                    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
                    }
                    std::this_thread::yield();
                    held -= bytes;
                }
            });
        }
    }
    EXPECT_LE(most, 100);
    EXPECT_GT(most, 50) << "nobody ever shared it";
}

TEST(MemoryBudget, ALargeRequestIsNotPassedOverByLaterSmallOnes) {
    MemoryBudget budget(100);
    std::atomic<bool> large_served = false, small_served_first = false;
    auto first = budget.acquire(50);
    std::jthread large([&] {
        const auto lease = budget.acquire(100);
        large_served = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    std::jthread small([&] {
        const auto lease = budget.acquire(1); // would fit beside the first
        if (!large_served) small_served_first = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_FALSE(large_served);
    first = {};
    large.join();
    small.join();
    EXPECT_TRUE(large_served);
    EXPECT_FALSE(small_served_first);
}

TEST(MemoryBudget, ALeaseThatIsReplacedGivesItsPartBack) {
    MemoryBudget budget(10);
    auto lease = budget.acquire(10);
    lease = {};
    lease = budget.acquire(10); // would wait for ever
}

} // namespace
} // namespace openset::flow
