#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "openset/io/row_writer.hpp"

namespace openset::cli {

enum class ProgressStyle {
    none,
    line,  ///< one line that is written over, for terminals
    lines, ///< a line now and then, for log files
    json,  ///< one JSON object a line now and then, for wrappers
};

/// `--progress auto|always|never|json`: auto shows the line on a terminal.
ProgressStyle progress_style(const std::string& when, bool quiet, bool results_on_terminal);

/// Tells on standard error how far a run is.
class Progress {
public:
    /// total  where it is known; done  of them before this run, which count for no speed
    Progress(ProgressStyle style, std::optional<std::int64_t> total, std::int64_t done = 0);

    void update(const io::RowCounts& counts) { update(counts.total(), &counts); }
    /// Removes the line from the terminal, or prints the last figures.
    void finish(const io::RowCounts& counts) { finish(counts.total(), &counts); }

    /// Of work that has no outcomes: how much is done.
    void update(std::int64_t done) { update(done, nullptr); }
    void finish(std::int64_t done) { finish(done, nullptr); }

private:
    using Clock = std::chrono::steady_clock;

    /// counts  null: no outcomes
    void update(std::int64_t done, const io::RowCounts* counts);
    void finish(std::int64_t done, const io::RowCounts* counts);
    void show(std::int64_t done, const io::RowCounts* counts) const;
    void show_json(std::int64_t done, const io::RowCounts* counts) const;
    double rate(std::int64_t done) const;

    ProgressStyle style_;
    std::optional<std::int64_t> total_;
    std::int64_t done_before_;
    Clock::time_point start_ = Clock::now();
    Clock::time_point next_ = start_;
};

/// "0:07", "12:34", "3:02:01"
std::string duration_text(double seconds);

} // namespace openset::cli
