// openset bench -c CONFIG PATH...: where the time goes, and how near the machine's limit that is

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <sys/resource.h>
#include <thread>

#include "bench/figures.hpp"
#include "bench/limit.hpp"
#include "cli/command.hpp"
#include "cli/signals.hpp"
#include "cli/text_file.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/missing_file.hpp"
#include "openset/cascade/pipeline_config.hpp"
#include "openset/torch/runtime.hpp"
#include "pictures/inputs.hpp"
#include "pictures/int8_networks.hpp"
#include "pictures/networks.hpp"
#include "pictures/run.hpp"
#include "pictures/run_facts.hpp"

using namespace openset;

namespace {

struct Options : pictures::RunFlags {
    std::string config;
    pictures::InputFlags inputs;
    bool json = false, by_hand = false, closed_set = false;
    int rounds = 3;
};

std::int64_t peak_bytes() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return std::int64_t{1024} * usage.ru_maxrss;
}

/// Runs everything, makes the rows, and throws them away.
bench::TimedRun time_run(const flow::LoadedPipeline& loaded, const Options& options, const flow::RunnerOptions& runner,
                         const io::RunRecord& record, const Cancellation& cancellation) {
    pictures::Inputs inputs(options.inputs);
    const auto source = inputs.open(cancellation, runner.decode_memory);
    bench::TimedRun run;
    std::size_t bytes = 0;
    const auto receive = [&](const flow::Delivery& delivery) {
        run.counts.add(delivery.row);
        bytes += io::to_json_line(delivery.row).size();
        return true;
    };
    const double cpu_before = bench::process_seconds();
    const auto start = std::chrono::steady_clock::now();
    run.statistics = pictures::run(loaded, *source, receive, runner, record, cancellation);
    run.wall_seconds = pictures::seconds_since(start);
    run.cpu_seconds = bench::process_seconds() - cpu_before;
    if (cancellation.requested()) throw cli::Interrupted();
    log_info("run: " + pictures::speed_text(run.counts.total(), run.wall_seconds));
    return run;
}

/// A grid of settings, the obvious ones among them.
std::vector<bench::ByHand> settings_by_hand(int cores) {
    std::vector<bench::ByHand> settings;
    for (const int batch : {1, 4, 8, 16, 32}) {
        for (const int threads : {1, cores}) {
            for (const int jobs : {1, cores}) {
                if ((threads == 1 && cores == 1 && jobs == cores && !settings.empty() &&
                     settings.back().batch == batch))
                    continue;
                settings.push_back({batch, jobs, threads, {}});
            }
        }
    }
    return settings;
}

