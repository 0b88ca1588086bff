#pragma once

#include <chrono>
#include <string>

#include "openset/io/run_record.hpp"
#include "pictures/inputs.hpp"
#include "pictures/run_flags.hpp"

/// What is told and recorded of a run over pictures, whatever comes out of it.
namespace openset::pictures {

double seconds_since(std::chrono::steady_clock::time_point start);

/// What is known of a run before its networks are loaded; the config and what is special to a command are missing.
io::RunRecord begin_record(const RunFlags& flags, const InputFlags& input_flags, const Inputs& inputs);

/// Where the time went, for -v.
void log_statistics(const flow::RunStatistics& statistics, const RunFlags& flags);

/// "12 pictures in 0:03 (4.0/s)"
std::string speed_text(std::int64_t pictures, double seconds);

/// How a run over pictures ended.
struct Ending {
    int signal = 0;            ///< that cut it short; 0 for none
    std::string first_failure; ///< with --strict: what ended it; empty: nothing did
    std::int64_t failed = 0;   ///< pictures
    std::string way_on;        ///< how to go on with a run that ended early
};

/// Says on the log why a run ended early. The exit code, by the run's --max-errors.
int end_of_run(const Ending& ending, std::int64_t max_errors);

/// "12 inputs"; what is to be said where only reading them would tell.
std::string count_text(const Inputs& inputs, const Cancellation& cancellation);

} // namespace openset::pictures
