#include <algorithm>
#include <cctype>
#include <sstream>

#include "cli/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/manual.hpp"
#include "cli/version.hpp"

namespace openset::cli {
namespace {

/// Text as roff reads it. A hyphen would be set as a dash: what users copy must be a minus.
std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\') {
            result += "\\e";
        } else if (c == '-') {
            result += "\\-";
        } else {
            result += c;
        }
    }
    // At the start of a line these two begin a request.
    return result.starts_with('.') || result.starts_with('\'') ? "\\&" + result : result;
}

/// Words as roff reads them, in lines that editors and linters like; roff fills its own.
std::string prose(const std::string& text) {
    constexpr std::size_t width = 72;
    std::istringstream words(text);
    std::string result, line;
    for (std::string word; words >> word;) {
        if (!line.empty() && line.size() + 1 + word.size() > width) {
            result += escaped(line) + "\n";
            line.clear();
        }
        line += (line.empty() ? "" : " ") + word;
    }
    return result + escaped(line);
}

std::string bold(const std::string& text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string upper_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

std::string title(const std::string& program) {
    return ".TH " + escaped(upper_case(program)) + " 1 \"\" \"openset " + version + "\" \"openset manual\"\n";
}

std::string section(const std::string& name, const std::string& text) { return ".SH " + name + "\n" + text; }

std::string paragraph(const std::string& tag, const std::string& text) { return ".TP\n" + tag + "\n" + text + "\n"; }

std::string without_full_stop(std::string text) {
    if (text.ends_with('.')) text.pop_back();
    return text;
}

std::string synopsis(const CommandDefinition& command) {
    std::string text = bold(command.name) + " [" + italic("options") + "]";
    for (const Argument& argument : command.arguments) {
        const std::string name = italic(argument.value.name) + (argument.many ? "..." : "");
        text += argument.required ? " " + name : " [" + name + "]";
    }
    return text + "\n";
}

std::string flag_paragraphs(const CommandDefinition& command, bool more) {
    std::string text;
    for (const Flag& flag : command.flags) {
        if (flag.more != more) continue;
        std::string tag;
        for (const std::string& name : flag.names) tag += (tag.empty() ? "" : ", ") + bold(name);
        if (!flag.value.name.empty()) tag += " " + italic(flag.value.name);
        text += paragraph(tag, prose(flag.description));
    }
    return text;
}

std::string options(const CommandDefinition& command) {
    std::string text;
    for (const Argument& argument : command.arguments)
        text += paragraph(italic(argument.value.name), prose(argument.description));
    return text + flag_paragraphs(command, false) + ".SS More options\n" + flag_paragraphs(command, true);
}

std::string examples(const std::vector<Example>& list) {
    std::string text;
    for (const Example& example : list) text += paragraph(bold(example.command), prose(example.effect));
    return text;
}

std::string exit_status() {
    std::string text;
    for (const ExitCodeMeaning& each : exit_code_meanings)
        text += paragraph(bold(std::to_string(each.code)), prose(each.meaning));
    return text;
}

std::string colour_environment() {
    return paragraph(bold("NO_COLOR"),
                     "If set to anything, no colours, unless\n" + bold("--color always") + " asks for them.") +
           paragraph(bold("TERM"), bold("dumb") + " means a terminal without colours.");
}

} // namespace

std::string man_page(const CommandDefinition& command) {
    return title(command.program()) +
           section("NAME",
                   escaped(command.program()) + " \\- " + prose(without_full_stop(command.description)) + "\n") +
           section("SYNOPSIS", synopsis(command)) + section("DESCRIPTION", prose(command.description) + "\n") +
           section("OPTIONS", options(command)) + section("EXAMPLES", examples(command.examples)) +
           section("EXIT STATUS", exit_status()) + section("ENVIRONMENT", colour_environment()) +
           section("SEE ALSO", ".BR openset (1)\n");
}

std::string man_page_of_openset() {
    std::string list, see_also;
    for (const CommandEntry& command : commands) {
        const std::string program = std::string("openset-") + command.name;
        list += paragraph(bold(command.name), prose(command.purpose));
        see_also += (see_also.empty() ? ".BR " : ",\n.BR ") + escaped(program) + " (1)";
    }
    const std::string blas = "The command that " + bold("openset") + " starts finds it set to\n";
    return title("openset") + section("NAME", "openset \\- image classification that knows what it does not know\n") +
           section("SYNOPSIS", bold("openset") + " " + italic("COMMAND") + " [" + italic("options") + "]\n.br\n" +
                                   bold("openset help") + " [" + italic("COMMAND") + "]\n") +
           section("DESCRIPTION",
                   prose("Says of pictures what they are, or that they are none of the things its networks know.") +
                       "\n" + bold("openset COMMAND") + " runs " + bold("openset-COMMAND") +
                       ", which is looked for beside\n" + bold("openset") + ", in libexec/openset and in PATH.\n") +
           section("COMMANDS", list) +
           section("OPTIONS", paragraph(bold("-h") + ", " + bold("--help"), "the commands") +
                                  paragraph(bold("--version"), "the version")) +
           section("EXAMPLES", examples(examples_of_openset)) +
           section("EXIT STATUS", "That of the command.\n" + exit_status()) +
           section("ENVIRONMENT",
                   colour_environment() +
                       paragraph(bold("OPENBLAS_NUM_THREADS"),
                                 blas + "1, unless it is set: inference has threads of its own.") +
                       paragraph(bold("OPENBLAS_CORETYPE"),
                                 blas + "what OpenBLAS should see in an Intel processor, unless it is set.")) +
           section("SEE ALSO", see_also + "\n");
}

} // namespace openset::cli