int run(Options& options) {
    auto config = cascade::parse_pipeline_config(
        cli::read_text_file(options.config, "a pipeline config, as openset init writes one"), options.config,
        std::filesystem::path(options.config).parent_path());
    if (options.precision == "int8") config = pictures::with_int8_networks(std::move(config), options.closed_set);
    for (const std::string& path : options.inputs.paths) {
        if (path == "-")
            throw Error(ErrorKind::usage, path + ": found standard input, expected files: they are run several times");
    }
    const std::string& list = options.inputs.files_from;
    if (std::error_code ignored;
        !list.empty() && std::filesystem::exists(list, ignored) && !std::filesystem::is_regular_file(list, ignored))
        throw Error(ErrorKind::usage,
                    "--files-from " + list +
                        ": found no file that can be read again, expected one: the pictures are run several times");
    if (list == "-")
        throw Error(ErrorKind::usage,
                    "--files-from -: found standard input, expected a file: the pictures are run several times");
    {
        const pictures::Inputs inputs(options.inputs);
        for (const std::string& path : inputs.missing())
            log_warning(path + ": " + no_such_file(path, "a picture, a folder or a tar file"));
    }
    const Cancellation& cancellation = cli::catch_signals();
    bench::Result result;
    result.cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    const auto load_start = std::chrono::steady_clock::now();
    flow::PipelineLoadOptions how;
    how.closed_set = options.closed_set;
    how.fast_decode = options.runner.fast_decode;
    const auto loaded = pictures::load_networks(config, options.config, options.load, how, result.record);
    pictures::tell_shared_trunks(result.record);
    result.record.load_seconds = pictures::seconds_since(load_start);
    pictures::choose_settings(options, result.record.device);
    result.record.jobs = options.runner.jobs;
    result.record.threads = options.runner.threads;
    result.record.batch = options.runner.batch;

    // The first run fetches the files, finds the batch sizes, and shows what the networks see.
    const auto networks = loaded.networks();
    bench::Samples samples(networks.size());
    flow::RunnerOptions first = options.runner;
    first.observe = [&](const flow::StageObservation& seen) {
        const auto stage = std::ranges::find(networks, seen.stage, &flow::StageNetwork::stage) - networks.begin();
        samples.take(static_cast<std::size_t>(stage), seen.prepared);
    };
    const io::RowCounts counts = time_run(loaded, options, first, result.record, cancellation).counts;
    if (counts.total() == counts.failed) {
        throw Error(ErrorKind::usage, pictures::Inputs(options.inputs).as_given().front() +
                                          ": holds no picture that can be read, expected some to run the networks on");
    }

    result.passes.resize(networks.size());
    if (options.by_hand) result.by_hand = settings_by_hand(result.cores);
    for (int round = 0; round < options.rounds; ++round) {
        result.runs.push_back(time_run(loaded, options, options.runner, result.record, cancellation));
        if (round == 0) result.peak_bytes = peak_bytes(); // before larger batches are tried by hand
        for (std::size_t stage = 0; stage < networks.size(); ++stage) {
            if (result.on_cpu() && result.runs.front().statistics.stages[stage].passes > 0) {
                result.passes[stage].push_back(
                    bench::time_passes(networks[stage], samples, stage, result.cores, cancellation));
            }
        }
        for (bench::ByHand& setting : result.by_hand) {
            flow::RunnerOptions runner = options.runner;
            runner.find_batch = false;
            runner.batch = setting.batch;
            runner.jobs = setting.jobs;
            runner.threads = setting.threads;
            setting.wall_seconds.push_back(time_run(loaded, options, runner, result.record, cancellation).wall_seconds);
        }
    }
    std::cout << (options.json ? bench::to_json(result) : bench::to_table(result));
    return cli::exit_done;
}

void add_options(CLI::App& app, Options& options) {
    cli::add_names(app, "PATH", options.inputs.paths, "pictures, folders of pictures or tar files to run");
    app.add_option("-c,--config", options.config, "pipeline config (JSON)")->type_name("FILE")->required();
    app.add_flag("--json", options.json, "as JSON instead of a table");
    app.add_flag(
        "--by-hand", options.by_hand,
        "run other numbers of pictures a pass and of threads too, alternated: is one faster than the default?");
    app.add_option("--rounds", options.rounds, "times that each is measured; medians count (default 3)")
        ->type_name("N")
        ->check(cli::whole_number(1, 1000));
    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    more("--files-from", options.inputs.files_from, "read names of pictures and folders from FILE, one a line")
        ->type_name("FILE");
    app.add_flag("--closed-set", options.closed_set, "the classifier alone")->group(cli::more_options);
    app.add_flag("--all-stages", options.runner.all_stages, "run every stage for every picture")
        ->group(cli::more_options);
    pictures::add_run_flags(app, options);
    pictures::add_fast_decode(app, options);
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    cli::Command command(
        "openset bench",
        "Says where the time goes when a pipeline runs over pictures, and how near to the limit of the machine that "
        "is: "
        "the forward passes that the pictures need, alone, and what decoding cannot do beside them. No rows are "
        "written.",
        {{"openset bench -c cats.json photos/", "decode, resize, forward by stage, waiting; % of the limit"},
         {"openset bench -c cats.json photos/ --by-hand", "is any -b, -j, --threads faster than the default?"}});
    command.set_version_detail("LibTorch " + torch::runtime_facts().compiled_version);
    add_options(command.app(), options);
    return command.main(argc, argv, [&] {
        pictures::resolve(options);
        try {
            return run(options);
        } catch (const cli::Interrupted&) {
            log_error("interrupted; nothing was measured to the end");
            return cli::end_by_signal(cli::caught_signal());
        }
    });
}
