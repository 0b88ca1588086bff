#include "cli/command.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <map>
#include <new>
#include <sstream>
#include <unistd.h>

#include "cli/manual.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "cli/version.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"

namespace openset::cli {
namespace {

LogLevel log_level(const CommonFlags& flags) {
    if (flags.quiet) return LogLevel::error;
    if (flags.verbose >= 2) return LogLevel::debug;
    return flags.verbose == 1 ? LogLevel::info : LogLevel::warning;
}

} // namespace

Command::Command(std::string name, const std::string& description, std::vector<Example> examples)
    : examples_(std::move(examples)), app_(description, std::move(name)) {
    // CLI11's own help prints at once and cannot leave options out.
    app_.set_help_flag();
    app_.option_defaults()->always_capture_default(false);
    app_.add_flag("-h,--help", help_, "this help");
    app_.add_flag("--help-all", help_all_, "every option");
    app_.add_flag("--version", version_, "the version");
    app_.add_flag("-q,--quiet", common_.quiet, "errors only")->group(more_options);
    app_.add_flag("-v,--verbose", common_.verbose, "tell more; -vv for everything")->group(more_options);
    app_.add_option("--color", common_.colour, "auto, always or never; NO_COLOR is obeyed")
        ->type_name("WHEN")
        ->check(one_of({"auto", "always", "never"}))
        ->group(more_options);
    app_.add_flag("--log-json", common_.log_json, "messages as JSON lines")->group(more_options);
    app_.add_option("--generate", generate_, "for the build: a man page, or this command's part of a completion")
        ->group("");
}

void Command::refuse(const std::string& problem, int argc, char** argv) const {
    // The flags may not have been read before the mistake was met.
    const bool json = std::any_of(argv + 1, argv + argc,
                                  [](const char* argument) { return std::string_view(argument) == "--log-json"; });
    set_up_log({LogLevel::error, json, false, false});
    const std::string& name = app_.get_name();
    print_error(name.substr(name.find(' ') + 1) + ": " + problem + (problem.ends_with('?') ? " See " : "; see ") +
                name + " --help");
}

bool Command::answer_about_itself() {
    if (!generate_.empty()) {
        std::cout << generate(generate_, define(app_, examples_));
    } else if (help_ || help_all_) {
        std::cout << help_text(define(app_, examples_), help_all_);
    } else if (version_) {
        std::cout << "openset " << version << (version_detail_.empty() ? "" : " (" + version_detail_ + ")") << "\n";
    } else {
        return false;
    }
    return true;
}

std::optional<int> Command::parse(int argc, char** argv) {
    for (CLI::Option* option : app_.get_options()) {
        if (option->get_items_expected_max() == 0) option->disable_flag_override();
    }
    std::string problem;
    try {
        app_.parse(argc, argv);
        problem = slip(app_, argc, argv);
    } catch (const CLI::ParseError& error) {
        problem = explain(app_, error);
    }
    // --help is an answer even where a required option is missing.
    if (answer_about_itself()) return exit_done;
    if (problem.empty()) return std::nullopt;
    refuse(problem, argc, argv);
    return exit_usage;
}

int Command::main(int argc, char** argv, const std::function<int()>& run) {
    const int code = answer(argc, argv, run);
    if (flush_standard_output()) return code;
    print_error("standard output: cannot write");
    return exit_failed;
}

int Command::answer(int argc, char** argv, const std::function<int()>& run) {
    try {
        if (const auto code = parse(argc, argv)) return *code;
        set_up_log({log_level(common_), common_.log_json, use_colour(common_.colour, STDERR_FILENO),
                    is_terminal(STDERR_FILENO)});
        tell_of_lost_arrays();
        return run();
    } catch (const Interrupted&) {
        print_error("interrupted; nothing was written");
        return end_by_signal(caught_signal());
    } catch (const Error& error) {
        print_error(error.what());
        return error.kind() == ErrorKind::usage ? exit_usage : exit_failed;
    } catch (const std::bad_alloc&) {
        print_error("out of memory");
    } catch (const std::exception& error) {
        print_error(std::string("unexpected: ") + error.what() +
                    "; this is a mistake in openset: report it with the command line");
    }
    return exit_failed;
}

CLI::Option* add_names(CLI::App& app, const std::string& name, std::vector<std::string>& names,
                       const std::string& description) {
    // Only options with allow_extra_args take [a,b] apart, but without it a positional stops at the number of values it
    // expects. That number is not checked where the policy is TakeAll.
    return app.add_option(name, names, description)
        ->expected(CLI::detail::expected_max_vector_size - 1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

CLI::Validator whole_number(std::int64_t smallest, std::int64_t largest) {
    return CLI::Validator(
        [smallest, largest](std::string& value) {
            std::int64_t number = 0;
            const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
            const bool whole = code == std::errc() && end == value.data() + value.size();
            if (whole && number >= smallest && number <= largest) return std::string();
            return "found \"" + value + "\", expected a whole number from " + std::to_string(smallest) + " to " +
                   std::to_string(largest);
        },
        "");
}

CLI::Validator number(double smallest, double largest) {
    return CLI::Validator(
        [smallest, largest](std::string& text) -> std::string {
            double value = 0;
            if (CLI::detail::lexical_cast(text, value) && value >= smallest && value <= largest) return "";
            return "found \"" + text + "\", expected a number from " + CLI::detail::to_string(smallest) + " to " +
                   CLI::detail::to_string(largest);
        },
        "");
}

CLI::Validator byte_size() {
    return CLI::Validator(
        [](std::string& value) {
            static const std::map<std::string, std::int64_t> units = {
                {"", 1},          {"B", 1},         {"kB", 1'000},    {"MB", 1'000'000}, {"GB", 1'000'000'000},
                {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"K", 1 << 10},    {"M", 1 << 20},
                {"G", 1 << 30}};
            std::int64_t number = 0;
            const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
            const auto unit = units.find(value.substr(static_cast<std::size_t>(end - value.data())));
            constexpr std::int64_t most = std::int64_t{1} << 50;
            if (code != std::errc() || number < 1 || unit == units.end() || number > most / unit->second)
                return "found \"" + value + "\", expected a number of bytes such as 500000, 512MiB or 2GB";
            value = std::to_string(number * unit->second);
            return std::string();
        },
        "");
}

void print_error(const std::string& message) {
    std::istringstream lines(message);
    for (std::string line; std::getline(lines, line);) log_error(line);
}

} // namespace openset::cli
