// openset init --from-reference FILE --name NAME: a pipeline config from the reference system's classification.config

#include <filesystem>
#include <iostream>

#include "cli/command.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/log.hpp"
#include "openset/cascade/reference_config.hpp"

using namespace openset;

namespace {

struct InitOptions {
    std::string reference, name, output;
    bool force = false;
};

void write_new(const std::string& path, const std::string& text, bool force) {
    std::error_code ignored; // opening says why
    if (!force && std::filesystem::exists(path, ignored)) {
        throw Error(ErrorKind::output, path + ": exists already; choose another -o, or --force to replace it");
    }
    write_file_atomically(path, text);
    log_notice("wrote " + path);
}

int run(const InitOptions& options) {
    std::string text;
    try {
        const auto bytes = read_file(options.reference);
        text.assign(bytes.begin(), bytes.end());
    } catch (const Error& error) {
        throw Error(ErrorKind::usage, options.reference + ": " + error.what());
    }
    const auto imported = cascade::import_reference_config(text, options.reference, options.name);
    for (const std::string& note : imported.notes) log_warning(note);
    if (options.output == "-") {
        std::cout << imported.config_json << "\n";
        return cli::exit_done;
    }
    const std::string output = options.output.empty() ? options.name + ".json" : options.output;
    const std::string stem = output.ends_with(".json") ? output.substr(0, output.size() - 5) : output;
    write_new(output, imported.config_json + "\n", options.force);
    write_new(stem + ".species.labels.txt", imported.species_labels_text, options.force);
    write_new(stem + ".classifier.labels.txt", imported.classifier_labels_text, options.force);
    log_notice("next: export the networks it names as TorchScript, then openset infer -c " + output + " --dry-run PHOTOS");
    return cli::exit_done;
}

} // namespace

int main(int argc, char** argv) {
    InitOptions options;
    cli::Command command("openset init", "Writes a pipeline config, made from the reference system's classification.config.",
                         {{"openset init --from-reference classification.config --name spaniels", "writes spaniels.json and its label files"},
                          {"openset init --from-reference classification.config --name cars -o -", "prints the config"}});
    command.app().add_option("--from-reference", options.reference, "the reference system's classification.config")->type_name("FILE")->required();
    command.app().add_option("--name", options.name, "which of its MODELS")->type_name("NAME")->required();
    command.app().add_option("-o,--output", options.output, "config to write (default NAME.json); - prints it")->type_name("FILE");
    command.app().add_flag("--force", options.force, "replace files that exist");
    return command.main(argc, argv, [&] { return run(options); });
}
