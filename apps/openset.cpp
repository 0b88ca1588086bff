// openset CMD ...: finds openset-CMD beside itself, then in libexec, then in PATH, and becomes it. No LibTorch in here.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "cli/blas_environment.hpp"
#include "cli/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/manual.hpp"
#include "cli/terminal.hpp"
#include "cli/version.hpp"
#include "openset/base/spelling.hpp"

namespace {

namespace fs = std::filesystem;
using namespace openset;

std::optional<fs::path> find_command(const std::string& name) {
    const std::string program = "openset-" + name;
    std::error_code ignored;
    const fs::path own = fs::read_symlink("/proc/self/exe", ignored);
    std::vector<fs::path> folders = {own.parent_path(), own.parent_path().parent_path() / "libexec" / "openset"};
    const char* path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "";
    while (!rest.empty()) {
        const auto colon = std::min(rest.find(':'), rest.size());
        if (colon > 0) folders.emplace_back(rest.substr(0, colon));
        rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
    for (const fs::path& folder : folders) {
        const fs::path candidate = folder / program;
        if (!folder.empty() && fs::is_regular_file(candidate, ignored) && ::access(candidate.c_str(), X_OK) == 0)
            return candidate;
    }
    return std::nullopt;
}

int answered() {
    if (cli::flush_standard_output()) return cli::exit_done;
    std::cerr << "openset: standard output: cannot write\n";
    return cli::exit_failed;
}

/// For a word that is no command: the way out, if one can be guessed.
std::string instead_of(const std::string& word, const std::vector<std::string>& names) {
    static const std::vector<std::string> verbs = {"classify", "run", "predict"};
    const bool is_verb = std::ranges::find(verbs, word) != verbs.end();
    std::error_code ignored; // it is a hint only
    if (is_verb || fs::exists(word, ignored))
        return "; pictures go to openset infer -c CONFIG " + (is_verb ? "PATH" : word);
    return did_you_mean(word, names);
}

int become(const std::string& name, char** arguments) {
    const auto program = find_command(name);
    if (!program) {
        std::vector<std::string> names;
        for (const cli::CommandEntry& command : cli::commands) names.emplace_back(command.name);
        if (std::ranges::find(names, name) != names.end()) {
            std::cerr << "openset: openset-" << name
                      << " is not installed: looked beside openset, in libexec/openset and in PATH; install openset as "
                         "a whole\n";
            return cli::exit_failed;
        }
        std::cerr << "openset: no command \"" << name << "\", expected one that openset --help lists"
                  << instead_of(name, names) << "\n";
        return cli::exit_usage;
    }
    for (const auto& [variable, value] : cli::blas_environment(cli::this_processor())) {
        ::setenv(variable.c_str(), value.c_str(), 0);
    }
    ::execv(program->c_str(), arguments);
    std::cerr << "openset: " << program->string() << ": cannot be run: " << std::strerror(errno) << "\n";
    return cli::exit_failed;
}

} // namespace

int main(int argc, char** argv) {
    const std::string first = argc > 1 ? argv[1] : "";
    if (first.empty()) {
        std::cerr << cli::help_text_of_openset();
        return cli::exit_usage;
    }
    if (first == "--version") {
        std::cout << "openset " << cli::version << "\n";
        return answered();
    }
    if (first == "--generate" && argc == 3) { // for the build
        std::cout << cli::generate_for_openset(argv[2]);
        return answered();
    }
    const bool help_word = first == "help";
    if (first == "--help" || first == "-h" || first == "--help-all" || (help_word && argc == 2)) {
        std::cout << cli::help_text_of_openset();
        return answered();
    }
    if (help_word) {
        std::string help = "--help";
        std::array<char*, 3> arguments = {argv[2], help.data(), nullptr};
        return become(argv[2], arguments.data());
    }
    if (first.starts_with('-')) {
        const std::vector<std::string> flags = {"--help", "--version"};
        const std::string meant = did_you_mean(first, flags);
        std::cerr << "openset: unknown option " << first << meant << (meant.empty() ? "; options" : " Options")
                  << " follow the command: openset COMMAND [options]\n";
        return cli::exit_usage;
    }
    return become(first, argv + 1);
}
