// openset init --from-reference FILE --name NAME: a pipeline config from the reference system's classification.config

#include <filesystem>
#include <iostream>
#include <vector>

#include "cli/command.hpp"
#include "cli/text_file.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/cascade/reference_config.hpp"

using namespace openset;

namespace {

struct InitOptions {
    std::string reference, name, output;
    bool force = false, dry_run = false;
};

struct NewFile {
    std::string path, text;
};

/// All of them before the first is written: half a config is worse than none.
void check_places(const std::vector<NewFile>& files, bool force) {
    for (const NewFile& file : files) {
        check_place_for_file(file.path);
        std::error_code ignored; // opening says why
        if (force || !std::filesystem::exists(file.path, ignored)) continue;
        throw Error(ErrorKind::output, file.path + ": exists already; choose another -o, or --force to replace it");
    }
}

int run(const InitOptions& options) {
    const auto imported =
        cascade::import_reference_config(cli::read_text_file(options.reference), options.reference, options.name);
    for (const std::string& note : imported.notes) log_warning(note);
    if (options.output == "-") {
        std::cout << imported.config_json << "\n";
        return cli::exit_done;
    }
    const std::string output = options.output.empty() ? options.name + ".json" : options.output;
    const std::string stem = output.ends_with(".json") ? output.substr(0, output.size() - 5) : output;
    const std::vector<NewFile> files = {{output, imported.config_json + "\n"},
                                        {stem + ".species.labels.txt", imported.species_labels_text},
                                        {stem + ".classifier.labels.txt", imported.classifier_labels_text}};
    check_places(files, options.force);
    if (options.dry_run) {
        for (const NewFile& file : files) std::cout << "would write " << file.path << "\n";
        return cli::exit_done;
    }
    for (const NewFile& file : files) {
        write_file_atomically(file.path, file.text);
        log_notice("wrote " + file.path);
    }
    log_notice("next: export the networks it names as TorchScript, then openset infer -c " + output +
               " --dry-run PHOTOS");
    return cli::exit_done;
}

} // namespace

int main(int argc, char** argv) {
    InitOptions options;
    cli::Command command(
        "openset init", "Writes a pipeline config, made from the reference system's classification.config.",
        {{"openset init --from-reference classification.config --name spaniels",
          "writes spaniels.json and its label files"},
         {"openset init --from-reference classification.config --name cars -o -", "prints the config"}});
    command.app()
        .add_option("--from-reference", options.reference, "the reference system's classification.config")
        ->type_name("FILE")
        ->required();
    command.app().add_option("--name", options.name, "which of its MODELS")->type_name("NAME")->required();
    command.app()
        .add_option("-o,--output", options.output, "config to write (default NAME.json); - prints it")
        ->type_name("FILE");
    command.app().add_flag("--force", options.force, "replace files that exist");
    command.app().add_flag("--dry-run", options.dry_run, "say what would be written, and stop");
    return command.main(argc, argv, [&] { return run(options); });
}
