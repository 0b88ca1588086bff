// openset extract --model MODEL PATH... -o STORE: labelled pictures -> activation store

#include "cli/command.hpp"
#include "cli/signals.hpp"
#include "extract/run.hpp"
#include "openset/torch/runtime.hpp"

using namespace openset;

int main(int argc, char** argv) {
    extract::Options options;
    cli::Command command(
        "openset extract",
        "Runs a network over labelled pictures and keeps what it returns: logits, features and further tensors, as an "
        "activation store that fit, score and NumPy read. A picture's class is the folder below PATH.",
        {{"openset extract --model cats8.pt train/ -o train.store", "train/Bombay/1.jpg is a Bombay"},
         {"openset extract --model cats8.pt --unlabelled far/ -o far.store", "pictures of no class"}});
    command.set_version_detail("LibTorch " + torch::runtime_facts().compiled_version);
    extract::add_options(command.app(), options);
    return command.main(argc, argv, [&] {
        extract::resolve(command.app(), options);
        options.quiet = command.common().quiet;
        return extract::run(options, extract::classifier_config(options), cli::catch_signals());
    });
}
