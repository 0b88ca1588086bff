#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace openset::cli {

/// What CLI11 found wrong, told as every other message of openset is: the thing, what was found, what was expected.
std::string explain(CLI::App& app, const CLI::ParseError& error);

/// What CLI11 lets pass although it can hardly be meant: a flag as another flag's value (`-o --dry-run`), and a sign
/// without a value (`--output= a.png` would write over the picture). Empty where all is well.
std::string slip(CLI::App& app, int argc, char** argv);

} // namespace openset::cli
