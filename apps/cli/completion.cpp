#include <algorithm>

#include "cli/commands.hpp"
#include "cli/manual.hpp"

namespace openset::cli {
namespace {

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
    return text;
}

/// In single quotes, as bash and zsh read them.
std::string shell_quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : text) result += c == '\'' ? "'\\''" : std::string(1, c);
    return result + "'";
}

/// The function of a shell that completes one command.
std::string function_name(const std::string& program) {
    std::string name = "_" + program;
    std::ranges::replace(name, '-', '_');
    return name;
}

/// What openset itself takes in place of a command.
const std::vector<std::string> own_flags = {"-h", "--help", "--version"};

std::vector<std::string> command_names() {
    std::vector<std::string> names;
    for (const CommandEntry& command : commands) names.emplace_back(command.name);
    return names;
}

std::vector<std::string> programs() {
    std::vector<std::string> programs = {"openset"};
    for (const CommandEntry& command : commands) programs.push_back(std::string("openset-") + command.name);
    return programs;
}

// ---- bash: a command's function says what the flag in $1 takes, for the frame to complete it

std::string bash_value(const Value& value) {
    switch (value.kind) {
    case ValueKind::text: return "kind=text";
    case ValueKind::words: return "kind=words words=" + shell_quoted(joined(value.words, " "));
    case ValueKind::file: return "kind=file";
    case ValueKind::folder: return "kind=folder";
    }
    return "";
}

std::string bash_part(const CommandDefinition& command) {
    std::string flags, cases;
    for (const Flag& flag : command.flags) {
        flags += (flags.empty() ? "" : " ") + joined(flag.names, " ");
        if (!flag.value.name.empty())
            cases += "    " + joined(flag.names, " | ") + ") " + bash_value(flag.value) + " ;;\n";
    }
    if (!command.arguments.empty()) cases += "    '') " + bash_value(command.arguments.front().value) + " ;;\n";
    return function_name(command.program()) + "() {\n    flags=" + shell_quoted(flags) + "\n    case $1 in\n" + cases +
           "    esac\n}\n";
}

constexpr const char* bash_frame = R"frame(
_openset() {
    local current=${COMP_WORDS[COMP_CWORD]} i command=${1##*/} first=1 part flag='' flags='' flags_ended='' kind='' words=''
    COMPREPLY=()
    if [[ $command == openset ]]; then
        if ((COMP_CWORD == 1)); then
            words="$_openset_commands help"
            [[ $current == -* ]] && words=$_openset_flags
            COMPREPLY=($(compgen -W "$words" -- "$current"))
            return
        fi
        command=${COMP_WORDS[1]} first=2
        if [[ $command == help ]]; then
            ((COMP_CWORD == 2)) && COMPREPLY=($(compgen -W "$_openset_commands" -- "$current"))
            return
        fi
    fi
    part=_openset_${command#openset-} part=${part//-/_}
    if ! declare -F "$part" >/dev/null; then
        compopt -o default
        return
    fi
    # bash takes --flag=value apart: the flag, the sign, the value.
    if [[ $current == '=' ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 1]} current=''
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == '=' ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 2]}
    elif ((COMP_CWORD > first)); then
        flag=${COMP_WORDS[COMP_CWORD - 1]}
    fi
    for ((i = first; i < COMP_CWORD; ++i)); do
        [[ ${COMP_WORDS[i]} == -- ]] && flags_ended=1
    done
    if [[ $flag == -* && -z $flags_ended ]]; then "$part" "$flag"; fi
    if [[ -z $kind ]]; then
        "$part" ''
        if [[ $current == -* && -z $flags_ended ]]; then kind=words words=$flags; fi
    fi
    case $kind in
    words) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    file) compopt -o default ;;
    folder) compopt -o dirnames ;;
    esac
}
)frame";

// ---- zsh: specifications for _arguments

/// What is said and offered for a value: ":FILE:_files".
std::string zsh_value(const Value& value) {
    std::string name;
    for (const char c : value.name) name += c == ':' ? "\\:" : std::string(1, c);
    switch (value.kind) {
    case ValueKind::text: return ":" + name + ": ";
    case ValueKind::words: return ":" + name + ":(" + joined(value.words, " ") + ")";
    case ValueKind::file: return ":" + name + ":_files";
    case ValueKind::folder: return ":" + name + ":_files -/";
    }
    return "";
}

std::string zsh_description(const std::string& text) {
    std::string result = "[";
    for (const char c : text) result += c == '[' || c == ']' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return result + "]";
}

