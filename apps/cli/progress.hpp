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

/// What is told besides how far a run is.
struct ProgressFigures {
    std::string text; ///< "known 3, unknown 1"
    std::string json; ///< members of an object: "\"known\": 3, \"unknown\": 1"
};                    // both may be empty

/// Tells on standard error how far a run is, how fast, and when it will be done.
class ProgressMeter {
public:
    /// total  where it is known; done  of them before this run, which count for no speed
    ProgressMeter(ProgressStyle style, std::optional<std::int64_t> total, std::int64_t done = 0);

    /// Whether it is time to tell something again.
    bool is_due() const;
    void show(std::int64_t done, const ProgressFigures& figures);
    /// Removes the line from the terminal, or prints the last figures.
    void finish(std::int64_t done, const ProgressFigures& figures);

private:
    using Clock = std::chrono::steady_clock;

    void print(std::int64_t done, const ProgressFigures& figures) const;

    ProgressStyle style_;
    std::optional<std::int64_t> total_;
    std::int64_t done_before_;
    Clock::time_point start_ = Clock::now();
    Clock::time_point next_ = start_;
};

/// The same for a run over pictures that gives a row each.
class Progress {
public:
    Progress(ProgressStyle style, std::optional<std::int64_t> total, std::int64_t done = 0)
        : meter_(style, total, done) {}

    void update(const io::RowCounts& counts);
    void finish(const io::RowCounts& counts);

    /// Of work that has no outcomes: how much is done.
    void update(std::int64_t done);
    void finish(std::int64_t done) { meter_.finish(done, {}); }

private:
    ProgressMeter meter_;
};

/// "0:07", "12:34", "3:02:01"
std::string duration_text(double seconds);

} // namespace openset::cli
