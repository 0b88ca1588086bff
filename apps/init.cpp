// openset init NETWORKS: a pipeline config to begin with. With --from-reference: the reference system's, converted.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <vector>

#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/text_file.hpp"
#include "inspect/kind.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/cascade/reference_config.hpp"
#include "openset/cascade/starter_config.hpp"
#include "openset/detect/training_data.hpp"

using namespace openset;

namespace {

namespace fs = std::filesystem;

struct InitOptions {
    std::vector<std::string> networks;
    std::string reference, name, output;
    bool force = false, dry_run = false;
};

struct NewFile {
    std::string path, text;
};

/// What is to be written: the config first, then what belongs to it.
struct Plan {
    std::vector<NewFile> files;
    std::string next; ///< what the user does now
};

/// All of them before the first is written: half a config is worse than none.
void check_places(const std::vector<NewFile>& files, bool force) {
    for (const NewFile& file : files) {
        check_place_for_file(file.path);
        cli::refuse_replacing(file.path, force, "");
    }
}

Plan plan_from_reference(const InitOptions& options) {
    const auto imported = cascade::import_reference_config(
        cli::read_text_file(options.reference, "a classification.config"), options.reference, options.name);
    for (const std::string& note : imported.notes) log_warning(note);
    const std::string output = options.output.empty() ? options.name + ".json" : options.output;
    const std::string stem = output.ends_with(".json") ? output.substr(0, output.size() - 5) : output;
    return {{{output, imported.config_json + "\n"},
             {stem + ".species.labels.txt", imported.species_labels_text},
             {stem + ".classifier.labels.txt", imported.classifier_labels_text}},
            "export the networks it names as TorchScript, then openset infer -c " + output + " --dry-run PHOTOS"};
}

/// The files of a folder with one of these endings, in the order of their names.
std::vector<fs::path> files_in(const fs::path& folder, const std::vector<std::string>& endings) {
    std::vector<fs::path> files;
    std::error_code problem;
    for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
        if (std::ranges::find(endings, entry->path().extension().string()) != endings.end() && !entry->is_directory())
            files.push_back(entry->path());
    }
    if (problem) throw Error(ErrorKind::unreadable, folder.string() + ": cannot list the folder: " + problem.message());
    std::ranges::sort(files);
    return files;
}

void leave_out(const Error& error) { log_warning(std::string(error.what()) + "; left out"); }

/// Fitted detectors and operating points among the JSON files of a folder; others have their own business there.
void open_measurements(const fs::path& folder, cascade::StarterFiles& files) {
    for (const fs::path& file : files_in(folder, {".json"})) {
        try {
            const auto kind = inspect::kind_of(file);
            if (kind == inspect::Kind::fitted) {
                io::FittedFile fitted = io::read_fitted(file);
                if (fitted.method != detect::TrainingData::sums_name) files.detectors.push_back(std::move(fitted));
            }
            if (kind == inspect::Kind::operating_point) files.points.push_back({file, io::read_operating_point(file)});
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::usage) leave_out(error); // usage: a config, or another kind of JSON
        }
    }
}

/// Files that were named have to be networks; of a folder, what is there to make a pipeline of.
cascade::StarterFiles open_files(const std::vector<std::string>& paths) {
    cascade::StarterFiles files;
    for (const std::string& path : paths) {
        std::error_code unknown; // opening says why
        if (fs::status(path, unknown).type() == fs::file_type::not_found) {
            const std::string name = path.substr(0, path.find_last_not_of('/') + 1);
            throw Error(ErrorKind::not_found,
                        path + ": " + no_such_file(name, "a folder of networks, or a network (TorchScript archive)"));
        }
        if (!fs::is_directory(path, unknown)) {
            files.networks.push_back(model::open_network_file(path));
            continue;
        }
        for (const fs::path& file : files_in(path, {".pt", ".pth", ".ts", ".torchscript", ".jit"})) {
            try {
                files.networks.push_back(model::open_network_file(file));
            } catch (const Error& error) {
                leave_out(error);
            }
        }
        open_measurements(path, files);
    }
    if (files.networks.empty())
        throw Error(ErrorKind::usage, paths.front() + ": found no networks, expected TorchScript archives (.pt) there");
    return files;
}

/// The file is named after the pipeline, or the pipeline after the file.
Plan plan_from_networks(const InitOptions& options) {
    const auto files = open_files(options.networks);
    const std::string given = options.name.empty() ? fs::path(options.output).stem().string() : options.name;
    const std::string name = given.empty() || given == "-" ? "pipeline" : given;
    const std::string output = options.output.empty() ? name + ".json" : options.output;
    const fs::path folder = output == "-" ? fs::path() : fs::path(output).parent_path();
    const auto starter = cascade::make_starter_config(name, files, folder);
    for (const std::string& warning : starter.warnings) log_warning(warning);
    for (const std::string& note : starter.notes) log_notice(note);
    return {{{output, starter.config_json}}, "openset infer -c " + output + " --dry-run PHOTOS"};
}

int run(const InitOptions& options) {
    if (options.networks.empty() == options.reference.empty()) {
        throw Error(
            ErrorKind::usage,
            std::string(options.reference.empty() ? "found no networks" : "--from-reference together with PATH") +
                ", expected one of them: a folder of networks, or --from-reference FILE --name NAME");
    }
    if (!options.reference.empty() && options.name.empty())
        throw Error(ErrorKind::usage,
                    "--from-reference " + options.reference + ": found no --name, expected one of its MODELS");
    const Plan plan = options.reference.empty() ? plan_from_networks(options) : plan_from_reference(options);
    if (options.output == "-") {
        std::cout << plan.files.front().text;
        return cli::exit_done;
    }
    check_places(plan.files, options.force);
    if (options.dry_run) {
        for (const NewFile& file : plan.files) std::cout << "would write " << file.path << "\n";
        return cli::exit_done;
    }
    for (const NewFile& file : plan.files) {
        write_file_atomically(file.path, file.text);
        log_notice("wrote " + file.path);
    }
    log_notice("next: " + plan.next);
    return cli::exit_done;
}

} // namespace

int main(int argc, char** argv) {
    InitOptions options;
    cli::Command command(
        "openset init",
        "Writes a pipeline config to begin with: guesses from the networks' names and labels which is the gate, "
        "the species filter and the classifier, and which fitted detector stands behind it, and says what it guessed. "
        "Or converts the reference system's "
        "classification.config.",
        {{"openset init models/ -o cats.json", "look at the networks in a folder, and write cats.json"},
         {"openset init --from-reference classification.config --name spaniels",
          "writes spaniels.json and its label files"}});
    cli::add_names(command.app(), "PATH", options.networks, "networks (TorchScript archives), or folders of them");
    command.app()
        .add_option("-o,--output", options.output,
                    "config to write (default: NAME.json of --name NAME, else pipeline.json); - prints it")
        ->type_name("FILE");
    command.app()
        .add_option("--name", options.name,
                    "the pipeline's name (default: that of the -o file without .json, else pipeline); with "
                    "--from-reference, which of its MODELS")
        ->type_name("NAME");
    command.app()
        .add_option("--from-reference", options.reference, "the reference system's classification.config")
        ->type_name("FILE");
    command.app().add_flag("--force", options.force, "replace files that exist");
    command.app().add_flag("--dry-run", options.dry_run, "say what would be written, and stop");
    return command.main(argc, argv, [&] { return run(options); });
}
