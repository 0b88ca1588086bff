// openset report: rows, scores, a fitted detector -> one page with charts and pictures. No LibTorch in here.

#include <algorithm>
#include <filesystem>
#include <set>

#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/version.hpp"
#include "eval/result.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/io/fitted_file.hpp"
#include "report/chain.hpp"
#include "report/detector.hpp"
#include "report/files.hpp"
#include "report/page.hpp"
#include "report/separation.hpp"
#include "report/truth.hpp"
#include "scores/store_side.hpp"

using namespace openset;

namespace {

namespace fs = std::filesystem;

struct ReportOptions {
    std::string rows, truth, known;
    std::vector<std::string> unknown;
    std::string method, stage, threshold, point_file;
    std::string fitted, store, pictures;
    std::string title = "Known or unknown?", output, svg_folder;
};

void check(const ReportOptions& options) {
    if (options.rows.empty() && options.known.empty() && options.fitted.empty()) {
        throw Error(ErrorKind::usage,
                    "nothing to report on, expected --rows with what openset infer wrote, --known and "
                    "--unknown scores, or --fitted with a detector");
    }
    if (!options.truth.empty() && options.rows.empty())
        throw Error(ErrorKind::usage,
                    "--truth " + options.truth + ": expected --rows with the pictures that it is about");
    if (!options.unknown.empty() && options.known.empty())
        throw Error(ErrorKind::usage, "--unknown " + options.unknown.front() + ": expected --known FILE with it");
    if (!options.store.empty() && options.fitted.empty())
        throw Error(ErrorKind::usage, "--store " + options.store + ": expected --fitted with what was fitted on it");
    if (!options.threshold.empty() && !options.point_file.empty())
        throw Error(ErrorKind::usage, "--threshold together with --operating-point: expected one of them");
}

void check_outputs(const ReportOptions& options) {
    std::vector<cli::FlagFile> inputs = {
        {"--rows", options.rows},
        {"--truth", options.truth == "folders" ? "" : options.truth},
        {"--known", options.known.empty() ? "" : scores::named_file(options.known).path},
        {"--fitted", options.fitted},
        {"--operating-point", options.point_file}};
    for (const std::string& file : options.unknown) inputs.push_back({"--unknown", scores::named_file(file).path});
    cli::keep_apart({{"-o", options.output}}, inputs);
    cli::check_output(options.output, "page of openset report", report::begins_like_page);
    if (!options.svg_folder.empty()) report::check_place_for_files(options.svg_folder);
}

eval::Wanted wanted_of(const ReportOptions& options) {
    eval::Wanted wanted{options.threshold, {}, options.point_file, {}, true, true, true};
    if (!options.point_file.empty()) wanted.point = io::read_operating_point(options.point_file);
    return wanted;
}

/// The score column that is asked for: by --method, or by the detector of --fitted where the file has its column.
std::string method_of(const ReportOptions& options, const fs::path& scores) {
    if (!options.method.empty() || options.fitted.empty() || scores::holds_rows(scores)) return options.method;
    const std::string method = io::read_fitted(options.fitted).method;
    const std::vector<std::string> columns = io::score_columns(scores);
    return std::ranges::find(columns, method) != columns.end() ? method : "";
}

/// The sets that are named on the command line; each has a name of its own.
std::vector<scores::NamedFile> unknown_files(const ReportOptions& options) {
    std::vector<scores::NamedFile> files;
    std::set<std::string> names;
    for (const std::string& text : options.unknown) {
        files.push_back(scores::named_file(text));
        if (!names.insert(files.back().name).second) {
            throw Error(ErrorKind::usage, "--unknown " + text + ": two sets are called " + files.back().name +
                                              ", expected a name for each, as in NAME=FILE");
        }
    }
    return files;
}

bool is_folder(const fs::path& path) {
    std::error_code ignored; // reading says why
    return fs::is_directory(path, ignored);
}

/// Activation stores in the place of scores: the detector scores them here.
scores::Inputs inputs_of_stores(const ReportOptions& options, const std::vector<scores::NamedFile>& unknown) {
    if (options.fitted.empty() == options.method.empty()) {
        throw Error(ErrorKind::usage, "--known " + options.known +
                                          ": is an activation store, expected the detector that scores it: " +
                                          "--fitted FILE, or --method with one of " + scores::unfitted_methods());
    }
    const scores::NamedFile file = scores::named_file(options.known);
    const io::ActivationStore known(file.path);
    std::vector<scores::Column> columns;
    if (options.fitted.empty())
        columns.push_back(scores::unfitted_column(options.method, known));
    else
        columns.push_back(scores::fitted_column({}, io::read_fitted(options.fitted), options.fitted, known, false));
    io::LabelNames labels;
    scores::Side side = scores::side_of_store(file, known, columns, true, true, 0, labels);
    std::vector<scores::Side> sides;
    for (const scores::NamedFile& each : unknown) {
        if (!is_folder(each.path)) {
            throw Error(ErrorKind::usage,
                        "--unknown " + each.path.string() + ": expected an activation store, as --known is one");
        }
        sides.push_back(scores::side_of_store(each, io::ActivationStore(each.path), columns, false, true, 0, labels));
    }
    return scores::held_together(std::move(labels), std::move(side), std::move(sides));
}

/// Scores on the command line, or the rows of infer parted by the truth; none where there is neither.
std::optional<scores::Request> request_of(const ReportOptions& options, const std::optional<report::Truth>& truth,
                                          const std::optional<report::Chain>& chain) {
    scores::Request request;
    request.details = request.paths = true;
    request.stage = options.stage;
    if (!options.known.empty()) {
        request.known = scores::named_file(options.known);
        request.unknown = unknown_files(options);
        const std::string method = scores::the_one_method(request.known.path, method_of(options, request.known.path));
        if (!method.empty()) request.methods = {method};
        return request;
    }
    if (!chain || !truth || !(chain->has_unknown || !options.stage.empty())) return std::nullopt;
    request.known = {"rows", options.rows};
    if (request.stage.empty()) request.stage = "unknown";
    if (!options.method.empty()) request.methods = {options.method};
    request.truth = [&truth](const std::string& path) { return (*truth)(path); };
    request.labels = chain->labels;
    return request;
}

/// Where the stores of score files lie, as far as their records say and they are still there.
report::Stores stores_of(const ReportOptions& options, const scores::Inputs* inputs) {
    report::Stores stores{options.store, {}, {}};
    if (inputs == nullptr || inputs->unknown.empty()) return stores;
    const auto is_there = [](const std::string& store) {
        std::error_code ignored; // a store that cannot be looked at is as good as none
        return !store.empty() && fs::is_directory(store, ignored);
    };
    if (!is_there(inputs->known.store)) return stores;
    for (const scores::Side& side : inputs->unknown) {
        if (!is_there(side.store)) return {options.store, {}, {}};
        stores.unknown.emplace_back(side.store);
    }
    stores.known = inputs->known.store;
    return stores;
}

void add_sources(const ReportOptions& options, report::Content& content) {
    const auto add = [&](const char* name, const std::string& file) {
        if (!file.empty()) content.made_from.emplace_back(name, file);
    };
    add("rows of infer", options.rows);
    add("truth", options.truth);
    add("known", options.known);
    for (const std::string& file : options.unknown) add("unknown", file);
    add("method", options.method);
    add("stage", options.stage);
    add("threshold", options.threshold);
    add("operating point", options.point_file);
    add("fitted detector", options.fitted);
    add("training store", options.store);
    add("made by", std::string("openset ") + cli::version);
}

// ---- one part of the page after the other

std::optional<report::Chain> add_chain(const ReportOptions& options, const std::optional<report::Truth>& truth,
                                       report::Content& content) {
    if (options.rows.empty()) {
        content.left_out.emplace_back("the flow through gate, species filter and classifier",
                                      "rows of openset infer: --rows FILE");
        return std::nullopt;
    }
    const auto class_of = [&](const std::string& path) { return truth ? (*truth)(path) : std::nullopt; };
    const report::Labels labels = truth ? report::labels_behind(options.rows, options.fitted) : report::Labels();
    report::Chain chain = report::read_chain(options.rows, class_of, labels);
    content.summary = report::summary_of(chain);
    content.facts = report::facts_of(chain);
    content.sections.push_back(report::flow_section(chain));
    if (!truth) {
        content.left_out.emplace_back("what was right and what was wrong",
                                      "the true classes: --truth FILE, or --truth folders");
    }
    return chain;
}

/// Whether both sides tell which of their rows the detector rejected.
bool tell_verdicts(const scores::Inputs& inputs) {
    const auto tells = [](const scores::Side& side) { return std::ssize(side.table.rejected) == side.table.rows; };
    return tells(inputs.known) && std::ranges::all_of(inputs.unknown, tells);
}

/// Measured at the threshold that is asked for; where rows are measured, by what they decided themselves.
report::Separation separation_of(const ReportOptions& options, const std::optional<report::Chain>& chain,
                                 const scores::Inputs& inputs) {
    eval::Wanted wanted = wanted_of(options);
    const bool is_own = chain && inputs.stage == io::Stage::unknown && options.known.empty() &&
                        wanted.threshold.empty() && !wanted.point && tell_verdicts(inputs);
    if (is_own) wanted.own = eval::OwnVerdicts{chain->threshold, chain->rule};
    report::Separation separation = report::separate(inputs, wanted);
    for (const eval::Result& result : separation.results) {
        for (const std::string& sentence : result.diagnoses) log_warning(result.unknown + ": " + sentence);
    }
    return separation;
}

void add_separation(const report::Separation& separation, bool has_chain, report::Content& content) {
    std::ranges::move(report::summary_of(separation), std::back_inserter(content.summary));
    std::vector<report::Fact> facts = report::facts_of(separation);
    if (has_chain && facts.size() > 1) facts.resize(1); // the chain's own stand there already
    std::ranges::move(facts, std::back_inserter(content.facts));
    content.sections.push_back(report::separation_section(separation));
    report::Section classes = report::classes_section(separation);
    if (!classes.parts.empty()) content.sections.push_back(std::move(classes));
    std::ranges::move(report::left_out_of(separation), std::back_inserter(content.left_out));
}

/// words  what they were judged by
void add_pictures(const std::vector<report::Judged>& judged, std::vector<std::string> words, const fs::path& root,
                  report::Content& content) {
    report::Section pictures{"pictures", "The pictures themselves", std::move(words),
                             report::contact_sheets(judged, root)};
    if (!pictures.parts.empty()) content.sections.push_back(std::move(pictures));
}

void add_detector(const ReportOptions& options, const scores::Inputs* inputs, report::Content& content) {
    if (options.fitted.empty()) {
        content.left_out.emplace_back("what the detector learned",
                                      "its file: --fitted FILE, and --store DIR with what it was fitted on");
        return;
    }
    report::Section detector = report::detector_section(options.fitted, stores_of(options, inputs), content.left_out);
    if (!detector.parts.empty()) content.sections.push_back(std::move(detector));
}

report::Content content_of(const ReportOptions& options) {
    report::Content content;
    content.title = options.title;
    std::optional<report::Truth> truth;
    if (!options.truth.empty()) truth.emplace(options.truth);
    const std::optional<report::Chain> chain = add_chain(options, truth, content);

    std::optional<scores::Inputs> inputs;
    std::vector<report::Judged> judged = chain ? chain->pictures : std::vector<report::Judged>();
    std::vector<std::string> judged_by;
    if (!options.known.empty() && is_folder(scores::named_file(options.known).path))
        inputs = inputs_of_stores(options, unknown_files(options));
    else if (const auto request = request_of(options, truth, chain))
        inputs = scores::read_inputs(*request);
    if (inputs) {
        const report::Separation separation = separation_of(options, chain, *inputs);
        add_separation(separation, chain.has_value(), content);
        if (!chain) {
            judged = report::judged(separation);
            judged_by.push_back(report::words_of_judged(separation));
        }
    } else {
        content.left_out.emplace_back("ROC, precision and recall, thresholds, confusion",
                                      "scores of known and unknown pictures: --known and --unknown; or --truth beside "
                                      "--rows of a pipeline with a detector");
    }
    add_pictures(judged, std::move(judged_by), options.pictures, content);
    add_detector(options, inputs ? &*inputs : nullptr, content);
    add_sources(options, content);
    return content;
}

int run(const ReportOptions& options) {
    check(options);
    check_outputs(options);
    const report::Content content = content_of(options);
    const std::string page = report::page(content);
    if (!options.svg_folder.empty()) report::write_files(content, options.svg_folder);
    const auto sink = options.output == "-" ? open_standard_output() : open_atomic_file(options.output);
    sink->write(page);
    sink->commit();
    if (options.output != "-")
        log_notice("wrote " + options.output + " (" + std::to_string((page.size() + 1023) / 1024) + " KiB)");
    return cli::exit_done;
}

void add_options(CLI::App& app, ReportOptions& options) {
    app.add_option("--rows", options.rows, "what openset infer wrote, jsonl or csv")->type_name("FILE");
    app.add_option(
           "--truth", options.truth,
           "with --rows: a table with the columns path and label; or folders: each picture's folder is its class")
        ->type_name("FILE|folders");
    app.add_option("--known", options.known,
                   "known pictures: scores (openset score), rows of infer with --stage, or an activation store that "
                   "--fitted or "
                   "--method scores")
        ->type_name("FILE|STORE");
    app.add_option("--unknown", options.unknown, "the same of unknown pictures; each set is measured apart")
        ->type_name("[NAME=]FILE")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--method", options.method, "score column (default: the only one, or that of --fitted)")
        ->type_name("NAME");
    app.add_option("--stage", options.stage, "of rows: which stage's score is measured; gate, species or unknown")
        ->type_name("STAGE")
        ->check(cli::one_of({"gate", "species", "unknown"}));
    app.add_option("--threshold", options.threshold,
                   "a score above it is unknown (default: the pipeline's own of --rows, else Youden's point)")
        ->type_name("X");
    app.add_option("--operating-point", options.point_file, "the threshold that openset sweep --pick wrote")
        ->type_name("FILE");
    app.add_option("--fitted", options.fitted, "the detector that openset fit wrote: what it learned")
        ->type_name("FILE");
    app.add_option("--store", options.store, "with --fitted: the store that it was fitted on")->type_name("DIR");
    app.add_option("--pictures", options.pictures, "folder where relative paths of pictures begin (default: this one)")
        ->type_name("DIR");
    app.add_option("--title", options.title, "what stands at the top")->type_name("TEXT");
    app.add_option("-o,--output", options.output, "the page to write; - is standard output")
        ->type_name("FILE")
        ->required();
    app.add_option("--svg", options.svg_folder,
                   "folder for the charts as single SVG files, and every figure's numbers as CSV")
        ->type_name("DIR");
}

} // namespace

int main(int argc, char** argv) {
    ReportOptions options;
    cli::Command command(
        "openset report",
        "Writes one HTML page with charts and pictures: what became of the pictures, how well unknown ones are told "
        "from "
        "known ones, what went wrong, what the detector learned. The page holds everything it shows and needs no "
        "network.",
        {{"openset report --rows rows.jsonl -o report.html", "what the pipeline decided, with thumbnails"},
         {"openset report --known known.csv --unknown far=far.csv --fitted openmax.json --store train.store -o "
          "report.html",
          "how well the detector does, and what it learned"}});
    add_options(command.app(), options);
    return command.main(argc, argv, [&] { return run(options); });
}
