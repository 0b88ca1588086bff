#include "bench/figures.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "openset/io/pretty_json.hpp"
#include "pictures/side_by_side.hpp"

namespace openset::bench {
namespace {

using Json = nlohmann::ordered_json;

std::string printed(const char* format, auto... values) {
    char text[160];
    std::snprintf(text, sizeof text, format, values...);
    return text;
}

std::vector<double> walls(const std::vector<TimedRun>& runs) {
    std::vector<double> seconds;
    for (const TimedRun& run : runs) seconds.push_back(run.wall_seconds);
    return seconds;
}

/// One part of the work: thread seconds, and what that is a picture.
std::string part(const std::string& name, double seconds, std::int64_t pictures, const std::string& more = "") {
    std::string left = "  " + name;
    left.resize(std::max<std::size_t>(left.size(), 30), ' ');
    return left +
           printed("%9.3f s  %8.2f ms a picture", seconds,
                   pictures > 0 ? 1000 * seconds / static_cast<double>(pictures) : 0.0) +
           more + "\n";
}

std::string stage_parts(const flow::RunStatistics::Stage& stage, const BestPass& best) {
    const std::string name(to_string(stage.stage));
    if (stage.passes == 0) {
        return part(name + ": head, rule", stage.judge_seconds, stage.pictures,
                    stage.pictures > 0 ? "  (an earlier stage's pass serves)" : "");
    }
    const double in_a_pass = static_cast<double>(stage.passed) / static_cast<double>(stage.passes);
    const std::string alone =
        best.batch > 0 ? printed("; alone %.2f of CPU, in passes of %d", 1000 * best.picture.cpu, best.batch) : "";
    return part(name + ": normalise", stage.normalise_seconds, stage.passed) +
           part(name + ": forward", stage.forward_seconds, stage.passed, printed("  %.1f a pass", in_a_pass) + alone) +
           part(name + ": head, rule", stage.judge_seconds, stage.pictures);
}

std::string by_hand_table(const Result& result) {
    const auto own = walls(result.runs);
    const double middle = pictures::median(own);
    const auto [least, most] = std::ranges::minmax(own);
    std::string text = "\nby hand                      median        least to most       beside the default\n";
    text += printed("  %-22s %9.3f s  %9.3f to %7.3f\n", "the default", middle, least, most);
    int better = 0;
    for (const ByHand& setting : result.by_hand) {
        const auto [low, high] = std::ranges::minmax(setting.wall_seconds);
        const double here = pictures::median(setting.wall_seconds);
        // Faster by more than 5 %, and by more than runs of one setting differ.
        const bool wins = here < 0.95 * middle && high < least;
        better += wins ? 1 : 0;
        text += printed("  -b %-3d -j %-2d --threads %-2d %8.3f s  %9.3f to %7.3f       %5.3f%s\n", setting.batch,
                        setting.jobs, setting.threads, here, low, high, here / middle, wins ? "  FASTER" : "");
    }
    return text + (better == 0
                       ? "no setting by hand is faster by more than 5 % beyond the spread\n"
                       : printed("%d settings by hand are faster by more than 5 %% beyond the spread\n", better));
}

Json json_of(const Limit& limit, const TimedRun& run) {
    return {{"seconds", limit.seconds},
            {"passes_seconds", limit.passes},
            {"decode_seconds", limit.decode},
            {"cpu_seconds", limit.cpu_seconds},
            {"percent", 100 * limit.seconds / run.wall_seconds},
            {"cpu_percent", 100 * limit.cpu_seconds / run.cpu_seconds}};
}

} // namespace

const TimedRun& Result::middle_run() const {
    const double middle = pictures::median(walls(runs));
    return *std::ranges::min_element(runs, {},
                                     [middle](const TimedRun& run) { return std::abs(run.wall_seconds - middle); });
}

std::optional<Limit> Result::limit() const {
    if (!on_cpu()) return std::nullopt;
    return limit_of(middle_run().statistics, passes, cores);
}

std::string to_table(const Result& result) {
    const TimedRun& run = result.middle_run();
    const flow::RunStatistics& statistics = run.statistics;
    const std::int64_t pictures = run.counts.total();
    const auto all = walls(result.runs);
    const auto limit = result.limit();
    std::string text =
        printed("%lld pictures (%lld failed), %zu runs, of which the one of median time:\n\n",
                static_cast<long long>(pictures), static_cast<long long>(run.counts.failed), result.runs.size());
    text += "seconds of threads, added up\n";
    text += part("read and decode", statistics.decode_seconds, pictures);
    text += part("resize and crop", statistics.resize_seconds, pictures);
    for (std::size_t i = 0; i < statistics.stages.size(); ++i)
        text += stage_parts(statistics.stages[i], best_pass(result.passes[i]));
    text += part("rows", statistics.deliver_seconds, pictures);
    text += part("decode threads wait for room", statistics.decode_wait_seconds, pictures);
    text += part("inference threads wait", statistics.inference_wait_seconds, pictures);
    text += "\n";
    const auto [least, most] = std::ranges::minmax(all);
    text += printed("wall        %9.3f s  %.1f pictures/s (%.3f to %.3f s)\n", run.wall_seconds,
                    static_cast<double>(pictures) / run.wall_seconds, least, most);
    text += limit ? printed("limit       %9.3f s  %.0f %% of it reached; passes alone %.3f s, decoding %.3f s\n",
                            limit->seconds, 100 * limit->seconds / run.wall_seconds, limit->passes, limit->decode)
                  : "limit       not known: it is measured on the CPU alone\n";
    text += printed("CPU         %9.3f s  on %d cores", run.cpu_seconds, result.cores);
    text += limit ? printed("; the limit takes %.3f s, %.0f %% of that\n", limit->cpu_seconds,
                            100 * limit->cpu_seconds / run.cpu_seconds)
                  : "\n";
    text += printed("threads     %d decode, %d inference; device %s\n", result.record.jobs, result.record.threads,
                    result.record.device.c_str());
    text += printed("memory      %.0f MiB at the peak\n", static_cast<double>(result.peak_bytes) / (1 << 20));
    text += printed("loading     %9.3f s\n", result.record.load_seconds);
    return text + (result.by_hand.empty() ? "" : by_hand_table(result));
}

std::string to_json(const Result& result) {
    const TimedRun& run = result.middle_run();
    const flow::RunStatistics& statistics = run.statistics;
    const auto limit = result.limit();
    Json stages = Json::array();
    for (std::size_t i = 0; i < statistics.stages.size(); ++i) {
        const auto& stage = statistics.stages[i];
        const BestPass best = best_pass(result.passes[i]);
        Json alone = Json::object();
        for (const PassCosts& round : result.passes[i]) {
            for (const auto& [size, cost] : round) {
                alone[std::to_string(size)]["wall_seconds"].push_back(cost.wall);
                alone[std::to_string(size)]["cpu_seconds"].push_back(cost.cpu);
            }
        }
        stages.push_back({{"stage", to_string(stage.stage)},
                          {"pictures", stage.pictures},
                          {"passed", stage.passed},
                          {"passes", stage.passes},
                          {"normalise_seconds", stage.normalise_seconds},
                          {"forward_seconds", stage.forward_seconds},
                          {"judge_seconds", stage.judge_seconds},
                          {"best_batch", best.batch},
                          {"best_wall_seconds_a_picture", best.picture.wall},
                          {"best_cpu_seconds_a_picture", best.picture.cpu},
                          {"a_picture_alone_by_batch", alone}});
    }
    Json json = {{"format", "openset-bench/1"},
                 {"pictures", run.counts.total()},
                 {"failed", run.counts.failed},
                 {"wall_seconds", run.wall_seconds},
                 {"wall_seconds_of_runs", walls(result.runs)},
                 {"pictures_a_second", static_cast<double>(run.counts.total()) / run.wall_seconds},
                 {"cpu_seconds", run.cpu_seconds},
                 {"decode_seconds", statistics.decode_seconds},
                 {"resize_seconds", statistics.resize_seconds},
                 {"stages", stages},
                 {"rows_seconds", statistics.deliver_seconds},
                 {"decode_wait_seconds", statistics.decode_wait_seconds},
                 {"inference_wait_seconds", statistics.inference_wait_seconds},
                 {"limit", limit ? json_of(*limit, run) : Json()},
                 {"peak_bytes", result.peak_bytes},
                 {"load_seconds", result.record.load_seconds},
                 {"cores", result.cores},
                 {"device", result.record.device},
                 {"jobs", result.record.jobs},
                 {"threads", result.record.threads}};
    for (const ByHand& setting : result.by_hand) {
        json["by_hand"].push_back({{"batch", setting.batch},
                                   {"jobs", setting.jobs},
                                   {"threads", setting.threads},
                                   {"wall_seconds", setting.wall_seconds}});
    }
    return io::pretty(json);
}

} // namespace openset::bench
