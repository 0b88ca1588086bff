#include "cli/progress.hpp"

#include <cmath>
#include <cstdio>
#include <unistd.h>

#include "cli/terminal.hpp"

namespace openset::cli {

ProgressStyle progress_style(const std::string& when, bool quiet, bool results_on_terminal) {
    const bool terminal = is_terminal(STDERR_FILENO);
    if (when == "json") return ProgressStyle::json;
    if (when == "never") return ProgressStyle::none;
    if (when == "always") return terminal ? ProgressStyle::line : ProgressStyle::lines;
    // Rows that scroll by on the same terminal are progress enough.
    return terminal && !quiet && !results_on_terminal ? ProgressStyle::line : ProgressStyle::none;
}

ProgressMeter::ProgressMeter(ProgressStyle style, std::optional<std::int64_t> total, std::int64_t done)
    : style_(style), total_(total), done_before_(done) {}

bool ProgressMeter::is_due() const { return style_ != ProgressStyle::none && Clock::now() >= next_; }

void ProgressMeter::print(std::int64_t done, const ProgressFigures& figures) const {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    const double per_second = seconds > 0 ? static_cast<double>(done - done_before_) / seconds : 0;
    if (style_ == ProgressStyle::json) {
        const std::string total = total_ ? std::to_string(*total_) : "null";
        std::fprintf(stderr, "{\"done\": %lld, \"total\": %s%s%s, \"rate\": %.2f}\n", static_cast<long long>(done),
                     total.c_str(), figures.json.empty() ? "" : ", ", figures.json.c_str(), per_second);
        return;
    }
    std::string text = std::to_string(done);
    if (total_ && *total_ > 0) {
        text += "/" + std::to_string(*total_) + " (" + std::to_string(100 * done / *total_) + " %)";
        if (per_second > 0) text += "  ETA " + duration_text(static_cast<double>(*total_ - done) / per_second);
    }
    std::fprintf(stderr, "%s%s  %.1f/s%s%s%s", style_ == ProgressStyle::line ? "\r\x1b[K" : "", text.c_str(),
                 per_second, figures.text.empty() ? "" : "  ", figures.text.c_str(),
                 style_ == ProgressStyle::line ? "" : "\n");
}

void ProgressMeter::show(std::int64_t done, const ProgressFigures& figures) {
    if (style_ == ProgressStyle::none) return;
    print(done, figures);
    next_ = Clock::now() + std::chrono::milliseconds(style_ == ProgressStyle::lines  ? 5000
                                                     : style_ == ProgressStyle::json ? 1000
                                                                                     : 100);
}

void ProgressMeter::finish(std::int64_t done, const ProgressFigures& figures) {
    if (style_ == ProgressStyle::line) std::fputs("\r\x1b[K", stderr);
    if (style_ == ProgressStyle::lines || style_ == ProgressStyle::json) print(done, figures);
}

namespace {

ProgressFigures figures_of(const io::RowCounts& counts) {
    const std::string known = std::to_string(counts.known), unknown = std::to_string(counts.unknown),
                      failed = std::to_string(counts.failed);
    return {"known " + known + ", unknown " + unknown + ", failed " + failed,
            "\"known\": " + known + ", \"unknown\": " + unknown + ", \"failed\": " + failed};
}

} // namespace

void Progress::update(const io::RowCounts& counts) {
    if (meter_.is_due()) meter_.show(counts.total(), figures_of(counts));
}

void Progress::update(std::int64_t done) {
    if (meter_.is_due()) meter_.show(done, {});
}

void Progress::finish(const io::RowCounts& counts) { meter_.finish(counts.total(), figures_of(counts)); }

std::string duration_text(double seconds) {
    const auto whole = static_cast<long long>(std::llround(seconds));
    const auto two_digits = [](long long value) { return (value < 10 ? "0" : "") + std::to_string(value); };
    const long long hours = whole / 3600, minutes = whole / 60 % 60;
    const std::string end = ":" + two_digits(whole % 60);
    return hours > 0 ? std::to_string(hours) + ":" + two_digits(minutes) + end : std::to_string(minutes) + end;
}

} // namespace openset::cli
