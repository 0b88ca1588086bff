#include "cli/usage_error.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "openset/base/spelling.hpp"

namespace openset::cli {
namespace {

bool is_hidden(const CLI::Option& option) { return option.get_group().empty(); }

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

std::vector<std::string> long_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        if (is_hidden(*option)) continue;
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
}

/// "--config FILE (pipeline config)"
std::string in_words(const CLI::Option& option) {
    const std::string description = " (" + option.get_description() + ")";
    if (option.get_positional()) return option.get_name(true) + description;
    return option.get_name() + (takes_value(option) ? " " + option.get_type_name() : "") + description;
}

std::string explain_missing(const CLI::App& app) {
    std::string missing;
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_required() && option->count() == 0)
            missing += (missing.empty() ? "" : ", ") + in_words(*option);
    }
    const CLI::Option* config = app.get_option_no_throw("--config");
    const bool needs_config = config != nullptr && config->get_required() && config->count() == 0;
    return "found no " + missing + ", expected one" +
           (needs_config ? "; openset init NETWORK -o my.json writes one" : "");
}

/// Empty where every flag is one of the command's.
std::string explain_unknown_flag(const CLI::App& app) {
    for (const std::string& extra : app.remaining()) {
        if (!extra.starts_with('-') || extra == "-") continue;
        const std::string flag = extra.substr(0, extra.find('='));
        return "unknown option " + flag + did_you_mean(flag, long_names(app));
    }
    return "";
}

std::string explain_extra(const CLI::App& app) {
    const auto extras = app.remaining();
    const auto options = app.get_options();
    const auto argument = std::ranges::find_if(options, [](const CLI::Option* each) { return each->get_positional(); });
    const std::string extra = extras.empty() ? "" : extras.front();
    const bool may_be_model = app.get_option_no_throw("--model") != nullptr;
    return "found \"" + extra + "\" left over, expected " +
           (argument == options.end() ? "flags only" : "one " + (*argument)->get_name(true)) +
           (may_be_model ? "; did you mean --model " + extra + "?" : "");
}

/// CLI11's texts begin with the option's name.
const CLI::Option* option_named_first(const CLI::App& app, std::string_view text) {
    const std::string_view name = text.substr(0, text.find_first_of(": "));
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_name() == name || option->check_lname(std::string(name))) return option;
    }
    return nullptr;
}

std::string explain_count(const CLI::App& app, const CLI::ParseError& error) {
    const CLI::Option* option = option_named_first(app, error.what());
    if (option == nullptr) return error.what();
    const std::string name = option->get_positional() ? option->get_name(true) : option->get_name();
    if (!takes_value(*option)) return name + ": found a value, expected none; leave out the = and what follows";
    if (option->count() > 1)
        return name + ": found " + std::to_string(option->count()) + " times, expected once; keep one";
    return name + ": found no value, expected " + in_words(*option);
}

/// "--a requires --b", as CLI11 writes it, and the like
std::pair<std::string, std::string> first_and_last_word(const std::string& text) {
    return {text.substr(0, text.find(' ')), text.substr(text.rfind(' ') + 1)};
}

} // namespace

std::string explain(CLI::App& app, const CLI::ParseError& error) {
    const std::string text = error.what();
    // A misspelt flag may be why another one is missing.
    if (auto unknown = explain_unknown_flag(app); !unknown.empty()) return unknown;
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return explain_extra(app);
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) return explain_missing(app);
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) return explain_count(app, error);
    if (dynamic_cast<const CLI::RequiresError*>(&error) != nullptr) {
        const auto [flag, other] = first_and_last_word(text);
        return flag + ": found without " + other + ", expected with it; add " + other + " or leave " + flag + " out";
    }
    if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr) {
        const auto [flag, other] = first_and_last_word(text);
        return flag + ": found together with " + other + ", expected one of them; leave one out";
    }
    if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
        // "Could not convert: --name = value"
        const auto name = text.find(": "), value = text.find(" = ");
        if (name != std::string::npos && value != std::string::npos)
            return text.substr(name + 2, value - name - 2) + ": found \"" + text.substr(value + 3) +
                   "\", expected a number";
    }
    return text; // of a validator
}

std::string slip(CLI::App& app, int argc, char** argv) {
    const auto flags = long_names(app);
    for (CLI::Option* option : app.get_options()) {
        if (option->get_positional() || !takes_value(*option)) continue;
        for (const std::string& value : option->results()) {
            if (std::ranges::find(flags, value) != flags.end())
                return option->get_name() + ": found the flag " + value + " in place of its value, expected " +
                       in_words(*option) + "; a file of this name is ./" + value;
        }
    }
    for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
        const std::string argument = argv[i];
        const std::string flag = argument.substr(0, argument.find('='));
        if (flag.size() + 1 == argument.size() && std::ranges::find(flags, flag) != flags.end())
            return flag + ": found no value after the =, expected one";
    }
    return "";
}

} // namespace openset::cli
