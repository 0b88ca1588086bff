#pragma once

#include <string_view>

/// Messages for people, on standard error. Set up once at start; every thread may log.
namespace openset {

enum class LogLevel { error, warning, info, debug };

struct LogOptions {
    LogLevel level = LogLevel::warning; ///< the least important one shown
    bool json = false;                  ///< one JSON object a line: time, level, message
    bool colour = false;
    bool over_progress_line = false; ///< a progress line may stand on the terminal: wipe it first
};

void set_up_log(const LogOptions& options);

void log_error(std::string_view message);
void log_warning(std::string_view message);
/// What a run did or wrote: level info, but shown unless errors alone are wanted.
void log_notice(std::string_view message);
void log_info(std::string_view message);
void log_debug(std::string_view message);

} // namespace openset
