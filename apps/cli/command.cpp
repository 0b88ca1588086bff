#include "cli/command.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <map>
#include <new>
#include <sstream>
#include <unistd.h>

#include "cli/terminal.hpp"
#include "cli/version.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/spelling.hpp"

namespace openset::cli {
namespace {

LogLevel log_level(const CommonFlags& flags) {
    if (flags.quiet) return LogLevel::error;
    if (flags.verbose >= 2) return LogLevel::debug;
    return flags.verbose == 1 ? LogLevel::info : LogLevel::warning;
}

std::vector<std::string> option_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
}

std::string left_column(const CLI::Option& option) {
    std::string text;
    for (const std::string& name : option.get_snames()) text += (text.empty() ? "-" : ", -") + name;
    for (const std::string& name : option.get_lnames()) text += (text.empty() ? "    --" : ", --") + name;
    if (option.get_positional()) text = option.get_name(true);
    if (option.get_items_expected_max() > 0 && !option.get_positional()) text += " " + option.get_type_name();
    return text;
}

/// Wraps words at the given width, later lines indented.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
    std::istringstream words(text);
    std::string result, line;
    for (std::string word; words >> word;) {
        if (!line.empty() && indent + line.size() + 1 + word.size() > width) {
            result += line + "\n" + std::string(indent, ' ');
            line.clear();
        }
        line += (line.empty() ? "" : " ") + word;
    }
    return result + line;
}

} // namespace

Command::Command(std::string name, const std::string& description, std::vector<Example> examples)
    : name_(std::move(name)), examples_(std::move(examples)), app_(description, name_) {
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
}

std::string Command::help(bool all) const {
    std::string usage = "usage: " + name_ + " [options]";
    for (const CLI::Option* option : app_.get_options([](const CLI::Option* each) { return each->get_positional(); })) {
        usage += option->get_required() ? " " + option->get_name(true) : " [" + option->get_name(true) + "]";
        if (option->get_items_expected_max() > 1) usage += "...";
    }
    std::string text = wrapped(app_.get_description(), 0, 100) + "\n\n" + usage + "\n";
    const auto add_group = [&](const std::string& title, const std::string& group) {
        std::string lines;
        for (const CLI::Option* option : app_.get_options()) {
            if (option->get_group() != group) continue;
            std::string left = "  " + left_column(*option);
            left.resize(std::max<std::size_t>(left.size() + 2, 30), ' ');
            lines += left + wrapped(option->get_description(), 30, 110) + "\n";
        }
        if (!lines.empty()) text += "\n" + title + ":\n" + lines;
    };
    add_group("options", "Options");
    if (all) add_group("more options", more_options);
    text += "\nexamples:\n";
    for (const Example& example : examples_) text += "  " + example.command + "\n      " + example.effect + "\n";
    if (!all) text += "\n" + name_ + " --help-all lists every option.\n";
    return text;
}

void Command::explain(const CLI::ParseError& error) const {
    std::string message = error.what();
    for (const std::string& argument : app_.remaining()) {
        if (!argument.starts_with('-')) continue;
        const std::string flag = argument.substr(0, argument.find('='));
        message = "unknown option " + flag + did_you_mean(flag, option_names(app_));
        break;
    }
    print_error(name_.substr(name_.find(' ') == std::string::npos ? 0 : name_.find(' ') + 1) + ": " + message +
                (message.ends_with('?') ? " See " : "; see ") + name_ + " --help");
}

int Command::parse(int argc, char** argv, bool& answered) {
    answered = true;
    try {
        app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // --help is an answer even where a required option is missing.
        if (!help_ && !help_all_ && !version_) {
            // The flags may not have been read before the mistake was met.
            const bool json = std::any_of(
                argv + 1, argv + argc, [](const char* argument) { return std::string_view(argument) == "--log-json"; });
            set_up_log({LogLevel::error, json, false, false});
            explain(error);
            return exit_usage;
        }
    }
    if (help_ || help_all_) {
        std::cout << help(help_all_);
        return exit_done;
    }
    if (version_) {
        std::cout << "openset " << version << (version_detail_.empty() ? "" : " (" + version_detail_ + ")") << "\n";
        return exit_done;
    }
    answered = false;
    return exit_done;
}

int Command::main(int argc, char** argv, const std::function<int()>& run) {
    const int code = answer(argc, argv, run);
    if (flush_standard_output()) return code;
    print_error("standard output: cannot write");
    return exit_failed;
}

int Command::answer(int argc, char** argv, const std::function<int()>& run) {
    bool answered = false;
    const int code = parse(argc, argv, answered);
    if (answered) return code;
    set_up_log(
        {log_level(common_), common_.log_json, use_colour(common_.colour, STDERR_FILENO), is_terminal(STDERR_FILENO)});
    try {
        return run();
    } catch (const Error& error) {
        print_error(error.what());
        return error.kind() == ErrorKind::usage ? exit_usage : exit_failed;
    } catch (const std::bad_alloc&) {
        print_error("out of memory");
    } catch (const std::exception& error) {
        print_error(std::string("unexpected: ") + error.what() + "; this is a mistake in openset, please report it");
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

CLI::Validator one_of(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
    return CLI::Validator(
        [words, all](std::string& value) {
            if (std::ranges::find(words, value) != words.end()) return std::string();
            return "\"" + value + "\", expected one of " + all + did_you_mean(value, words);
        },
        "");
}

CLI::Validator whole_number(std::int64_t smallest, std::int64_t largest) {
    return CLI::Validator(
        [smallest, largest](std::string& value) {
            std::int64_t number = 0;
            const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
            const bool whole = code == std::errc() && end == value.data() + value.size();
            if (whole && number >= smallest && number <= largest) return std::string();
            return "\"" + value + "\", expected a whole number from " + std::to_string(smallest) + " to " +
                   std::to_string(largest);
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
                return "\"" + value + "\", expected a number of bytes such as 500000, 512MiB or 2GB";
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
