#include "bench/limit.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <sys/resource.h>

#include "cli/in_parallel.hpp"
#include "openset/base/error.hpp"
#include "openset/image/preprocess.hpp"
#include "pictures/side_by_side.hpp"

namespace openset::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int largest_batch = 32;
constexpr double least_seconds = 0.1; ///< of a measurement

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// So many threads run the batch again and again.
Cost time_batch(model::Network& network, const model::Batch& batch, int threads, const Cancellation& cancellation) {
    network.run(batch); // the first pass of a size prepares
    auto start = Clock::now();
    network.run(batch);
    const int passes = threads * std::max(1, static_cast<int>(std::ceil(least_seconds / seconds_since(start))));
    start = Clock::now();
    const double cpu_start = process_seconds();
    cli::in_parallel(
        threads, static_cast<std::size_t>(passes), [&](std::size_t) { network.run(batch); }, [](std::size_t) {},
        cancellation);
    const double count = static_cast<double>(batch.count) * passes;
    return {seconds_since(start) / count, (process_seconds() - cpu_start) / count};
}

} // namespace

void Samples::take(std::size_t stage, const image::Picture& prepared) {
    const std::scoped_lock lock(mutex_);
    auto& taken = pictures_[stage];
    const bool other_size =
        !taken.empty() && (taken.front().width != prepared.width || taken.front().height != prepared.height);
    if (!other_size && taken.size() < largest_batch) taken.push_back(prepared);
}

std::vector<const image::Picture*> Samples::of(std::size_t stage, int count) const {
    std::vector<const image::Picture*> result;
    const auto& taken = pictures_[stage];
    for (int i = 0; i < count && !taken.empty(); ++i)
        result.push_back(&taken[static_cast<std::size_t>(i) % taken.size()]);
    return result;
}

PassCosts time_passes(const flow::StageNetwork& network, const Samples& samples, std::size_t stage, int threads,
                      const Cancellation& cancellation) {
    PassCosts result;
    for (int size = 1; size <= largest_batch; size *= 2) {
        const auto pictures = samples.of(stage, size);
        if (pictures.empty()) return {};
        try {
            result[size] =
                time_batch(*network.network, model::normalised(pictures, network.preprocess), threads, cancellation);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::out_of_memory || result.empty()) throw;
            return result;
        }
    }
    return result;
}

BestPass best_pass(const std::vector<PassCosts>& rounds) {
    std::map<int, std::vector<double>> walls, cpus;
    for (const PassCosts& round : rounds) {
        for (const auto& [size, cost] : round) {
            walls[size].push_back(cost.wall);
            cpus[size].push_back(cost.cpu);
        }
    }
    BestPass best;
    for (const auto& [size, wall] : walls) {
        const Cost cost{pictures::median(wall), pictures::median(cpus[size])};
        if (best.batch == 0 || cost.cpu < best.picture.cpu) best = {size, cost};
    }
    return best;
}

Limit limit_of(const flow::RunStatistics& run, const std::vector<std::vector<PassCosts>>& rounds, int cores) {
    Limit limit;
    limit.cpu_seconds = run.prepare_cpu_seconds;
    for (std::size_t stage = 0; stage < run.stages.size(); ++stage) {
        const BestPass best = best_pass(rounds[stage]);
        limit.passes += static_cast<double>(run.stages[stage].passed) * best.picture.wall;
        limit.cpu_seconds += static_cast<double>(run.stages[stage].passed) * best.picture.cpu;
    }
    limit.decode = run.prepare_cpu_seconds / cores;
    limit.seconds = limit.passes + limit.decode;
    return limit;
}

double process_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

} // namespace openset::bench