std::string zsh_part(const CommandDefinition& command) {
    std::string specifications;
    const auto add = [&specifications](const std::string& text) { specifications += " \\\n    " + shell_quoted(text); };
    for (const Flag& flag : command.flags) {
        const std::string before = flag.repeatable ? "*" : "(" + joined(flag.names, " ") + ")";
        const bool takes_value = !flag.value.name.empty();
        for (const std::string& name : flag.names) {
            const std::string sign = takes_value ? (name.starts_with("--") ? "=" : "+") : "";
            add(before + name + sign + zsh_description(flag.description) + (takes_value ? zsh_value(flag.value) : ""));
        }
    }
    for (const Argument& argument : command.arguments) add((argument.many ? "*" : "") + zsh_value(argument.value));
    return function_name(command.program()) + "() {\n  _arguments -s -S" + specifications + "\n}\n";
}

constexpr const char* zsh_frame = R"frame(
_openset() {
  local program=${service:-$words[1]} part
  if [[ ${program:t} == openset ]]; then
    if (( CURRENT == 2 )); then
      if [[ $PREFIX == -* ]]; then
        _describe option _openset_flags
      else
        _describe command _openset_commands
      fi
      return
    fi
    if [[ $words[2] == help ]]; then
      (( CURRENT == 3 )) && _describe command _openset_commands
      return
    fi
    program=openset-$words[2]
    shift words
    (( CURRENT-- ))
  fi
  part=_${${program:t}//-/_}
  if (( $+functions[$part] )); then
    $part
  else
    _files
  fi
}

# Read as a function of the completion system, or by "source".
if [[ $funcstack[1] == _openset ]]; then
  _openset "$@"
else
  compdef _openset $_openset_programs
fi
)frame";

// ---- fish: one line a flag

std::string fish_quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : text) result += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return result + "'";
}

std::string fish_value(const Value& value) {
    switch (value.kind) {
    case ValueKind::text: return " -x";
    case ValueKind::words: return " -x -a " + fish_quoted(joined(value.words, " "));
    case ValueKind::file: return " -r -F";
    case ValueKind::folder: return " -x -a '(__fish_complete_directories)'";
    }
    return "";
}

std::string fish_part(const CommandDefinition& command) {
    const std::string name = command.program().substr(std::string_view("openset-").size());
    const std::string start = "complete -c openset -n '__openset_is " + name + "'";
    std::string text = "complete -c " + command.program() + " -w " + fish_quoted(command.name) + "\n";
    for (const Flag& flag : command.flags) {
        text += start;
        for (const std::string& each : flag.names) {
            text += each.starts_with("--") ? " -l " + each.substr(2) : " -s " + each.substr(1);
        }
        text += (flag.value.name.empty() ? "" : fish_value(flag.value)) + " -d " + fish_quoted(flag.description) + "\n";
    }
    if (command.arguments.empty()) return text + start + " -f\n";
    const Value& value = command.arguments.front().value;
    if (value.kind == ValueKind::file) return text + start + " -F\n";
    return text + start + (value.kind == ValueKind::text ? " -f" : " -f" + fish_value(value).substr(3)) + "\n";
}

constexpr const char* fish_frame = R"frame(
function __openset_is -a command -d 'whether the command line runs this command of openset'
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test $words[2] = $command
end

function __openset_has_no_command
    test (count (commandline -opc)) -eq 1
end

complete -c openset -n __openset_has_no_command -f
complete -c openset -n __openset_has_no_command -s h -l help -d 'the commands'
complete -c openset -n __openset_has_no_command -l version -d 'the version'
complete -c openset -n __openset_has_no_command -a help -d 'the help of a command'
complete -c openset -n '__openset_is help' -f
)frame";

} // namespace

std::string completion(Shell shell, const CommandDefinition& command) {
    switch (shell) {
    case Shell::bash: return bash_part(command);
    case Shell::zsh: return zsh_part(command);
    case Shell::fish: return fish_part(command);
    }
    return "";
}

std::string completion_frame(Shell shell) {
    std::string list;
    switch (shell) {
    case Shell::bash:
        return "_openset_commands=" + shell_quoted(joined(command_names(), " ")) +
               "\n_openset_flags=" + shell_quoted(joined(own_flags, " ")) + bash_frame + "complete -F _openset " +
               joined(programs(), " ") + "\n";
    case Shell::zsh:
        for (const CommandEntry& command : commands)
            list += "  " + shell_quoted(std::string(command.name) + ":" + command.purpose) + "\n";
        return "_openset_commands=(\n" + list +
               "  'help:the help of a command'\n)\n_openset_flags=(\n"
               "  '-h:the commands'\n  '--help:the commands'\n  '--version:the version'\n)\n_openset_programs=(" +
               joined(programs(), " ") + ")\n" + zsh_frame;
    case Shell::fish:
        for (const CommandEntry& command : commands) {
            for (const char* when : {"__openset_has_no_command", "'__openset_is help'"}) {
                list += std::string("complete -c openset -n ") + when + " -f -a " + command.name + " -d " +
                        fish_quoted(command.purpose) + "\n";
            }
        }
        return fish_frame + list;
    }
    return "";
}

} // namespace openset::cli
