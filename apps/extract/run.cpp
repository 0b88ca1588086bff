#include "extract/run.hpp"

#include <chrono>
#include <iostream>
#include <unistd.h>

#include "cli/command.hpp"
#include "cli/network_defaults.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "extract/store_output.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/missing_file.hpp"
#include "pictures/networks.hpp"
#include "pictures/run.hpp"
#include "pictures/run_facts.hpp"

namespace openset::extract {
namespace {

/// "7 labels, 1280 features"
std::string shape_text(const flow::LoadedStage& classifier) {
    const model::Head* head = classifier.network->head();
    return std::to_string(classifier.network->info().labels.size()) + " labels, " +
           (head != nullptr ? std::to_string(head->features()) + " features" : "no last Linear");
}

flow::LoadedPipeline load_network(const Options& options, const cascade::PipelineConfig& config,
                                  io::RunRecord& record) {
    flow::PipelineLoadOptions how;
    how.closed_set = true;
    how.preprocess = cli::preprocess_named(options.preprocess);
    if (!options.label_file.empty())
        how.labels = {{cascade::Stage::classifier, cli::read_label_file(options.label_file)}};
    return pictures::load_networks(config, name_of_config(options), options.load, how, record);
}

/// --dry-run
int tell_what_would_be_done(const Options& options, const flow::LoadedStage& classifier, const pictures::Inputs* inputs,
                            const Cancellation& cancellation) {
    std::cout << classifier.file.path.string() << ": " << shape_text(classifier) << ", sha256 "
              << classifier.file.sha256.substr(0, 12) << "\n";
    std::cout << (inputs != nullptr ? pictures::count_text(*inputs, cancellation) : "no inputs were named")
              << "; nothing was run\n";
    if (cli::caught_signal() != 0) throw cli::Interrupted();
    return inputs == nullptr || inputs->missing().empty() || options.max_errors > 0 ? cli::exit_done
                                                                                    : cli::exit_some_failed;
}

/// What a run reads and writes must not stand in each other's way.
void check_output(const Options& options, const cascade::PipelineConfig& config, const pictures::Inputs& inputs) {
    check_place(options);
    if (const auto around = inputs.folder_around(options.output)) {
        throw Error(ErrorKind::usage, "-o " + options.output + ": would lie among the pictures in " + *around +
                                          "; choose another folder");
    }
    std::error_code ignored; // what is not there cannot be replaced
    const auto& model = config.classifier.network.model;
    if (std::filesystem::equivalent(std::filesystem::absolute(model).parent_path(), options.output, ignored))
        throw Error(ErrorKind::usage, "-o " + options.output + ": holds the network; choose another folder");
}

std::string way_on(const Options& options) {
    if (options.own_classes) return "the features so far are kept, and the same command goes on";
    return "the rows so far are whole and stand in " + io::partial_store(options.output).string() +
           "; the same command with --resume goes on";
}

flow::RunStatistics run_pictures(const Options& options, const flow::LoadedPipeline& loaded, flow::InputSource& source,
                                 StoreOutput& output, const io::RunRecord& record, const Cancellation& cancellation) {
    try {
        return pictures::run(
            loaded, source, [&output](const flow::Delivery& delivery) { return output.receive(delivery); },
            options.runner, record, cancellation);
    } catch (const Error& error) { // a full disk, a list that breaks off: what is there is not lost
        throw Error(error.kind(), std::string(error.what()) + "; " + way_on(options));
    }
}

void print_summary(const Options& options, const io::RunRecord& record, const StoreOutput& output,
                   const flow::LoadedStage& classifier) {
    const io::RowCounts& counts = record.counts;
    log_notice((options.what.empty() ? "" : options.what + ": ") +
               pictures::speed_text(counts.total() - output.kept(), record.run_seconds) + ": " +
               std::to_string(counts.known) + " rows, " + std::to_string(counts.failed) + " failed" +
               (output.kept() > 0 ? " with the " + std::to_string(output.kept()) + " of before" : "") + "; " +
               shape_text(classifier) +
               (counts.failed > 0 && record.complete ? "; " + options.output + "/samples.csv says what failed" : ""));
}

} // namespace

int run(Options& options, const cascade::PipelineConfig& config, const Cancellation& cancellation) {
    if (options.dry_run && options.inputs.names_none()) {
        io::RunRecord record;
        return tell_what_would_be_done(options, load_network(options, config, record).stages.front(), nullptr,
                                       cancellation);
    }
    pictures::Inputs inputs(options.inputs);
    for (const std::string& path : inputs.missing())
        log_warning(path + ": " + no_such_file(path, "a folder of pictures, a picture or a tar file"));
    if (!options.inputs.paths.empty() && inputs.missing().size() == options.inputs.paths.size())
        throw Error(ErrorKind::usage,
                    "found nothing at " +
                        (options.inputs.paths.size() == 1 ? options.inputs.paths.front() : "any PATH") +
                        ", expected pictures; no store was begun");
    check_output(options, config, inputs);
    auto source = inputs.open(cancellation, options.runner.decode_memory);
    io::RunRecord record = pictures::begin_record(options, options.inputs, inputs);
    record.config_json = cascade::to_json(pictures::with_absolute_paths(config));
    record.closed_set = true;
    const auto load_start = std::chrono::steady_clock::now();
    const auto loaded = load_network(options, config, record);
    const flow::LoadedStage& classifier = loaded.stages.front();
    record.load_seconds = pictures::seconds_since(load_start);
    if (options.dry_run) return tell_what_would_be_done(options, classifier, &inputs, cancellation);
    pictures::choose_settings(options, record.device);
    record.threads = options.runner.threads;
    record.batch = options.runner.batch;
    Labelling labelling(options, classifier.network->info().labels);
    record.store = labelling.record();
    if (const auto whole = whole_already(options, record, labelling, *source)) {
        if (options.own_classes) return cli::exit_done;
        log_notice(options.output + ": whole already, " + std::to_string(whole->total()) + " pictures; nothing to do");
        return whole->failed > options.max_errors ? cli::exit_some_failed : cli::exit_done;
    }
    StoreOutput output(options, classifier, labelling, record, *source);
    const bool wants_total =
        options.progress != "never" && (options.progress != "auto" || cli::is_terminal(STDERR_FILENO));
    output.show_progress(wants_total ? inputs.count(cancellation) : std::nullopt);
    const auto run_start = std::chrono::steady_clock::now();
    const auto statistics = run_pictures(options, loaded, *source, output, record, cancellation);
    record.run_seconds = pictures::seconds_since(run_start);
    const int ended_by = cli::caught_signal(); // a signal from here on comes too late to cut anything short
    record.complete = ended_by == 0 && output.first_failure().empty();
    record.counts = output.counts();
    output.finish(record);

    if (record.counts.total() == 0 && record.complete) log_warning("no pictures found");
    if (!options.own_classes)
        for (const std::string& sentence : labelling.names.unknown()) log_warning(sentence);
    pictures::log_statistics(statistics, options);
    print_summary(options, record, output, classifier);
    return pictures::end_of_run({ended_by, output.first_failure(), output.counts().failed, way_on(options)},
                                options.max_errors);
}

} // namespace openset::extract
