// openset infer -c CONFIG PATH...: pictures -> verdicts

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <thread>
#include <unistd.h>

#include "cli/command.hpp"
#include "cli/network_defaults.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "cli/text_file.hpp"
#include "cli/version.hpp"
#include "infer/explain.hpp"
#include "infer/options.hpp"
#include "infer/row_output.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/torch/runtime.hpp"
#include "pictures/int8_networks.hpp"
#include "pictures/networks.hpp"
#include "pictures/run.hpp"
#include "pictures/run_facts.hpp"

using namespace openset;
using infer::Options;

namespace {

/// The detector behind the classifier and what it rejects.
void print_detector(const cascade::PipelineConfig& config, const cascade::Unknown& unknown) {
    std::cout << "unknown: " << unknown.detector->method();
    if (config.unknown->fitted) std::cout << " of " << config.unknown->fitted->string();
    if (config.unknown->operating_point && !config.calibration)
        std::cout << ", operating point " << config.unknown->operating_point->string();
    const auto [least, largest] = std::ranges::minmax_element(unknown.threshold);
    if (unknown.threshold.empty())
        std::cout << ", rejects by OpenMax's own rule\n";
    else if (*least == *largest)
        std::cout << ", rejects a score above " << *least << "\n";
    else
        std::cout << ", rejects a score above " << *least << " to " << *largest << ", by label\n";
}

/// What --dry-run found out about the config and its networks.
void print_checked(const Options& options, const cascade::PipelineConfig& config, const flow::LoadedPipeline& loaded,
                   const io::RunRecord& record) {
    std::cout << "config " << options.config << ": fine\n";
    for (const io::NetworkRecord& network : record.networks) {
        std::cout << network.stage << ": " << network.path << ", " << record.device << ", sha256 "
                  << network.sha256.substr(0, 12) << "\n";
    }
    if (loaded.pipeline.gate && loaded.pipeline.gate->rule == cascade::GateRule::top_k) {
        std::cout << "gate: " << loaded.pipeline.gate->accept.size() << " of "
                  << loaded.pipeline.gate->labels.names.size()
                  << " labels accepted; a picture it knows nothing about passes with probability "
                  << cascade::chance_level(*loaded.pipeline.gate).top_k << "\n";
    }
    if (loaded.pipeline.unknown) print_detector(config, *loaded.pipeline.unknown);
    if (loaded.pipeline.calibration) {
        std::cout << "calibration: " << config.calibration->string() << ", all stages together reject at most "
                  << 100 * config.significance.value_or(loaded.pipeline.calibration->budget())
                  << " % of known pictures\n";
    }
}

/// kept         rows of the run that was taken up; the speed is that of the others
/// with_counts  not where a table on the same screen has just ended with them
void print_summary(const Options& options, const io::RunRecord& record, std::int64_t kept, bool with_counts) {
    const io::RowCounts& counts = record.counts;
    const std::int64_t run = counts.total() - kept;
    const std::string speed = pictures::speed_text(run, record.run_seconds);
    if (!with_counts) return log_notice(speed);
    std::string where;
    for (const auto& [stage, count] : counts.decided_by)
        where += (where.empty() ? "; decided by " : ", ") + stage + " " + std::to_string(count);
    const std::string where_to_look = counts.failed > 0 && record.complete && infer::is_kept_file(options.output)
                                          ? "; openset inspect " + options.output.file + " tells what failed and why"
                                          : "";
    log_notice(speed + ": " + std::to_string(counts.known) + " known, " + std::to_string(counts.unknown) +
               " unknown, " + std::to_string(counts.failed) + " failed" +
               (kept > 0 ? " with the " + std::to_string(kept) + " of before" : "") + where + where_to_look);
}

/// An output file replaces an older one; what the run reads it must not replace.
void refuse_to_replace_inputs(const Options& options, cascade::PipelineConfig config, const pictures::Inputs& inputs) {
    const std::string& output = options.output.file;
    std::vector<std::filesystem::path> read = {options.config};
    for (const std::filesystem::path* path : cascade::paths_of(config)) read.push_back(*path);
    const bool replaces = std::ranges::any_of(read, [&output](const std::filesystem::path& file) {
        std::error_code ignored; // what is not there cannot be replaced
        return std::filesystem::equivalent(file, output, ignored);
    });
    if (replaces || inputs.names(output)) {
        throw Error(ErrorKind::usage,
                    "-o " + output + ": would replace a file that this run reads; choose another name");
    }
}

/// How to go on with a run that ended early.
std::string way_on(const Options& options) {
    if (!infer::is_kept_file(options.output)) return "every row written is whole";
    const std::string kept = "the rows so far are whole and stand in " + partial_path(options.output.file).string();
    if (infer::row_format(options.output) == io::RowFormat::table) return kept;
    return kept + "; the same command with --resume goes on";
}

bool none_was_a_picture(const io::RowCounts& counts) {
    const auto decode = counts.decided_by.find("decode");
    return counts.total() > 0 && decode != counts.decided_by.end() && decode->second == counts.total();
}

using Preprocessing = std::vector<image::PreprocessSpec>;

/// before_loading  see flow::PipelineLoadOptions
flow::LoadedPipeline load_networks(const Options& options, const cascade::PipelineConfig& config, io::RunRecord& record,
                                   const std::function<void(const Preprocessing&)>& before_loading = {}) {
    auto loaded =
        pictures::load_networks(config, options.config, options.load,
                                {options.closed_set, options.allow_mismatch, infer::read_labels(options.labels, config),
                                 cli::preprocess_named(options.preprocess), options.runner.fast_decode, before_loading},
                                record);
    // Engines that drive workers wait for a first line that says ready.
    if (!options.inputs.stream) pictures::tell_shared_trunks(record);
    return loaded;
}

int explain(const Options& options, const cascade::PipelineConfig& config) {
    io::RunRecord record;
    const Cancellation& cancellation = cli::catch_signals();
    const auto loaded = load_networks(options, config, record);
    const auto explanation = infer::explain(loaded, {options.explain, options.preview, options.runner}, cancellation);
    std::cout << explanation.text;
    if (cli::caught_signal() != 0) return cli::end_by_signal(cli::caught_signal());
    return explanation.failed ? cli::exit_some_failed : cli::exit_done;
}

/// What is known of a run before its first row.
io::RunRecord begin_record(const Options& options, const pictures::Inputs& inputs) {
    io::RunRecord record = pictures::begin_record(options, options.inputs, inputs);
    record.closed_set = options.closed_set;
    record.all_stages = options.runner.all_stages;
    record.top = options.runner.top;
    record.format = infer::row_format(options.output);
    return record;
}

flow::RunStatistics run_pictures(const Options& options, const flow::LoadedPipeline& loaded, flow::Runner& runner,
                                 infer::RowOutput& output, const io::RunRecord& record) {
    try {
        return pictures::finish(
            runner, loaded,
            [&output](const flow::Delivery& delivery) { return output.receive(delivery.row, delivery.input); },
            options.runner, record);
    } catch (const Error& error) { // a full disk, a list that breaks off: what is there is not lost
        if (!infer::is_kept_file(options.output)) throw;
        throw Error(error.kind(), std::string(error.what()) + "; " + way_on(options));
    }
}

/// For engines that drive many workers: they send no path before this line.
void say_ready() { std::cerr << R"({"ready": true, "protocol": 1})" << std::endl; }

/// --dry-run without inputs
int check_config(const Options& options, const cascade::PipelineConfig& config) {
    io::RunRecord record;
    const auto loaded = load_networks(options, config, record);
    print_checked(options, config, loaded, record);
    std::cout << "no inputs were named; nothing was run\n";
    return cli::exit_done;
}

int run(Options& options) {
    auto config = cascade::parse_pipeline_config(
        cli::read_text_file(options.config, "a pipeline config, as openset init writes one"), options.config,
        std::filesystem::path(options.config).parent_path(), options.config_overrides);
    if (options.precision == "int8") config = pictures::with_int8_networks(std::move(config), options.closed_set);
    if (options.print_config) {
        std::cout << cascade::to_json(pictures::with_absolute_paths(config)) << "\n";
        return cli::exit_done;
    }
    if (!options.explain.empty()) return explain(options, config);
    if (options.dry_run && options.inputs.names_none()) return check_config(options, config);
    pictures::Inputs inputs(options.inputs);
    for (const std::string& path : inputs.missing())
        log_warning(path + ": " + no_such_file(path, "a picture, a folder or a tar file"));
    if (const auto doubt = infer::doubt_about_ending(options.output); !doubt.empty()) log_warning(doubt);
    if (options.output.file != "-") {
        check_place_for_file(options.output.file);
        refuse_to_replace_inputs(options, config, inputs);
        infer::refuse_to_replace(options.output);
        inputs.leave_out(options.output.file);
    }
    if (const auto around = inputs.folder_around(options.output.sort_into);
        around && !options.output.sort_into.empty()) {
        throw Error(ErrorKind::usage,
                    "--sort-into " + options.output.sort_into + ": lies in " + *around +
                        ", whose pictures are sorted, and would be sorted itself; choose another folder");
    }
    const Cancellation& cancellation = cli::catch_signals();
    io::RunRecord record = begin_record(options, inputs);
    pictures::choose_settings(options, torch::device_called(options.load.device));
    record.threads = options.runner.threads;
    record.batch = options.runner.batch;
    const auto source = inputs.open(cancellation, options.runner.decode_memory);
    std::optional<flow::Runner> runner;
    const auto begin = [&](const Preprocessing& preprocess) {
        runner.emplace(preprocess, *source, options.runner, cancellation);
    };
    // A run that goes on holds its rows against the inputs first; a driver sends none before the networks are there.
    const bool early = !options.dry_run && !options.output.resume && !options.inputs.stream;
    const auto load_start = std::chrono::steady_clock::now();
    const auto loaded =
        load_networks(options, config, record, early ? begin : std::function<void(const Preprocessing&)>());
    record.load_seconds = pictures::seconds_since(load_start);
    record.config_json = cascade::to_json(
        cascade::with_thresholds_by_name(pictures::with_absolute_paths(config), loaded.pipeline.classifier));
    std::optional<infer::Watch> watch;
    if (!options.watch_rate.empty())
        watch.emplace(options.watch_rate, options.false_alarm, loaded.pipeline.calibration.get(), config.significance);
    if (options.dry_run) {
        print_checked(options, config, loaded, record);
        std::cout << pictures::count_text(inputs, cancellation) << "; nothing was run\n";
        if (cli::caught_signal() != 0) throw cli::Interrupted();
        return inputs.missing().empty() ? cli::exit_done : cli::exit_some_failed;
    }
    if (const auto whole = infer::whole_already(options.output, loaded.pipeline, record, *source)) {
        log_notice(options.output.file + ": whole already, " + std::to_string(whole->total()) + " rows; nothing to do");
        return whole->failed > options.max_errors ? cli::exit_some_failed : cli::exit_done;
    }
    infer::RowOutput output(options.output, loaded.pipeline, record, watch ? &*watch : nullptr, *source);
    const bool wants_total =
        options.output.progress != "never" && (options.output.progress != "auto" || cli::is_terminal(STDERR_FILENO));
    output.show_progress(wants_total ? inputs.count(cancellation) : std::nullopt);
    if (options.inputs.stream) say_ready();
    const auto run_start = std::chrono::steady_clock::now();
    if (!runner) begin(flow::preprocess_of(loaded.networks()));
    const auto statistics = run_pictures(options, loaded, *runner, output, record);
    record.run_seconds = pictures::seconds_since(run_start);
    const int ended_by = cli::caught_signal(); // a signal from here on comes too late to cut anything short
    record.complete = ended_by == 0 && output.first_failure().empty();
    record.counts = output.counts();
    if (watch) record.rate_watch = watch->record();
    output.finish(record);

    if (record.counts.total() == 0 && record.complete && !options.inputs.stream) log_warning("no pictures found");
    if (record.complete && none_was_a_picture(record.counts)) {
        log_warning("none of the inputs could be read as a picture: are these the right files? Their rows say why; "
                    "--strict stops at the first");
    }
    pictures::log_statistics(statistics, options);
    const bool on_one_screen =
        options.output.file == "-" && cli::is_terminal(STDOUT_FILENO) && cli::is_terminal(STDERR_FILENO);
    print_summary(options, record, output.kept(),
                  !on_one_screen || infer::row_format(options.output) != io::RowFormat::table);
    return pictures::end_of_run({ended_by, output.first_failure(), output.counts().failed, way_on(options)},
                                options.max_errors);
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    cli::Command command(
        "openset infer",
        "Says of every picture what it is, or where and why it was rejected: gate, species filter, classifier.",
        {{"openset infer -c cats.json photos/", "a row a picture, on standard output"},
         {"openset infer -c cats.json photos/ -o verdicts.csv", "as CSV, with a record of the run beside it"}});
    command.set_version_detail("LibTorch " + torch::runtime_facts().compiled_version);
    infer::add_options(command.app(), options);
    return command.main(argc, argv, [&] {
        infer::resolve(command.app(), options);
        options.output.quiet = command.common().quiet;
        options.output.colour = command.common().colour;
        return run(options);
    });
}
