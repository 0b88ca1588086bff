// openset train --trunk NETWORK --data FOLDER -o NETWORK: pictures -> a species filter, a gate or a classifier

#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/sha256.hpp"
#include "openset/io/pretty_json.hpp"
#include "openset/model/network_file.hpp"
#include "openset/torch/runtime.hpp"
#include "pictures/run_facts.hpp"
#include "train/options.hpp"
#include "train/result.hpp"
#include "train/task.hpp"

using namespace openset;
using train::Options;

namespace {

/// Whether --resume has nothing to go on with because all is done.
bool is_finished(const Options& options) {
    return options.gradient.resume && !options.force && std::filesystem::exists(options.output) &&
           std::filesystem::exists(options.record()) && !std::filesystem::exists(options.checkpoint());
}

void check_place(const Options& options) {
    check_place_for_file(options.output);
    // A training that was interrupted while its network was asked has written that already.
    const bool goes_on = options.gradient.resume && std::filesystem::exists(options.checkpoint());
    cli::refuse_replacing(options.output, options.force || goes_on);
    for (const std::string& report : {options.record(), options.loss_chart()})
        cli::refuse_replacing(report, options.force || goes_on, "");
    std::vector<cli::FlagFile> inputs{{"--trunk", options.trunk}, {"--validation", options.validation}};
    for (const std::string& path : options.data) inputs.push_back({"--data", path});
    for (const std::string& path : options.test) inputs.push_back({"--test", path});
    cli::keep_apart({{"-o", options.output}}, inputs);
}

/// Copies of one picture may learn and judge at once: the validation figures are too good then.
void warn_of_copies(const Options& options) {
    if (std::filesystem::is_directory(options.validation)) return;
    for (const auto* folders : {&options.data, &options.positive_dir}) {
        for (const std::string& folder : *folders) {
            if (!std::filesystem::exists(std::filesystem::path(folder) / ".augment.csv")) continue;
            log_warning(folder +
                        ": holds copies that openset augment made, of which one may learn and another judge; the "
                        "validation figures are too good then, so give --validation a folder of other pictures");
        }
    }
}

void write_reports(const Options& options, const train::Result& result, double seconds) {
    nlohmann::ordered_json facts{
        {"format", "openset-training/1"},
        {"network", {{"path", options.output}, {"sha256", sha256_hex_of_file(options.output)}}},
        {"seconds", seconds}};
    facts.update(nlohmann::ordered_json::parse(result.facts_json));
    write_file_atomically(options.record(), io::pretty(json_of(result.report, facts)));
    write_file_atomically(options.loss_chart(), svg_of(result.report));
}

void tell_interrupted(const Options& options) {
    if (options.mode() == train::Mode::head) {
        log_error("interrupted; what was computed is kept, the same command goes on");
    } else if (!std::filesystem::exists(options.checkpoint())) {
        log_error("interrupted before the end of the first epoch; nothing was written");
    } else {
        log_error("interrupted; the epochs so far are kept in " + options.checkpoint() +
                  ", and the same command with --resume goes on");
    }
}

int run(Options& options) {
    const Cancellation& cancellation = cli::catch_signals();
    if (is_finished(options)) {
        log_notice(options.output + ": is finished, as " + options.record() +
                   " beside it says; nothing to go on with (--force instead of --resume begins anew)");
        return cli::exit_done;
    }
    check_place(options);
    warn_of_copies(options);
    if (options.dry_run) {
        if (!options.trunk.empty()) model::open_network_file(options.trunk);
        std::cout << train::text_of_plan(options, cancellation);
        return cli::exit_done;
    }
    torch::prepare_process();
    const auto start = std::chrono::steady_clock::now();
    const train::Result result = options.mode() == train::Mode::head ? train::train_head(options, cancellation)
                                                                     : train::train_network(options, cancellation);
    if (result.cancelled) {
        tell_interrupted(options);
        return cli::end_by_signal(cli::caught_signal());
    }
    write_reports(options, result, pictures::seconds_since(start));
    if (options.mode() != train::Mode::head) std::filesystem::remove(options.checkpoint());
    std::cout << text_of(result.report);
    log_notice("wrote " + options.output + ", and beside it .training.json and .loss.svg, in " +
               cli::duration_text(pictures::seconds_since(start)));
    std::int64_t failed = 0;
    for (const train::Judged& set : result.report.sets) failed += set.failed;
    return failed > options.max_errors ? cli::exit_some_failed : cli::exit_done;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    cli::Command command(
        "openset train",
        "Makes a network from folders of pictures: a new head on a trunk (minutes), the trunk fine-tuned, or a network "
        "from "
        "scratch. Reports accuracy, confusions and areas under curves on standard output, and beside the network.",
        {{"openset train --trunk imagenet.pt --data train/ --test test/ -o cats8.pt",
          "a classifier: train/Bombay/1.jpg ..."},
         {"openset train --trunk imagenet.pt --data others/ --positive-dir train/ --filter-labels other,cat -o "
          "cat_or_not.pt",
          "a species filter"},
         {"openset train --trunk cats8.pt --finetune --last-blocks 2 --data train/ --test test/ -o finer.pt",
          "its last blocks learn too"},
         {"openset train --arch resnet18 --data train/ -o new.pt --resume",
          "a new network; goes on where an interrupted training stopped"}});
    command.set_version_detail("LibTorch " + torch::runtime_facts().compiled_version);
    train::add_options(command.app(), options);
    return command.main(argc, argv, [&] {
        train::resolve(command.app(), options);
        options.quiet = command.common().quiet;
        try {
            return run(options);
        } catch (const cli::Interrupted&) {
            tell_interrupted(options);
            return cli::end_by_signal(cli::caught_signal());
        }
    });
}
