// openset completion SHELL: the completions that were made with the programs. No LibTorch in here.

#include <filesystem>
#include <iostream>

#include "cli/command.hpp"
#include "cli/text_file.hpp"
#include "cli/version.hpp"
#include "openset/base/error.hpp"

using namespace openset;

namespace {

/// Below the folder of shared data, as shells look for them.
std::filesystem::path completion_file(const std::string& shell) {
    if (shell == "bash") return "bash-completion/completions/openset";
    if (shell == "zsh") return "zsh/site-functions/_openset";
    return "fish/vendor_completions.d/openset.fish";
}

} // namespace

int main(int argc, char** argv) {
    std::string shell;
    cli::Command command(
        "openset completion",
        "Prints what makes a shell complete openset's commands, flags and values. Where openset is installed by a "
        "package, "
        "shells find it by themselves.",
        {{"source <(openset completion bash)", "in ~/.bashrc; or, where the package bash-completion is installed:"},
         {"mkdir -p ~/.local/share/bash-completion/completions", "then"},
         {"openset completion bash > ~/.local/share/bash-completion/completions/openset",
          "bash-completion reads it when it needs it"},
         {"openset completion fish > ~/.config/fish/completions/openset.fish", "fish reads it when it needs it"},
         {"source <(openset completion zsh)", "in ~/.zshrc, below compinit"}});
    command.app()
        .add_option("SHELL", shell, "bash, zsh or fish")
        ->required()
        ->check(cli::one_of({"bash", "zsh", "fish"}));
    return command.main(argc, argv, [&] {
        const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
        const auto file = (programs / cli::share_folder / completion_file(shell)).lexically_normal();
        if (std::error_code ignored; !std::filesystem::exists(file, ignored)) {
            throw Error(ErrorKind::not_found, file.string() +
                                                  ": no such file, expected the completions that are installed "
                                                  "with openset; install it again as a whole");
        }
        std::cout << cli::read_text_file(file.string(), "completions");
        return static_cast<int>(cli::exit_done);
    });
}
