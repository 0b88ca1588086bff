#include "infer/options.hpp"

#include <filesystem>
#include <utility>

#include "cli/command.hpp"
#include "cli/network_defaults.hpp"
#include "openset/base/error.hpp"
#include "openset/base/spelling.hpp"
#include "openset/io/number_text.hpp"

namespace openset::infer {
namespace {

/// Which of the flags that stand for config keys were given. --gate-top-k and --gate-min-mass bring their rule along.
std::vector<cascade::ConfigOverride> given_overrides(const CLI::App& app, const ConfigFlags& flags) {
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
    if (given("--significance")) add("--significance", "/significance", io::shortest(flags.significance));
    if (given("--unknown-threshold")) {
        const std::string& text = flags.unknown_threshold;
        const bool is_number = text.find_first_not_of("0123456789.-+eE") == std::string::npos;
        add("--unknown-threshold", "/unknown/threshold", is_number ? text : quoted(text));
    }
    return overrides;
}

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::usage, message); }

/// Throws where a flag was given that has no meaning beside another.
void refuse_beside(const CLI::App& app, const std::string& flag, const std::vector<const char*>& others,
                   const std::string& why) {
    for (const char* other : others) {
        const CLI::Option* option = app.get_option(other);
        if (option->count() > 0) refuse(flag + " together with " + option->get_name() + ": " + why);
    }
}

void check_together(const CLI::App& app, const Options& options) {
    const std::vector<const char*> input_flags = {"PATH", "--files-from", "--files-from0", "--shard"};
    if (options.inputs.stream) {
        refuse_beside(app, "--stream", input_flags, "the paths come from standard input, expected nothing beside it");
        refuse_beside(app, "--stream", {"--output", "--resume"}, "the rows go to standard output, expected no file");
        if (options.output.format != "auto" && options.output.format != "jsonl") {
            refuse("--stream together with --format " + options.output.format + ": expected jsonl, a row a line");
        }
    }
    if (!options.explain.empty()) {
        refuse_beside(app, "--explain", input_flags, "it tells of one picture, expected no other");
        refuse_beside(app, "--explain",
                      {"--stream", "--resume", "--output", "--format", "--sort-into", "--dry-run", "--watch-rate"},
                      "it writes a text for people, no rows; leave one of them out");
    }
    if (!(options.false_alarm > 0 && options.false_alarm < 1))
        refuse("--false-alarm " + io::shortest(options.false_alarm) + ": expected a share above 0 and below 1");
    if (app.get_option("--false-alarm")->count() > 0 && options.watch_rate.empty())
        refuse("--false-alarm: has a meaning with --watch-rate only; add it");
    if (!options.preview.empty() && options.explain.empty())
        refuse("--preview " + options.preview + ": has a meaning with --explain PICTURE only; add it");
    if (!options.preview.empty() && !options.preview.ends_with(".png"))
        refuse("--preview " + options.preview + ": a PNG picture is written, expected a name that ends in .png");
    if (options.output.copy && options.output.sort_into.empty())
        refuse("--copy: has a meaning with --sort-into DIR only; add it");
    if (options.output.resume && options.output.file == "-")
        refuse("--resume: standard output cannot be taken up again, expected the -o FILE of the interrupted run");
    if (options.output.resume && row_format(options.output) == io::RowFormat::table)
        refuse("--resume: a table cannot be taken up again, expected -f jsonl or csv");
}

} // namespace

