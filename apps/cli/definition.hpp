#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

/// A command as its CLI11 definitions tell it. Help, man pages and completions are made from this and from nothing else.
namespace openset::cli {

struct Example {
    std::string command;
    std::string effect;
};

/// What a shell may offer where a value is expected.
enum class ValueKind {
    text, ///< numbers, names: nothing to offer
    words,
    file,
    folder,
};

/// What stands after a flag, or an argument without one.
struct Value {
    std::string name; ///< "FILE"; empty for a flag that takes none
    ValueKind kind = ValueKind::text;
    std::vector<std::string> words; ///< of a kind `words`
};

struct Flag {
    std::vector<std::string> names; ///< "-o", "--output": short ones first
    Value value;
    std::string description;
    bool repeatable = false;
    bool more = false; ///< left to --help-all
};

struct Argument {
    Value value;
    std::string description;
    bool required = false;
    bool many = false;
};

struct CommandDefinition {
    std::string name; ///< "openset infer"
    std::string description;
    std::vector<Flag> flags;
    std::vector<Argument> arguments;
    std::vector<Example> examples;

    std::string program() const; ///< "openset-infer"
};

/// The group of options that `--help` leaves to `--help-all`. Options of the group "" are hidden everywhere.
inline constexpr const char* more_options = "More options";

/// Reads an app's options. What a value is follows from one_of(), and from the words FILE, PATH, PICTURE, PART and DIR in its
/// name: `[STAGE=]FILE` is a file.
CommandDefinition define(CLI::App& app, std::vector<Example> examples);

/// A check for CLI11 options: one of the given words, else a message with a did-you-mean.
CLI::Validator one_of(const std::vector<std::string>& words);

} // namespace openset::cli
