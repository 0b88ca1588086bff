#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/limit.hpp"
#include "openset/io/row_writer.hpp"
#include "openset/io/run_record.hpp"

/// What a bench found out, and how it is told.
namespace openset::bench {

/// One run over all pictures.
struct TimedRun {
    double wall_seconds = 0;
    double cpu_seconds = 0; ///< of the whole process
    io::RowCounts counts;
    flow::RunStatistics statistics;
};

/// A setting by hand beside the default, runs alternated.
struct ByHand {
    int batch = 0, jobs = 0, threads = 0;
    std::vector<double> wall_seconds; ///< by round
};

struct Result {
    io::RunRecord record; ///< settings, networks, device
    int cores = 1;
    std::vector<TimedRun> runs;                 ///< the settings in question
    std::vector<std::vector<PassCosts>> passes; ///< by stage and round
    std::vector<ByHand> by_hand;
    std::int64_t peak_bytes = 0; ///< resident, of the process

    /// The run of the median wall time.
    const TimedRun& middle_run() const;
    std::optional<Limit> limit() const; ///< of the CPU alone
    bool on_cpu() const { return record.device == "cpu"; }
};

std::string to_table(const Result& result);
std::string to_json(const Result& result);

} // namespace openset::bench
