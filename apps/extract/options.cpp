#include "extract/options.hpp"

#include <filesystem>

#include "cli/command.hpp"
#include "cli/network_defaults.hpp"
#include "cli/text_file.hpp"
#include "openset/base/error.hpp"
#include "pictures/int8_networks.hpp"

namespace openset::extract {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::usage, message); }

} // namespace

void add_options(CLI::App& app, Options& options) {
    cli::add_names(app, "PATH", options.inputs.paths,
                   "folders with a folder for each class in them, pictures, tar files");
    app.add_option("-m,--model", options.model, "the network (TorchScript)")->type_name("FILE");
    app.add_option("-c,--config", options.config,
                   "instead of --model: the classifier of a pipeline config, with the preprocessing that it says")
        ->type_name("FILE");
    app.add_option("-o,--output", options.output, "folder for the store, whole or not at all")
        ->type_name("DIR")
        ->required();
    app.add_option("--csv", options.inputs.csv,
                   "instead of PATH: a table with the columns path, relative to the table's folder, and label")
        ->type_name("FILE");
    app.add_flag("--unlabelled,--unlabeled", options.unlabelled, "the folders tell no classes: every label is -1");
    app.add_option("--files-from", options.inputs.files_from,
                   "read names of pictures and folders from FILE, one a line; - is standard input")
        ->type_name("FILE");
    app.add_flag("--resume", options.resume, "go on after the rows that an interrupted run left in DIR.partial");
    app.add_flag("--force", options.force, "replace a store that stands there, or what an interrupted run left");
    app.add_flag("--dry-run", options.dry_run, "load the network, count the inputs (if any are named), and stop");

    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    more("--files-from0", options.inputs.files_from0,
         "read names that end in a NUL byte, as find -print0 writes them, from FILE")
        ->type_name("FILE");
    more("--shard", options.inputs.shard,
         "every N-th input only, beginning with number I (from 0); openset merge joins the stores")
        ->type_name("I/N");
    more("--labels", options.label_file, "label names, one a line, for a network that carries none")->type_name("FILE");
    cli::add_preprocess_option(app, options.preprocess);
    pictures::add_run_flags(app, options);
    pictures::add_outcome_flags(app, options);
    pictures::add_fast_decode(app, options);
}

void resolve(const CLI::App& app, Options& options) {
    pictures::resolve(options);
    options.runner.keep_activations = true;
    options.runner.top = 0;
    const auto given = [&app](const char* flag) { return app.get_option(flag)->count() > 0; };
    if (given("--model") == given("--config")) {
        refuse(given("--model") ? "--model together with --config: expected one of them"
                                : "no network was named, expected --model FILE, or --config FILE for its classifier");
    }
    if (options.unlabelled && given("--csv"))
        refuse("--unlabelled together with --csv: the table tells the classes; leave one of them out");
    if (options.output == "-" || options.output.empty())
        refuse("-o " + options.output + ": a store is a folder, expected the name of one");
}

cascade::PipelineConfig classifier_config(const Options& options) {
    cascade::PipelineConfig result;
    if (!options.config.empty()) {
        const auto config = cascade::parse_pipeline_config(
            cli::read_text_file(options.config, "a pipeline config, as openset init writes one"), options.config,
            std::filesystem::path(options.config).parent_path());
        result.name = config.name;
        result.classifier.network = config.classifier.network;
    } else {
        result.name = std::filesystem::path(options.model).stem().string();
        result.classifier.network.model = options.model;
    }
    return options.precision == "int8" ? pictures::with_int8_networks(std::move(result)) : result;
}

const std::string& name_of_config(const Options& options) {
    return options.config.empty() ? options.model : options.config;
}

} // namespace openset::extract
