#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "openset/flow/loaded_pipeline.hpp"
#include "openset/flow/runner.hpp"

/// What a machine could do at most.
namespace openset::bench {

/// Some pictures as each stage's network gets them, taken from a run.
class Samples {
public:
    explicit Samples(std::size_t stages) : pictures_(stages) {}

    /// For RunnerOptions::observe.
    void take(std::size_t stage, const image::Picture& prepared);

    /// So many of the stage's pictures, some of them several times where there are too few; none where there are none.
    std::vector<const image::Picture*> of(std::size_t stage, int count) const;

private:
    std::mutex mutex_;
    std::vector<std::vector<image::Picture>> pictures_; ///< by stage, of one size
};

/// What a picture takes.
struct Cost {
    double wall = 0; ///< seconds, of all threads together: with two of them, half of what one takes
    double cpu = 0;  ///< seconds of the process
};

/// Forward passes alone, by batch size, with as many threads as the limit assumes.
using PassCosts = std::map<int, Cost>;

/// One measurement: `threads` threads run the network at the same time, and nothing else runs.
/// Empty where the stage got no pictures; without the sizes from the first on that finds no memory.
/// Throws what the network throws, and Interrupted.
PassCosts time_passes(const flow::StageNetwork& network, const Samples& samples, std::size_t stage, int threads,
                      const Cancellation& cancellation);

/// The shortest time in which a machine could do what a run did, with these networks on this device:
///   passes = sum over stages of (pictures that passed the network) * (seconds a picture of passes alone, at the best
///            batch size, every core busy with them)
///   decode = CPU time of decoding and resizing / cores
/// Passes keep every core busy, so that no decoding happens beside them: passes + decode. For other devices than the CPU
/// there is none: their passes overlap copies and each other, and passes one after another say nothing of what they could do.
/// The same in CPU time, which programs beside this one move less: what the passes alone and decoding take.
struct Limit {
    double passes = 0, decode = 0, seconds = 0;
    double cpu_seconds = 0;
};

/// rounds  by stage: the measurements, whose medians count
Limit limit_of(const flow::RunStatistics& run, const std::vector<std::vector<PassCosts>>& rounds, int cores);

/// The batch size that takes the least CPU time, and its medians; 0 where nothing was measured.
struct BestPass {
    int batch = 0;
    Cost picture;
};
BestPass best_pass(const std::vector<PassCosts>& rounds);

/// CPU time of the process so far.
double process_seconds();

} // namespace openset::bench
