#include "openset/base/log.hpp"

#include <memory>
#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <string>

#include "openset/base/printable.hpp"

namespace openset {
namespace {

/// "openset: warning: message" or a JSON object; spdlog's own pattern cannot escape JSON.
class LineFormatter : public spdlog::formatter {
public:
    explicit LineFormatter(const LogOptions& options) : options_(options) {}

    std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<LineFormatter>(options_); }

    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& destination) override {
        const std::string text(message.payload.data(), message.payload.size());
        append(destination, options_.json ? json_line(message, text) : plain_line(message.level, text));
    }

private:
    static void append(spdlog::memory_buf_t& destination, const std::string& line) {
        destination.append(line.data(), line.data() + line.size());
    }

    static std::string json_line(const spdlog::details::log_msg& message, const std::string& text) {
        const auto since_epoch = std::chrono::duration<double>(message.time.time_since_epoch()).count();
        const auto level = spdlog::level::to_string_view(message.level);
        const nlohmann::ordered_json line = {
            {"time", since_epoch}, {"level", std::string(level.data(), level.size())}, {"message", text}};
        return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }

    std::string plain_line(spdlog::level::level_enum level, const std::string& text) const {
        std::string line = options_.over_progress_line ? "\r\x1b[K" : "";
        line += "openset: ";
        if (level == spdlog::level::warn) line += options_.colour ? "\x1b[33mwarning:\x1b[0m " : "warning: ";
        return line + printable(text) + "\n";
    }

    LogOptions options_;
};

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
    case LogLevel::error: return spdlog::level::err;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::debug: return spdlog::level::debug;
    }
    return spdlog::level::warn;
}

std::shared_ptr<spdlog::logger> make_logger(const LogOptions& options) {
    auto logger = std::make_shared<spdlog::logger>("openset", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_formatter(std::make_unique<LineFormatter>(options));
    logger->set_level(spdlog_level(options.level));
    return logger;
}

std::shared_ptr<spdlog::logger>& logger() {
    static std::shared_ptr<spdlog::logger> instance = make_logger({});
    return instance;
}

void log(spdlog::level::level_enum level, std::string_view message) {
    logger()->log(level, spdlog::string_view_t(message.data(), message.size()));
}

} // namespace

void set_up_log(const LogOptions& options) { logger() = make_logger(options); }

void log_error(std::string_view message) { log(spdlog::level::err, message); }
void log_notice(std::string_view message) {
    if (logger()->level() > spdlog::level::warn) return;
    // Past the logger, whose level would hold back everything of this one.
    const spdlog::details::log_msg line("openset", spdlog::level::info, {message.data(), message.size()});
    for (const auto& sink : logger()->sinks()) sink->log(line);
}

void log_warning(std::string_view message) { log(spdlog::level::warn, message); }
void log_info(std::string_view message) { log(spdlog::level::info, message); }
void log_debug(std::string_view message) { log(spdlog::level::debug, message); }

} // namespace openset
