#include "cli/definition.hpp"

#include <algorithm>
#include <sstream>

#include "openset/base/spelling.hpp"

namespace openset::cli {
namespace {

/// Validators keep nothing but functions and a name: the words of one_of() travel in the name, after this.
constexpr const char* words_mark = "one of:";

std::vector<std::string> words_of(CLI::Option& option) {
    std::string name;
    try {
        name = option.get_validator(0)->get_name();
    } catch (const CLI::OptionNotFound&) {
        return {}; // CLI11's only way to say that there is none
    }
    if (!name.starts_with(words_mark)) return {};
    std::istringstream text(name.substr(std::string_view(words_mark).size()));
    std::vector<std::string> words;
    for (std::string word; text >> word;) words.push_back(word);
    return words;
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

Value value_of(CLI::Option& option, const std::string& name) {
    Value value{name, ValueKind::text, words_of(option)};
    if (!value.words.empty()) {
        value.kind = ValueKind::words;
    } else if (contains(name, "FILE") || contains(name, "PATH") || contains(name, "PICTURE") ||
               contains(name, "PART")) {
        value.kind = ValueKind::file;
    } else if (contains(name, "DIR")) {
        value.kind = ValueKind::folder;
    }
    return value;
}

Flag flag_of(CLI::Option& option) {
    Flag flag;
    for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
    if (option.get_items_expected_max() > 0) flag.value = value_of(option, option.get_type_name());
    flag.description = option.get_description();
    flag.repeatable = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
    flag.more = option.get_group() == more_options;
    return flag;
}

} // namespace

std::string CommandDefinition::program() const {
    std::string result = name;
    std::ranges::replace(result, ' ', '-');
    return result;
}

CommandDefinition define(CLI::App& app, std::vector<Example> examples) {
    CommandDefinition definition{app.get_name(), app.get_description(), {}, {}, std::move(examples)};
    for (CLI::Option* option : app.get_options()) {
        if (option->get_group().empty()) continue;
        if (option->get_positional()) {
            definition.arguments.push_back({value_of(*option, option->get_name(true)), option->get_description(),
                                            option->get_required(), option->get_items_expected_max() > 1});
        } else {
            definition.flags.push_back(flag_of(*option));
        }
    }
    return definition;
}

CLI::Validator one_of(const std::vector<std::string>& words) {
    std::string all, name = words_mark;
    for (const std::string& word : words) {
        all += (all.empty() ? "" : ", ") + word;
        name += " " + word;
    }
    return CLI::Validator(
               [words, all](std::string& value) {
                   if (std::ranges::find(words, value) != words.end()) return std::string();
                   return "found \"" + value + "\", expected one of " + all + did_you_mean(value, words);
               },
               "")
        .name(name);
}

} // namespace openset::cli
