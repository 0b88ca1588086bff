#include "cli/in_parallel.hpp"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "cli/signals.hpp"

namespace openset::cli {

void in_parallel(int threads, std::size_t many, const std::function<void(std::size_t)>& work,
                 const std::function<void(std::size_t done)>& tell, const Cancellation& cancellation) {
    std::atomic<std::size_t> next{0}, done{0};
    std::atomic<bool> stop{false};
    std::exception_ptr problem;
    std::mutex mutex;
    const auto go = [&](bool tells) {
        try {
            for (std::size_t i = next++; i < many && !stop && !cancellation.requested(); i = next++) {
                work(i);
                ++done;
                if (tells) tell(done);
            }
        } catch (...) {
            const std::lock_guard lock(mutex);
            if (!problem) problem = std::current_exception();
            stop = true;
        }
    };
    {
        std::vector<std::jthread> others;
        for (int i = 1; i < threads; ++i) others.emplace_back(go, false);
        go(true);
    }
    if (problem) std::rethrow_exception(problem);
    if (cancellation.requested()) throw cli::Interrupted();
}

} // namespace openset::cli
