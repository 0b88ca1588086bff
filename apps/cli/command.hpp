#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/definition.hpp"
#include "cli/exit_code.hpp"

/// What every openset command shares: help, version, common flags, error messages, exit codes.
namespace openset::cli {

struct CommonFlags {
    bool quiet = false;
    int verbose = 0;
    std::string colour = "auto";
    bool log_json = false;
};

/// One command's program. Construct, add options to app(), then main().
class Command {
public:
    Command(std::string name, const std::string& description, std::vector<Example> examples);

    CLI::App& app() { return app_; }
    const CommonFlags& common() const { return common_; }

    /// What `--version` adds to the version of openset.
    void set_version_detail(std::string detail) { version_detail_ = std::move(detail); }

    /// Parses the command line, sets up the log, runs, and turns exceptions into a message and an exit code; Interrupted into
    /// "nothing was written" and the end by the signal.
    int main(int argc, char** argv, const std::function<int()>& run);

private:
    /// Help, version and the like; false where nobody asked for them.
    bool answer_about_itself();
    /// The exit code where nothing is left to do.
    std::optional<int> parse(int argc, char** argv);
    int answer(int argc, char** argv, const std::function<int()>& run);
    void refuse(const std::string& problem, int argc, char** argv) const;

    std::vector<Example> examples_;
    CLI::App app_;
    CommonFlags common_;
    std::string version_detail_, generate_;
    bool help_ = false, help_all_ = false, version_ = false;
};

/// Positionals, any number of them, as they stand in argv: CLI11's vector options take `[a,b]` for a list of two.
CLI::Option* add_names(CLI::App& app, const std::string& name, std::vector<std::string>& names,
                       const std::string& description);

/// A check for CLI11 options: a whole number in [smallest, largest]. Unlike CLI::Range it leaves the help text alone.
CLI::Validator whole_number(std::int64_t smallest, std::int64_t largest);

/// The same for any number.
CLI::Validator number(double smallest, double largest);

/// A transformation for CLI11 options: "500000", "512MiB" or "2GB" becomes a number of bytes, at least 1.
CLI::Validator byte_size();

/// Prints an error the way every command does.
void print_error(const std::string& message);

} // namespace openset::cli
