#pragma once

#include <string>

#include "cli/definition.hpp"

/// What is made from the definitions of commands: help, man pages, and completions for shells.
namespace openset::cli {

/// all  whether the options that `--help` leaves out are listed too
std::string help_text(const CommandDefinition& command, bool all);
std::string help_text_of_openset();

/// roff, with the macros of man(7).
std::string man_page(const CommandDefinition& command);
std::string man_page_of_openset();

enum class Shell { bash, zsh, fish };

/// One command's part of a completion. The parts of all commands in any order, then the frame, make the file that a
/// shell reads; zsh wants `#compdef` with the programs' names in front.
std::string completion(Shell shell, const CommandDefinition& command);
std::string completion_frame(Shell shell);

/// The answer to a hidden `--generate WORD` with the word man, bash, zsh or fish. Throws Error(usage) for another.
std::string generate(const std::string& word, const CommandDefinition& command);
std::string generate_for_openset(const std::string& word);

} // namespace openset::cli
