#include "pictures/run_facts.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "cli/exit_code.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "cli/version.hpp"
#include "openset/base/log.hpp"
#include "openset/io/number_text.hpp"

namespace openset::pictures {
namespace {

std::string utc_now() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

} // namespace

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

io::RunRecord begin_record(const RunFlags& flags, const InputFlags& input_flags, const Inputs& inputs) {
    io::RunRecord record;
    record.openset_version = cli::version;
    record.started = utc_now();
    record.complete = false;
    record.exif_orientation = flags.exif_orientation;
    record.fast_decode = flags.runner.fast_decode;
    record.max_pixels = flags.runner.decode.max_pixels;
    record.decode_memory = flags.runner.decode_memory;
    if (!input_flags.shard.empty()) record.shard = parse_shard(input_flags.shard);
    record.inputs = inputs.as_given();
    record.batch = flags.runner.batch;
    record.jobs = flags.runner.jobs;
    return record;
}

void log_statistics(const flow::RunStatistics& statistics, const RunFlags& flags) {
    const auto line = [](const std::string& what, int threads, double seconds) {
        char figures[96];
        std::snprintf(figures, sizeof figures, ": %.1f s on %d thread%s", seconds, threads, threads == 1 ? "" : "s");
        log_info(what + figures);
    };
    line("reading, decoding and resizing", flags.runner.jobs, statistics.decode_seconds + statistics.resize_seconds);
    for (const auto& stage : statistics.stages) {
        const auto mean =
            static_cast<double>(stage.passed) / static_cast<double>(std::max<std::int64_t>(1, stage.passes));
        line(std::string(to_string(stage.stage)) + ", " + std::to_string(stage.pictures) + " pictures, " +
                 std::to_string(stage.passed) + " of them in " + std::to_string(stage.passes) + " forward passes (" +
                 io::shortest(std::round(10 * mean) / 10) + " each)",
             flags.runner.threads, stage.seconds());
    }
    if (statistics.warnings_not_shown > 0) {
        log_warning(std::to_string(statistics.warnings_not_shown) +
                    " more warnings about pictures are not shown; -v shows them all");
    }
}

std::string speed_text(std::int64_t pictures, double seconds) {
    char text[128];
    std::snprintf(text, sizeof text, "%lld picture%s in %s (%.1f/s)", static_cast<long long>(pictures),
                  pictures == 1 ? "" : "s", cli::duration_text(seconds).c_str(),
                  seconds > 0 ? static_cast<double>(pictures) / seconds : 0.0);
    return text;
}

int end_of_run(const Ending& ending, std::int64_t max_errors) {
    if (ending.signal != 0) {
        log_error("interrupted; " + ending.way_on);
        return cli::end_by_signal(ending.signal);
    }
    if (!ending.first_failure.empty()) {
        log_error(ending.first_failure + "; stopped here (--strict); " + ending.way_on);
        return cli::exit_failed;
    }
    return ending.failed > max_errors ? cli::exit_some_failed : cli::exit_done;
}

std::string count_text(const Inputs& inputs, const Cancellation& cancellation) {
    const auto count = inputs.count(cancellation);
    return count ? std::to_string(*count) + (*count == 1 ? " input" : " inputs")
                 : "inputs: not counted, only reading them would tell";
}

} // namespace openset::pictures
