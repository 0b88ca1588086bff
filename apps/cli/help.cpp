#include <algorithm>
#include <sstream>

#include "cli/commands.hpp"
#include "cli/manual.hpp"

namespace openset::cli {
namespace {

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

std::string entry(const std::string& left, const std::string& description) {
    constexpr std::size_t column = 30;
    std::string text = "  " + left;
    text.resize(std::max(text.size() + 2, column), ' ');
    return text + wrapped(description, column, 110) + "\n";
}

std::string left_column(const Flag& flag) {
    std::string text = flag.names.front().starts_with("--") ? "    " : "";
    for (const std::string& name : flag.names) text += (&name == &flag.names.front() ? "" : ", ") + name;
    return text + (flag.value.name.empty() ? "" : " " + flag.value.name);
}

std::string flag_lines(const CommandDefinition& command, bool more) {
    std::string lines;
    for (const Flag& flag : command.flags) {
        if (flag.more == more) lines += entry(left_column(flag), flag.description);
    }
    return lines;
}

std::string example_lines(const Example& example) {
    return "  " + example.command + "\n      " + example.effect + "\n";
}

} // namespace

std::string help_text(const CommandDefinition& command, bool all) {
    std::string usage = "usage: " + command.name + " [options]", arguments;
    for (const Argument& argument : command.arguments) {
        usage += (argument.required ? " " + argument.value.name : " [" + argument.value.name + "]") +
                 (argument.many ? "..." : "");
        arguments += entry(argument.value.name, argument.description);
    }
    std::string text = wrapped(command.description, 0, 100) + "\n\n" + usage + "\n";
    if (!arguments.empty()) text += "\narguments:\n" + arguments;
    text += "\noptions:\n" + flag_lines(command, false);
    if (all) text += "\nmore options:\n" + flag_lines(command, true);
    text += "\nexamples:\n";
    for (const Example& example : command.examples) text += example_lines(example);
    if (!all) text += "\n" + command.name + " --help-all lists every option.\n";
    return text;
}

std::string help_text_of_openset() {
    std::string text = "openset: image classification that knows what it does not know\n\n"
                       "usage: openset COMMAND [options]\n\ncommands:\n";
    for (const CommandEntry& command : commands) {
        std::string name = command.name;
        name.resize(12, ' ');
        text += "  " + name + command.purpose + "\n";
    }
    text += "\nexamples:\n";
    for (const Example& example : examples_of_openset) text += example_lines(example);
    return text + "\nopenset COMMAND --help tells more.\n";
}

} // namespace openset::cli
