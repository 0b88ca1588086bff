// openset score STORE --fitted F -o scores.csv: activations -> scores, larger = more unknown. No LibTorch in here.

#include <iostream>

#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/version.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/sha256.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/io/run_record.hpp"
#include "openset/io/score_run.hpp"
#include "openset/io/score_writer.hpp"
#include "scores/scorer.hpp"

using namespace openset;

namespace {

struct ScoreOptions {
    std::string store, output = "-";
    scores::WantedColumns columns;
    int threads = 0; ///< 0: one a processor
    bool probabilities = false, w_scores = false;
};

void add_options(CLI::App& app, ScoreOptions& options) {
    const auto each = [](CLI::Option* option) {
        option->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    };
    app.add_option("STORE", options.store, "activation store (openset extract)")->required();
    each(app.add_option(
                "--fitted", options.columns.fitted,
                "a fitted detector (openset fit), or the folder of --method all; NAME= names its column, which else "
                "has the method's name")
             ->type_name("[NAME=]FILE"));
    each(app.add_option("--method", options.columns.methods,
                        "a method that needs no fit: " + scores::unfitted_methods() +
                            ", or all that suit the network (default msp and max-logit)")
             ->type_name("METHOD"));
    app.add_option("-o,--output", options.output, "file for the scores (CSV); - is standard output")->type_name("FILE");
    app.add_flag("--probabilities", options.probabilities,
                 "a column p:LABEL for each class, and p:unknown last, of the OpenMax among the detectors");
    app.add_flag("--w-scores", options.w_scores,
                 "a column w:LABEL for each class: how far beyond its tail the row lies, 0 to 1");
    app.add_option("--threads", options.threads,
                   "threads (default: one a core); the scores are the same with any number")
        ->type_name("N")
        ->check(cli::whole_number(1, 1024))
        ->group(cli::more_options);
    app.add_flag("--allow-mismatch", options.columns.allow_mismatch,
                 "score with a detector that was fitted on another network, other labels or preprocessing")
        ->group(cli::more_options);
}

/// The one OpenMax among the detectors, whose probabilities and W-scores are asked for; null where they are not.
const detect::OpenMax* openmax_of(const ScoreOptions& options, const std::vector<scores::Column>& columns) {
    if (!options.probabilities && !options.w_scores) return nullptr;
    const detect::OpenMax* found = nullptr;
    const std::string flag = options.probabilities ? "--probabilities" : "--w-scores";
    for (const scores::Column& column : columns) {
        const auto* openmax = dynamic_cast<const detect::OpenMax*>(column.detector.get());
        if (openmax != nullptr && found != nullptr)
            throw Error(ErrorKind::usage,
                        flag + ": found several OpenMax detectors, expected one; score them one by one");
        if (openmax != nullptr) found = openmax;
    }
    if (found == nullptr)
        throw Error(ErrorKind::usage, flag + ": found no OpenMax detector, expected one; give it with --fitted FILE");
    return found;
}

std::vector<std::string> column_names(const std::vector<scores::Column>& columns, const ScoreOptions& options,
                                      const std::vector<std::string>& labels) {
    std::vector<std::string> names;
    for (const scores::Column& column : columns) names.push_back(column.name);
    if (options.probabilities) {
        for (const std::string& label : labels) names.push_back("p:" + label);
        names.emplace_back("p:unknown");
    }
    if (options.w_scores) {
        for (const std::string& label : labels) names.push_back("w:" + label);
    }
    return names;
}

void write_scores(const io::ActivationStore& store, scores::Scorer& scorer, io::ScoreWriter& writer) {
    const bool sigmoid = store.meta().activation == "sigmoid";
    store.for_each_sample([&](std::int64_t row, const std::string& path, const std::string& label) {
        scorer.move_to(row);
        const auto logits = scorer.logits(row);
        writer.write(path, label, store.meta().labels[scores::likeliest(logits)], scores::confidence(logits, sigmoid),
                     scorer.values(row));
    });
}

io::ScoreRun record_of(const ScoreOptions& options, const io::ActivationStore& store,
                       const std::vector<scores::Column>& columns) {
    io::ScoreRun run;
    run.openset_version = cli::version;
    run.store = options.store;
    run.store_identity = store.identity();
    run.model_name = store.meta().model_name;
    run.model_sha256 = store.meta().model_sha256;
    run.labels = store.meta().labels;
    run.rows = store.rows();
    run.failed = store.meta().failed;
    for (const scores::Column& column : columns) run.columns[column.name] = column.record;
    return run;
}

int run(const ScoreOptions& options) {
    cli::check_output(options.output, "scores",
                      [](std::string_view head) { return head.starts_with("path,label,predicted,confidence"); });
    const io::ActivationStore store(options.store);
    const auto columns = scores::columns_of(options.columns, store);
    const detect::OpenMax* const openmax = openmax_of(options, columns);
    const auto sink = options.output == "-" ? open_standard_output() : open_atomic_file(options.output);
    io::ScoreWriter writer(*sink, column_names(columns, options, store.meta().labels));
    scores::Scorer scorer(store, columns, {openmax, options.probabilities, options.w_scores}, options.threads);
    write_scores(store, scorer, writer);
    if (cli::is_kept_file(options.output)) {
        sink->flush();
        io::ScoreRun record = record_of(options, store, columns);
        record.scores_sha256 = sha256_hex_of_file(partial_path(options.output));
        io::commit_with_record(*sink, options.output, io::to_json(record));
    } else {
        sink->commit();
    }
    std::string names;
    for (const scores::Column& column : columns) names += (names.empty() ? "" : ", ") + column.name;
    const std::int64_t failed = store.meta().failed;
    const std::string left_out = failed == 0   ? ""
                                 : failed == 1 ? "; 1 failed picture has no scores"
                                               : "; " + std::to_string(failed) + " failed pictures have no scores";
    log_notice(std::to_string(store.rows()) + " rows scored: " + names + left_out);
    return cli::exit_done;
}

} // namespace

int main(int argc, char** argv) {
    ScoreOptions options;
    cli::Command command(
        "openset score",
        "Scores the rows of an activation store with fitted detectors and plain baselines: larger = "
        "more unknown. openset sweep and openset eval read the result.",
        {{"openset score test.store --fitted cats8.openmax.json -o test.csv", "openmax beside msp and max-logit"},
         {"openset score test.store --fitted a=a.json --fitted b=b.json -o test.csv", "two fits, a column each"}});
    add_options(command.app(), options);
    return command.main(argc, argv, [&] { return run(options); });
}
