// openset infer -c CONFIG PATH...: pictures -> verdicts

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <map>
#include <thread>
#include <unistd.h>

#include "cli/command.hpp"
#include "cli/network_defaults.hpp"
#include "cli/progress.hpp"
#include "cli/terminal.hpp"
#include "cli/text_file.hpp"
#include "cli/version.hpp"
#include "infer/inputs.hpp"
#include "infer/row_output.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/flow/loaded_pipeline.hpp"
#include "openset/io/number_text.hpp"
#include "openset/io/run_record.hpp"
#include "openset/torch/runtime.hpp"
#include "openset/torch/script_network.hpp"

using namespace openset;

namespace {

/// Flags that stand for keys of the config.
struct ConfigFlags {
    std::string gate_rule;
    int gate_top_k = 0;
    double gate_min_mass = 0, species_min = 0, classifier_min = 0;
};

struct InferOptions {
    std::string config;
    std::vector<std::string> paths;
    std::string files_from;
    infer::OutputOptions output;
    ConfigFlags overrides;
    std::vector<cascade::ConfigOverride> config_overrides;
    bool closed_set = false, dry_run = false, print_config = false;
    std::vector<std::string> labels;
    std::string preprocess;
    std::int64_t max_errors = 0;
    std::string exif_orientation = "ignore";
    torch::LoadOptions load;
    bool no_optimise = false;
    flow::RunnerOptions runner;
};

int cores() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

void add_options(CLI::App& app, InferOptions& options) {
    cli::add_names(app, "PATH", options.paths, "pictures, folders of pictures, or - for one picture on standard input");
    app.add_option("-c,--config", options.config, "pipeline config (JSON)")->type_name("FILE")->required();
    app.add_option("-o,--output", options.output.file, "file for the rows, whole or not at all; - is standard output")
        ->type_name("FILE");
    app.add_option("-f,--format", options.output.format,
                   "jsonl, csv or table; auto: by the output's ending, table on a terminal, else jsonl")
        ->type_name("FORMAT")
        ->check(cli::one_of({"auto", "jsonl", "csv", "table"}));
    app.add_option("--files-from", options.files_from,
                   "read names of pictures and folders from FILE, one a line; - is standard input")
        ->type_name("FILE");
    app.add_flag("--closed-set", options.closed_set, "the classifier alone; rejects nothing");
    app.add_flag("--dry-run", options.dry_run, "check the config, load the networks, count the inputs, and stop");

    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    const auto more_flag = [&app](auto&&... arguments) { return app.add_flag(arguments...)->group(cli::more_options); };
    more_flag("--print-config", options.print_config, "print the config in full, with defaults and flags, and stop");
    more_flag("--all-stages", options.runner.all_stages,
              "run every stage for every picture and report all of them; same verdicts");
    more("--top", options.runner.top, "labels to list for a classified picture (default 5)")
        ->type_name("N")
        ->check(cli::whole_number(0, 1'000'000));
    more("--gate-rule", options.overrides.gate_rule, "instead of the config's /gate/rule: top-k, mass or top-1")
        ->type_name("RULE")
        ->check(cli::one_of({"top-k", "mass", "top-1"}));
    more("--gate-top-k", options.overrides.gate_top_k, "instead of /gate/k")->type_name("K");
    more("--gate-min-mass", options.overrides.gate_min_mass, "instead of /gate/min_mass")->type_name("P");
    more("--species-min", options.overrides.species_min, "instead of /species/min_probability")->type_name("P");
    more("--classifier-min", options.overrides.classifier_min, "instead of /classifier/min_probability")
        ->type_name("P");
    more("--labels", options.labels,
         "label names, one a line, for a network that carries none; for another stage than the classifier: gate=FILE, "
         "species=FILE")
        ->type_name("[STAGE=]FILE")
        ->expected(1)
        ->allow_extra_args(false) // one FILE a flag: what follows is a picture
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    cli::add_preprocess_option(app, options.preprocess);
    more_flag("--strict", options.output.strict, "stop at the first picture that fails, exit code 1");
    more("--max-errors", options.max_errors, "failed pictures that still count as success (default 0)")
        ->type_name("N")
        ->check(cli::whole_number(0, std::int64_t{1} << 62));
    more("--max-pixels", options.runner.decode.max_pixels, "larger pictures fail as too-large (default 178956970)")
        ->type_name("N")
        ->check(cli::whole_number(1, std::int64_t{1} << 31));
    more("--exif-orientation", options.exif_orientation, "ignore (as in training with Pillow) or apply")
        ->type_name("WHAT")
        ->check(cli::one_of({"ignore", "apply"}));
    more("-b,--batch", options.runner.batch, "most pictures a forward pass (default 8)")
        ->type_name("N")
        ->check(cli::whole_number(1, 4096));
    more("-j,--jobs", options.runner.jobs, "decode threads (default: one a core)")
        ->type_name("N")
        ->check(cli::whole_number(1, 1024));
    more("--threads", options.runner.threads, "inference threads (default: one a core; one on a GPU)")
        ->type_name("N")
        ->check(cli::whole_number(1, 1024));
    more("--device", options.load.device, "auto, cpu, cuda or cuda:N")->type_name("DEVICE");
    more_flag("--no-optimise,--no-optimize", options.no_optimise,
              "run the networks as they were saved: slower, for comparison");
    more("--progress", options.output.progress, "auto, always, never or json (lines on standard error)")
        ->type_name("WHEN")
        ->check(cli::one_of({"auto", "always", "never", "json"}));
}

/// Which of the flags that stand for config keys were given. --gate-top-k and --gate-min-mass bring their rule along.
std::vector<cascade::ConfigOverride> config_overrides(const CLI::App& app, const ConfigFlags& flags) {
    std::vector<cascade::ConfigOverride> overrides;
    const auto given = [&app](const char* flag) { return app.get_option(flag)->count() > 0; };
    const auto add = [&overrides](const char* flag, const char* pointer, const std::string& json_value) {
        overrides.push_back({pointer, json_value, flag});
    };
    const auto quoted = [](const std::string& word) { return "\"" + word + "\""; };
    if (given("--gate-rule")) add("--gate-rule", "/gate/rule", quoted(flags.gate_rule));
    if (given("--gate-top-k")) {
        if (!given("--gate-rule")) add("--gate-top-k", "/gate/rule", quoted("top-k"));
        add("--gate-top-k", "/gate/k", std::to_string(flags.gate_top_k));
    }
    if (given("--gate-min-mass")) {
        if (!given("--gate-rule")) add("--gate-min-mass", "/gate/rule", quoted("mass"));
        add("--gate-min-mass", "/gate/min_mass", io::shortest(flags.gate_min_mass));
    }
    if (given("--species-min")) add("--species-min", "/species/min_probability", io::shortest(flags.species_min));
    if (given("--classifier-min"))
        add("--classifier-min", "/classifier/min_probability", io::shortest(flags.classifier_min));
    return overrides;
}

/// The files of --labels, for stages that the config has.
std::map<cascade::Stage, std::vector<std::string>> read_labels(const std::vector<std::string>& flags,
                                                               const cascade::PipelineConfig& config) {
    static const std::map<std::string, cascade::Stage> stages = {{"gate", cascade::Stage::gate},
                                                                 {"species", cascade::Stage::species},
                                                                 {"classifier", cascade::Stage::classifier}};
    std::map<cascade::Stage, std::vector<std::string>> result;
    for (const std::string& flag : flags) {
        const auto equals = flag.find('=');
        const auto named = equals == std::string::npos ? stages.end() : stages.find(flag.substr(0, equals));
        const auto stage = named == stages.end() ? cascade::Stage::classifier : named->second;
        const std::string name(to_string(stage));
        if ((stage == cascade::Stage::gate && !config.gate) || (stage == cascade::Stage::species && !config.species)) {
            throw Error(ErrorKind::usage, "--labels " + flag + ": the config has no /" + name);
        }
        auto labels = cli::read_label_file(named == stages.end() ? flag : flag.substr(equals + 1));
        if (!result.emplace(stage, std::move(labels)).second) {
            throw Error(ErrorKind::usage,
                        "--labels " + flag + ": a second file for " + name + ", expected one a stage");
        }
    }
    return result;
}

Cancellation interrupted;
volatile std::sig_atomic_t interrupting_signal = 0;

/// The first signal ends the run in order, the second at once.
void catch_signals() {
    struct sigaction action {};
    action.sa_handler = [](int signal) {
        interrupting_signal = signal;
        interrupted.request();
    };
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

std::string utc_now() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The config as it can stand in any folder: its paths do not depend on where it lies.
cascade::PipelineConfig with_absolute_paths(cascade::PipelineConfig config) {
    const auto make_absolute = [](cascade::NetworkConfig& network) {
        std::error_code problem; // the working folder may be gone
        if (auto path = std::filesystem::absolute(network.model, problem); !problem) network.model = std::move(path);
    };
    if (config.gate) make_absolute(config.gate->network);
    if (config.species) make_absolute(config.species->network);
    make_absolute(config.classifier.network);
    return config;
}

flow::LoadedPipeline load(const InferOptions& options, const cascade::PipelineConfig& config, io::RunRecord& record) {
    torch::prepare_process();
    const auto facts = torch::runtime_facts();
    record.libtorch_version = facts.compiled_version;
    record.cpu_capability = facts.cpu_capability;
    record.optimised = options.load.optimise;
    const auto loader = [&](const model::NetworkFile& file) -> std::unique_ptr<model::Network> {
        auto network = torch::load_network(file, options.load);
        const torch::LoadReport& report = network->report();
        record.device = report.device;
        record.networks.push_back({"", file.path.string(), network->info().name, file.sha256, file.info_source,
                                   report.cut_at_head, report.picture_by_picture});
        for (const std::string& warning : report.warnings) log_warning(warning);
        if (report.picture_by_picture && options.load.optimise) {
            log_info(file.path.string() + ": holds operations whose bits depend on the batch; runs picture by picture, so "
                                          "that rows do not");
        }
        return network;
    };
    auto loaded = flow::load_pipeline(
        config, options.config, loader,
        {options.closed_set, read_labels(options.labels, config), cli::preprocess_named(options.preprocess)});
    for (std::size_t i = 0; i < loaded.stages.size(); ++i) record.networks[i].stage = to_string(loaded.stages[i].stage);
    for (const std::string& note : loaded.notes) log_warning(note);
    return loaded;
}

void print_dry_run(const InferOptions& options, const flow::LoadedPipeline& loaded, const io::RunRecord& record,
                   const infer::Inputs& inputs) {
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
    const auto count = inputs.count(interrupted);
    std::cout << (count ? std::to_string(*count) + " inputs" : "inputs: not counted, they come through a pipe")
              << "; nothing was run\n";
}

void print_summary(const io::RunRecord& record) {
    const io::RowCounts& counts = record.counts;
    std::string where;
    for (const auto& [stage, count] : counts.decided_by)
        where += (where.empty() ? "" : ", ") + stage + " " + std::to_string(count);
    char figures[256];
    std::snprintf(figures, sizeof figures, "%lld pictures in %s (%.1f/s): %lld known, %lld unknown, %lld failed",
                  static_cast<long long>(counts.total()), cli::duration_text(record.run_seconds).c_str(),
                  record.run_seconds > 0 ? static_cast<double>(counts.total()) / record.run_seconds : 0.0,
                  static_cast<long long>(counts.known), static_cast<long long>(counts.unknown),
                  static_cast<long long>(counts.failed));
    log_notice(figures + (where.empty() ? "" : "; decided by " + where));
}

/// An output file replaces an older one; what the run reads it must not replace.
void refuse_to_replace_inputs(const InferOptions& options, const cascade::PipelineConfig& config, const infer::Inputs& inputs) {
    const std::string& output = options.output.file;
    std::vector<std::filesystem::path> read = {options.config, config.classifier.network.model};
    if (config.gate) read.push_back(config.gate->network.model);
    if (config.species) read.push_back(config.species->network.model);
    const bool replaces = std::ranges::any_of(read, [&output](const std::filesystem::path& file) {
        std::error_code ignored; // what is not there cannot be replaced
        return std::filesystem::equivalent(file, output, ignored);
    });
    if (replaces || inputs.names(output)) {
        throw Error(ErrorKind::usage, "-o " + output + ": would replace a file that this run reads; choose another name");
    }
}

/// ended_by  the signal that cut the run short, 0 for none
int exit_code(const InferOptions& options, const infer::RowOutput& output, int ended_by) {
    if (ended_by != 0) {
        const std::string kept = options.output.file == "-" ? "every row written is whole"
                                                            : "the rows so far are whole and stand in " +
                                                                  partial_path(options.output.file).string();
        log_error("interrupted; " + kept);
        std::signal(ended_by, SIG_DFL);
        std::raise(ended_by);  // so that shells and schedulers see what ended us
        return 128 + ended_by; // the first process of a container is not ended by it
    }
    if (!output.first_failure().empty()) {
        log_error(output.first_failure() + "; stopped here (--strict)");
        return cli::exit_failed;
    }
    return output.counts().failed > options.max_errors ? cli::exit_some_failed : cli::exit_done;
}

int run(InferOptions& options, const cli::CommonFlags& common) {
    const auto config =
        cascade::parse_pipeline_config(cli::read_text_file(options.config), options.config,
                                       std::filesystem::path(options.config).parent_path(), options.config_overrides);
    if (options.print_config) {
        std::cout << cascade::to_json(with_absolute_paths(config)) << "\n";
        return cli::exit_done;
    }
    infer::Inputs inputs({.paths = options.paths, .files_from = options.files_from});
    if (options.output.file != "-") {
        check_place_for_file(options.output.file);
        refuse_to_replace_inputs(options, config, inputs);
        inputs.leave_out(options.output.file);
    }
    options.load.optimise = !options.no_optimise;
    options.runner.decode.exif_orientation =
        options.exif_orientation == "apply" ? image::ExifOrientation::apply : image::ExifOrientation::ignore;

    io::RunRecord record;
    record.openset_version = cli::version;
    record.started = utc_now();
    const auto load_start = std::chrono::steady_clock::now();
    const auto loaded = load(options, config, record);
    record.load_seconds = seconds_since(load_start);
    if (options.dry_run) {
        print_dry_run(options, loaded, record, inputs);
        return cli::exit_done;
    }
    if (options.runner.threads == 0) options.runner.threads = record.device == "cpu" ? cores() : 1;

    catch_signals();
    const bool wants_total =
        options.output.progress != "never" && (options.output.progress != "auto" || cli::is_terminal(STDERR_FILENO));
    options.output.quiet = common.quiet;
    options.output.colour = common.colour;
    infer::RowOutput output(options.output, loaded.pipeline, wants_total ? inputs.count(interrupted) : std::nullopt);
    const auto run_start = std::chrono::steady_clock::now();
    const auto source = inputs.open(interrupted);
    flow::run(
        loaded.pipeline, loaded.networks(), *source, [&output](const io::Row& row) { return output.receive(row); },
        options.runner, interrupted);
    record.run_seconds = seconds_since(run_start);
    const int ended_by = interrupting_signal; // a signal from here on comes too late to cut anything short
    record.complete = ended_by == 0 && output.first_failure().empty();
    record.counts = output.counts();
    output.finish(record.complete);

    std::error_code ignored;
    // No record beside a device or a pipe: nobody looks for it there, and /dev is no place for files.
    if (record.complete && options.output.file != "-" &&
        std::filesystem::is_regular_file(options.output.file, ignored)) {
        record.config_json = cascade::to_json(with_absolute_paths(config));
        record.closed_set = options.closed_set;
        record.all_stages = options.runner.all_stages;
        record.inputs = inputs.as_given();
        record.batch = options.runner.batch;
        record.jobs = options.runner.jobs;
        record.threads = options.runner.threads;
        write_file_atomically(options.output.file + ".run.json", to_json(record));
    }
    if (record.counts.total() == 0 && record.complete) log_warning("no pictures found");
    print_summary(record);
    return exit_code(options, output, ended_by);
}

} // namespace

int main(int argc, char** argv) {
    InferOptions options;
    options.runner.jobs = cores();
    options.runner.threads = 0;
    cli::Command command(
        "openset infer",
        "Says of every picture what it is, or where and why it was rejected: gate, species filter, classifier.",
        {{"openset infer -c cats.json photos/", "a row a picture, on standard output"},
         {"openset infer -c cats.json photos/ -o verdicts.csv", "as CSV, with a record of the run beside it"}});
    command.set_version_detail("LibTorch " + torch::runtime_facts().compiled_version);
    add_options(command.app(), options);
    return command.main(argc, argv, [&] {
        options.config_overrides = config_overrides(command.app(), options.overrides);
        return run(options, command.common());
    });
}
