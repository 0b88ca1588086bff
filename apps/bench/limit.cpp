#include "bench/limit.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "openset/image/preprocess.hpp"

namespace openset::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int largest_batch = 32;
constexpr double least_seconds = 0.2; ///< of a measurement

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

model::Batch batch_of(const std::vector<image::Picture>& pictures, const image::PreprocessSpec& spec) {
    const image::Picture& first = pictures.front();
    model::Batch batch{static_cast<int>(pictures.size()), first.height, first.width, {}};
    batch.data.resize(pictures.size() * first.rgb.size());
    for (std::size_t i = 0; i < pictures.size(); ++i)
        image::normalise(pictures[i], spec, std::span(batch.data).subspan(i * first.rgb.size(), first.rgb.size()));
    return batch;
}

} // namespace

void Samples::take(std::size_t stage, const image::Picture& prepared) {
    const std::scoped_lock lock(mutex_);
    auto& taken = pictures_[stage];
    const bool other_size =
        !taken.empty() && (taken.front().width != prepared.width || taken.front().height != prepared.height);
    if (!other_size && taken.size() < largest_batch) taken.push_back(prepared);
}

std::vector<image::Picture> Samples::of(std::size_t stage, int count) const {
    std::vector<image::Picture> result;
    const auto& taken = pictures_[stage];
    for (int i = 0; i < count && !taken.empty(); ++i)
        result.push_back(taken[static_cast<std::size_t>(i) % taken.size()]);
    return result;
}

PassSeconds time_passes(const flow::StageNetwork& network, const Samples& samples, std::size_t stage, int threads) {
    PassSeconds result;
    for (int size = 1; size <= largest_batch; size *= 2) {
        const auto pictures = samples.of(stage, size);
        if (pictures.empty()) return {};
        const model::Batch batch = batch_of(pictures, network.preprocess);
        network.network->run(batch); // the first pass of a size prepares
        auto start = Clock::now();
        network.network->run(batch);
        const int passes = std::max(1, static_cast<int>(std::ceil(least_seconds / seconds_since(start))));
        start = Clock::now();
        {
            std::vector<std::jthread> workers;
            for (int i = 0; i < threads; ++i) {
                workers.emplace_back([&] {
                    for (int pass = 0; pass < passes; ++pass) network.network->run(batch);
                });
            }
        }
        result[size] = seconds_since(start) / (static_cast<double>(size) * passes * threads);
    }
    return result;
}

BestPass best_pass(const std::vector<PassSeconds>& rounds) {
    std::map<int, std::vector<double>> by_size;
    for (const PassSeconds& round : rounds) {
        for (const auto& [size, seconds] : round) by_size[size].push_back(seconds);
    }
    BestPass best;
    for (const auto& [size, seconds] : by_size) {
        const double middle = median(seconds);
        if (best.batch == 0 || middle < best.seconds) best = {size, middle};
    }
    return best;
}

Limit limit_of(const flow::RunStatistics& run, const std::vector<std::vector<PassSeconds>>& rounds, bool on_cpu,
               int cores) {
    Limit limit;
    for (std::size_t stage = 0; stage < run.stages.size(); ++stage)
        limit.passes += static_cast<double>(run.stages[stage].passed) * best_pass(rounds[stage]).seconds;
    limit.decode = run.prepare_cpu_seconds / cores;
    limit.seconds = on_cpu ? limit.passes + limit.decode : std::max(limit.passes, limit.decode);
    return limit;
}

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

} // namespace openset::bench
