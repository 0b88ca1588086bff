// openset eval: scores of known and unknown pictures -> metrics. No LibTorch in here.

#include <algorithm>
#include <set>

#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "eval/output.hpp"
#include "eval/result.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"

using namespace openset;

namespace {

struct EvalOptions {
    std::string known;
    std::vector<std::string> unknown, methods;
    std::string stage, format = "table", output = "-";
    std::string threshold, point_file;
    std::int64_t resamples = 0, seed = 0;
    bool per_class = false, confusion = false, report = false;
};

eval::Wanted wanted_of(const EvalOptions& options) {
    if (!options.threshold.empty() && !options.point_file.empty())
        throw Error(ErrorKind::usage, "--threshold together with --operating-point: expected one of them");
    if (options.format == "csv" && (options.per_class || options.confusion || options.report)) {
        throw Error(ErrorKind::usage, "-f csv: is one table of metrics, expected -f json or table with --per-class, "
                                      "--confusion and --report");
    }
    eval::Wanted wanted{
        options.threshold, {}, options.point_file, {options.resamples, 0}, options.per_class, options.confusion,
        options.report};
    wanted.bootstrap.seed = static_cast<std::uint64_t>(options.seed);
    if (!options.point_file.empty()) wanted.point = io::read_operating_point(options.point_file);
    return wanted;
}

scores::Request request_of(const EvalOptions& options) {
    scores::Request request{scores::named_file(options.known), {}, options.methods, options.stage, true};
    std::set<std::string> names;
    for (const std::string& text : options.unknown) {
        request.unknown.push_back(scores::named_file(text));
        if (!names.insert(request.unknown.back().name).second) {
            throw Error(ErrorKind::usage, "--unknown " + text + ": two sets are called " + request.unknown.back().name +
                                              ", expected a name for each, as in NAME=FILE");
        }
    }
    return request;
}

/// A threshold is in the unit of one score.
void need_one_method(const EvalOptions& options, const scores::Inputs& inputs) {
    const std::string flag = !options.threshold.empty()    ? "--threshold " + options.threshold
                             : !options.point_file.empty() ? "--operating-point " + options.point_file
                                                           : "";
    if (flag.empty() || inputs.methods().size() == 1) return;
    std::string all;
    for (const std::string& method : inputs.methods()) all += (all.empty() ? "" : ", ") + method;
    throw Error(ErrorKind::usage, flag + ": found the scores " + all + ", expected --method with the one it is for");
}

std::vector<eval::Result> evaluate_all(const scores::Inputs& inputs, const eval::Wanted& wanted) {
    std::vector<eval::Result> results;
    for (std::size_t method = 0; method < inputs.methods().size(); ++method) {
        if (inputs.unknown.empty()) results.push_back(eval::evaluate(inputs, method, std::nullopt, wanted));
        for (std::size_t set = 0; set < inputs.unknown.size(); ++set)
            results.push_back(eval::evaluate(inputs, method, set, wanted));
    }
    return results;
}

void write(const EvalOptions& options, const std::string& text) {
    const auto sink = options.output == "-" ? open_standard_output() : open_atomic_file(options.output);
    sink->write(text);
    sink->commit();
}

void check_output(const EvalOptions& options, const scores::Request& request) {
    std::vector<cli::FlagFile> inputs = {{"--known", request.known.path}, {"--operating-point", options.point_file}};
    for (const scores::NamedFile& file : request.unknown) inputs.push_back({"--unknown", file.path});
    cli::keep_apart({{"-o", options.output}}, inputs);
    cli::check_output(options.output, "metrics of openset eval", eval::begins_like_metrics);
}

int run(const EvalOptions& options) {
    const eval::Wanted wanted = wanted_of(options);
    const scores::Request request = request_of(options);
    check_output(options, request);
    const scores::Inputs inputs = scores::read_inputs(request);
    need_one_method(options, inputs);
    if (options.per_class && inputs.known.table.w.empty()) {
        log_notice(inputs.known.file.path.string() +
                   ": has no W-scores, so that --per-class tells the score alone; openset score --w-scores adds them");
    }
    const std::vector<eval::Result> results = evaluate_all(inputs, wanted);
    for (const eval::Result& result : results)
        for (const std::string& sentence : result.diagnoses) log_warning(result.unknown + ": " + sentence);
    write(options, options.format == "json"  ? eval::json_text(inputs, results, wanted)
                   : options.format == "csv" ? eval::csv_text(results)
                                             : eval::table_text(inputs, results, wanted));
    return cli::exit_done;
}

void add_options(CLI::App& app, EvalOptions& options) {
    const auto each = [](CLI::Option* option) {
        option->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    };
    app.add_option("--known", options.known, "scores of known pictures (openset score), or rows of infer")
        ->type_name("FILE")
        ->required();
    each(app.add_option("--unknown", options.unknown, "scores of unknown pictures; each set is measured apart")
             ->type_name("[NAME=]FILE"));
    each(app.add_option("--method", options.methods, "score column (default: all)")->type_name("NAME"));
    app.add_option("--stage", options.stage, "rows of infer: which stage's score; gate, species or unknown")
        ->type_name("STAGE")
        ->check(cli::one_of({"gate", "species", "unknown"}));
    app.add_option("--threshold", options.threshold,
                   "a score above it is unknown; p=X for openmax (default: Youden's point of these rows)")
        ->type_name("X");
    app.add_option("--operating-point", options.point_file, "the threshold that openset sweep --pick wrote")
        ->type_name("FILE");
    app.add_option("-f,--format", options.format, "table, json or csv")
        ->type_name("FORMAT")
        ->check(cli::one_of({"table", "json", "csv"}));
    app.add_option("-o,--output", options.output, "file for the metrics; - is standard output")->type_name("FILE");
    app.add_option("--bootstrap", options.resamples, "95 % intervals of everything from so many resamples")
        ->type_name("N")
        ->check(cli::whole_number(1, 1'000'000));
    app.add_option("--seed", options.seed, "of the resamples (default 0): the same seed, the same intervals")
        ->type_name("N")
        ->check(cli::whole_number(0, std::numeric_limits<std::int64_t>::max()));
    app.add_flag("--report", options.report, "precision, recall, F1 and support of each class, unknown among them");
    app.add_flag("--confusion", options.confusion, "who was taken for what, unknown among them");
    app.add_flag("--per-class", options.per_class,
                 "what the scores do among the rows predicted as each class; W-scores where files have them");
}

} // namespace

int main(int argc, char** argv) {
    EvalOptions options;
    cli::Command command(
        "openset eval",
        "Measures how well scores tell unknown pictures from known ones, and what a threshold makes of both. Reads "
        "score "
        "files (openset score) or rows (openset infer).",
        {{"openset eval --known known.csv --unknown far=far.csv --unknown near=near.csv --bootstrap 1000",
          "every metric of every method against both sets, with intervals"},
         {"openset eval --known known.csv --unknown unknown.csv --operating-point operating_point.json --report",
          "what the chosen threshold does, class by class"}});
    add_options(command.app(), options);
    return command.main(argc, argv, [&] { return run(options); });
}
