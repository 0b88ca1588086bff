// openset quantize MODEL --data FOLDER -o MODEL.int8.pt: network -> int8 network, with what it costs

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/network_defaults.hpp"
#include "cli/output_file.hpp"
#include "cli/signals.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/io/pretty_json.hpp"
#include "openset/model/network_file.hpp"
#include "openset/torch/quantise.hpp"
#include "openset/torch/runtime.hpp"
#include "openset/torch/script_network.hpp"
#include "quantize/comparison.hpp"
#include "quantize/options.hpp"
#include "quantize/pictures.hpp"
#include "quantize/report.hpp"

using namespace openset;
using quantize::Options;
using quantize::Picture;

namespace {

/// Fewer pictures than this say nothing about others.
constexpr std::int64_t fewest_to_compare = 20;
/// More of what calibration leaves would say little more, at a second for each thirty.
constexpr std::int64_t most_to_compare = 1000;

void check_place(const Options& options) {
    for (const std::string& file : {options.output, options.report_path()}) check_place_for_file(file);
    cli::refuse_replacing(options.output, options.force);
    cli::refuse_replacing(options.report_path(), options.force, "");
    std::vector<cli::FlagFile> inputs{{"MODEL", options.model}, {"--csv", options.data.csv}};
    for (const std::string& path : options.test) inputs.push_back({"--test", path});
    cli::keep_apart({{"-o", options.output}, {"the report beside -o", options.report_path()}}, inputs);
}

model::ModelInfo int8_info(const Options& options, const model::NetworkFile& file, std::int64_t pictures) {
    model::ModelInfo info = file.info;
    info.arch += info.arch.empty() ? "int8" : " int8";
    info.quantisation = model::Quantisation{file.sha256, options.observer, pictures};
    return info;
}

/// What is compared on, and the words for it.
struct Judges {
    std::vector<Picture> pictures;
    std::string which;
};

Judges judges(const Options& options, const quantize::Split& parts, const Cancellation& cancellation) {
    if (!options.test.empty())
        return {quantize::pictures_in(quantize::input_flags(options.test), cancellation), "of --test"};
    if (std::ssize(parts.rest) >= fewest_to_compare)
        return {quantize::split(parts.rest, most_to_compare, options.seed).calibration,
                "that ranges were not measured on"};
    log_warning("too few pictures are left to compare on others than those that ranges were measured on; the figures "
                "are a little too good, so give --test or more of --data");
    return {parts.calibration, "that ranges were measured on"};
}

quantize::FileFacts facts_of(const model::NetworkFile& file) {
    return {file.path.string(), file.sha256, file.contents.bytes};
}

void tell_of_hardware() {
    if (!torch::has_vnni().value_or(true))
        log_notice("this processor has no AVX-512 VNNI: int8 gives the same figures here, but gains less time");
}

/// A network that cannot be run is not left behind.
std::unique_ptr<torch::ScriptNetwork> load_what_was_made(const model::NetworkFile& file, const Options& options) {
    try {
        return torch::load_network(file, options.load);
    } catch (const Error&) {
        std::error_code ignored;
        std::filesystem::remove(file.path, ignored);
        throw;
    }
}

int run(Options& options) {
    const Cancellation& cancellation = cli::catch_signals();
    check_place(options);
    torch::prepare_process();
    pictures::choose_settings(options, "cpu");
    if (options.runner.batch == 0) options.runner.batch = 8;
    model::InfoDefaults defaults;
    defaults.preprocess = cli::preprocess_named(options.preprocess);
    if (!options.label_file.empty()) defaults.labels = cli::read_label_file(options.label_file);
    const auto file = model::open_network_file(options.model, defaults);
    for (const std::string& assumption : file.assumptions) log_warning(assumption);
    const auto parts =
        quantize::split(quantize::pictures_in(options.data, cancellation), options.pictures, options.seed);
    const Judges judged = judges(options, parts, cancellation);
    std::vector<Picture> strangers;
    if (!options.unknown.empty())
        strangers = quantize::pictures_in(quantize::input_flags(options.unknown), cancellation);

    const auto before = torch::load_network(file, options.load);
    quantize::Report report;
    torch::Quantiser quantiser(file);
    report.failed = quantize::for_batches(
        options, parts.calibration, file.info.preprocess,
        [&](const model::Batch& batch, const auto&) { quantiser.observe(batch); }, cancellation);
    quantiser.observe_noise();
    write_file_atomically(options.output, quantiser.archive(int8_info(options, file, quantiser.observed()),
                                                            options.rule(), options.coverage()));

    const auto int8_file = model::open_network_file(options.output);
    const auto after = load_what_was_made(int8_file, options);
    const auto known = quantize::compare(options, judged.pictures, *before, *after, cancellation);
    report.before = facts_of(file);
    report.after = facts_of(int8_file);
    report.layers = quantiser.layers();
    report.observer = options.observer;
    if (options.rule() == stats::RangeRule::percentile) report.percentile = options.percentile;
    report.calibrated_on = quantiser.observed();
    report.compared_on = judged.which;
    report.known = quantize::difference(known);
    report.failed += known.failed;
    if (!strangers.empty()) {
        const auto unknown = quantize::compare(options, strangers, *before, *after, cancellation);
        report.unknown = quantize::difference(unknown);
        report.separations = quantize::separations(known, unknown, file.info.activation);
        report.failed += unknown.failed;
    }
    const std::string json = io::pretty(json_of(report));
    write_file_atomically(options.report_path(), json);
    std::cout << (options.format == "json" ? json : text_of(report));
    tell_of_hardware();
    log_notice(
        "wrote " + options.output +
        ", and beside it .quantization.json; it is a network of its own: fit detectors and choose thresholds anew");
    return report.failed > options.max_errors ? cli::exit_some_failed : cli::exit_done;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    cli::Command command(
        "openset quantize",
        "Makes an int8 network of one in float: the ranges of its layers are measured on your pictures, and what it "
        "costs is measured on others of them: verdicts that change, accuracy, areas under curves, time. The last "
        "Linear stays in float.",
        {{"openset quantize cats8.pt --data train/ -o cats8.int8.pt", "measure on some of train/, compare on others"},
         {"openset quantize cats8.pt --data train/ --test test/ --unknown far/ -o cats8.int8.pt",
          "accuracy and AUROC before and after"}});
    command.set_version_detail("LibTorch " + torch::runtime_facts().compiled_version);
    quantize::add_options(command.app(), options);
    return command.main(argc, argv, [&] {
        quantize::resolve(options);
        options.quiet = command.common().quiet;
        try {
            return run(options);
        } catch (const cli::Interrupted&) {
            log_error(std::filesystem::exists(options.output) && !options.force
                          ? "interrupted; the int8 network is written, what it costs was not measured"
                          : "interrupted");
            return cli::end_by_signal(cli::caught_signal());
        }
    });
}