void add_options(CLI::App& app, Options& options) {
    cli::add_names(app, "PATH", options.inputs.paths,
                   "pictures, folders of pictures, tar files, or - for a picture or a tar file on standard input");
    app.add_option("-c,--config", options.config, "pipeline config (JSON)")->type_name("FILE")->required();
    app.add_option("-o,--output", options.output.file, "file for the rows, whole or not at all; - is standard output")
        ->type_name("FILE");
    app.add_option("-f,--format", options.output.format,
                   "jsonl, csv or table; auto: by the output's ending, table on a terminal, else jsonl")
        ->type_name("FORMAT")
        ->check(cli::one_of({"auto", "jsonl", "csv", "table"}));
    app.add_option("--files-from", options.inputs.files_from,
                   "read names of pictures and folders from FILE, one a line; - is standard input")
        ->type_name("FILE");
    app.add_option("--sort-into", options.output.sort_into,
                   "link every picture into DIR/VERDICT/ as well; nothing there is ever overwritten")
        ->type_name("DIR");
    app.add_option("--explain", options.explain,
                   "tell step by step what the networks see in one picture and what decided; - is standard input")
        ->type_name("PICTURE");
    app.add_flag("--resume", options.output.resume,
                 "go on after the rows that an interrupted run left in FILE.partial (needs -o)");
    app.add_flag("--closed-set", options.closed_set, "the classifier alone; rejects nothing");
    app.add_flag("--dry-run", options.dry_run,
                 "check the config, load the networks, count the inputs (if any are named), and stop");

    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    const auto more_flag = [&app](auto&&... arguments) { return app.add_flag(arguments...)->group(cli::more_options); };
    more("--files-from0", options.inputs.files_from0,
         "read names that end in a NUL byte, as find -print0 writes them, from FILE")
        ->type_name("FILE");
    more("--shard", options.inputs.shard,
         "every N-th input only, beginning with number I (from 0); openset merge joins the rows")
        ->type_name("I/N");
    more_flag(
        "--stream", options.inputs.stream,
        "one path a line on standard input, one row a line on standard output, at once and in order, until it ends");
    more_flag("--copy", options.output.copy, "with --sort-into: copy the pictures instead of linking them");
    more("--preview", options.preview, "with --explain: write what the networks see as a picture")
        ->type_name("FILE.png");
    more_flag("--print-config", options.print_config, "print the config in full, with defaults and flags, and stop");
    more("--significance", options.config_flags.significance,
         "share of known pictures that all stages together may reject, by the config's calibration (default: its "
         "budget)")
        ->type_name("A");
    more("--watch-rate", options.watch_rate,
         "warn when the share of rejected pictures leaves this one (0.1), or this range (0.05:0.15); auto: what the "
         "calibration measured")
        ->type_name("RATE");
    more("--false-alarm", options.false_alarm,
         "--watch-rate: in at most this share of runs, however long, it warns without a cause (default 0.01)")
        ->type_name("P");
    more_flag("--all-stages", options.runner.all_stages,
              "run every stage for every picture and report all of them; same verdicts");
    more("--top", options.runner.top, "labels to list for a classified picture (default 5)")
        ->type_name("N")
        ->check(cli::whole_number(0, 1'000'000));
    more("--gate-rule", options.config_flags.gate_rule, "instead of the config's /gate/rule: top-k, mass or top-1")
        ->type_name("RULE")
        ->check(cli::one_of({"top-k", "mass", "top-1"}));
    more("--gate-top-k", options.config_flags.gate_top_k, "instead of /gate/k")->type_name("K");
    more("--gate-min-mass", options.config_flags.gate_min_mass, "instead of /gate/min_mass")->type_name("P");
    more("--species-min", options.config_flags.species_min, "instead of /species/min_probability")->type_name("P");
    more("--classifier-min", options.config_flags.classifier_min, "instead of /classifier/min_probability")
        ->type_name("P");
    more_flag("--allow-mismatch", options.allow_mismatch,
              "let a detector pass that was fitted on another network, or an operating point of another detector");
    more("--unknown-threshold", options.config_flags.unknown_threshold,
         "instead of /unknown/threshold or its operating point: a score, p=P or argmax")
        ->type_name("T");
    more("--labels", options.labels,
         "label names, one a line, for a network that carries none; for another stage than the classifier: gate=FILE, "
         "species=FILE")
        ->type_name("[STAGE=]FILE")
        ->expected(1)
        ->allow_extra_args(false) // one FILE a flag: what follows is a picture
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    cli::add_preprocess_option(app, options.preprocess);
    pictures::add_run_flags(app, options);
    pictures::add_outcome_flags(app, options);
    pictures::add_fast_decode(app, options);
}

void resolve(const CLI::App& app, Options& options) {
    check_together(app, options);
    options.config_overrides = given_overrides(app, options.config_flags);
    options.output.at_once = options.inputs.stream;
    pictures::resolve(options);
    options.output.strict = options.strict;
    options.output.progress = options.progress;
    options.runner.keep_bytes = !options.output.sort_into.empty();
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
        std::error_code ignored; // reading says why
        if (named == stages.end() && equals != std::string::npos && !std::filesystem::exists(flag, ignored)) {
            const std::vector<std::string> names = {"gate", "species", "classifier"};
            const std::string meant = did_you_mean(flag.substr(0, equals), names);
            if (!meant.empty())
                throw Error(ErrorKind::usage, "--labels " + flag + ": no stage \"" + flag.substr(0, equals) +
                                                  "\", expected gate, species or classifier" + meant);
        }
        const auto stage = named == stages.end() ? cascade::Stage::classifier : named->second;
        const std::string name(to_string(stage));
        if ((stage == cascade::Stage::gate && !config.gate) || (stage == cascade::Stage::species && !config.species)) {
            throw Error(ErrorKind::usage,
                        "--labels " + flag + ": the config has no /" + name + "; add it, or leave the flag out");
        }
        auto labels = cli::read_label_file(named == stages.end() ? flag : flag.substr(equals + 1));
        if (!result.emplace(stage, std::move(labels)).second) {
            throw Error(ErrorKind::usage,
                        "--labels " + flag + ": a second file for " + name + ", expected one a stage");
        }
    }
    return result;
}

} // namespace openset::infer
