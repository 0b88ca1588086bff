#include "cli/manual.hpp"

#include <map>

#include "openset/base/error.hpp"
#include "openset/base/spelling.hpp"

namespace openset::cli {
namespace {

const std::map<std::string, Shell> shells = {{"bash", Shell::bash}, {"zsh", Shell::zsh}, {"fish", Shell::fish}};

Shell shell_named(const std::string& word) {
    if (const auto shell = shells.find(word); shell != shells.end()) return shell->second;
    const std::vector<std::string> words = {"man", "bash", "zsh", "fish"};
    throw Error(ErrorKind::usage,
                "--generate: found \"" + word + "\", expected one of man, bash, zsh, fish" + did_you_mean(word, words));
}

} // namespace

std::string generate(const std::string& word, const CommandDefinition& command) {
    return word == "man" ? man_page(command) : completion(shell_named(word), command);
}

std::string generate_for_openset(const std::string& word) {
    return word == "man" ? man_page_of_openset() : completion_frame(shell_named(word));
}

} // namespace openset::cli
