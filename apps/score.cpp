// openset score STORE --fitted F -o scores.csv: activations -> scores, larger = more unknown. No LibTorch in here.

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "cli/command.hpp"
#include "cli/in_parallel.hpp"
#include "cli/output_file.hpp"
#include "cli/version.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/cancellation.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/sha256.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/io/fitted_file.hpp"
#include "openset/io/run_record.hpp"
#include "openset/io/score_run.hpp"
#include "openset/io/score_writer.hpp"
#include "openset/stats/activation.hpp"

using namespace openset;

namespace {

struct ScoreOptions {
    std::string store, output = "-";
    std::vector<std::string> fitted;  ///< [NAME=]FILE, or a folder of them
    std::vector<std::string> methods; ///< that need no fit, or `all`; empty: the plain baselines
    int threads = 0;                  ///< 0: one a processor
    bool probabilities = false, w_scores = false, allow_mismatch = false;
};

/// A column of scores and where they come from.
struct Column {
    std::string name;
    std::unique_ptr<detect::Detector> detector;
    io::ScoredMethod record;
};

std::string unfitted_methods() {
    std::string names;
    for (const detect::Method& method : detect::methods()) {
        if (method.make) names += (names.empty() ? "" : ", ") + method.name;
    }
    return names;
}

void add_options(CLI::App& app, ScoreOptions& options) {
    const auto each = [](CLI::Option* option) {
        option->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    };
    app.add_option("STORE", options.store, "activation store (openset extract)")->required();
    each(app.add_option(
                "--fitted", options.fitted,
                "a fitted detector (openset fit), or the folder of --method all; NAME= names its column, which else "
                "has the method's name")
             ->type_name("[NAME=]FILE"));
    each(app.add_option("--method", options.methods,
                        "a method that needs no fit: " + unfitted_methods() +
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
    app.add_flag("--allow-mismatch", options.allow_mismatch,
                 "score with a detector that was fitted on another network, other labels or preprocessing")
        ->group(cli::more_options);
}

/// name  of the column; none: the method's
Column load_fitted(const std::optional<std::string>& name, const std::string& file, const io::ActivationStore& store,
                   bool allow_mismatch) {
    const io::FittedFile fitted = io::read_fitted(file);
    std::string problems;
    for (const std::string& mismatch : io::mismatches(fitted, store.meta())) {
        const std::string sentence = file + ": " + mismatch;
        if (allow_mismatch)
            log_warning(sentence);
        else
            problems += (problems.empty() ? "" : "\n") + sentence + "; fit on the same, or run with --allow-mismatch";
    }
    if (!problems.empty()) throw Error(ErrorKind::usage, problems);
    Column column;
    column.detector = detect::load_detector(fitted);
    column.name = name.value_or(std::string(column.detector->method()));
    column.record = {fitted.method, file, fitted.sha256, fitted.fitted_on};
    detect::require_needs(*column.detector, store.block(0, 0), store.folder().string());
    return column;
}

/// The fitted files of a folder, in the order of the methods.
std::vector<std::string> files_in(const std::string& folder) {
    std::vector<std::string> files;
    std::error_code ignored; // what is there and cannot be read says why
    for (const detect::Method& method : detect::methods()) {
        const auto file = std::filesystem::path(folder) / (method.name + ".json");
        if (std::filesystem::exists(file, ignored)) files.push_back(file.string());
    }
    if (files.empty()) {
        throw Error(ErrorKind::usage, "--fitted " + folder +
                                          ": holds no fitted detector that is called as its method (knn.json), "
                                          "expected the folder that openset fit --method all writes");
    }
    return files;
}

void add_fitted(const std::string& flag, const io::ActivationStore& store, bool allow_mismatch,
                std::vector<Column>& columns) {
    const auto equals = flag.find('=');
    std::error_code ignored; // reading says why
    const bool named = equals != std::string::npos && !std::filesystem::exists(flag, ignored);
    const std::string file = named ? flag.substr(equals + 1) : flag;
    if (!named && std::filesystem::is_directory(file, ignored)) {
        for (const std::string& each : files_in(file))
            columns.push_back(load_fitted(std::nullopt, each, store, allow_mismatch));
    } else {
        columns.push_back(
            load_fitted(named ? std::optional(flag.substr(0, equals)) : std::nullopt, file, store, allow_mismatch));
    }
}

Column make_unfitted(const std::string& name, const io::ActivationStore& store) {
    const detect::Method& method = detect::method_named(name);
    if (!method.make)
        throw Error(ErrorKind::usage, "--method " + name + ": has to be fitted; openset fit STORE --method " + name +
                                          " -o F.json, then --fitted F.json");
    if (method.needs.sigmoid && store.meta().activation != "sigmoid")
        log_warning(name + ": the network is a softmax network, whose logits have no zero; its sigmoids mean little");
    if (method.needs.softmax && store.meta().activation == "sigmoid")
        log_warning(name + ": the network has a sigmoid for each label; a softmax of its logits means little");
    Column column{name, method.make(store.classes(), {}), {name, "", "", ""}};
    detect::require_needs(*column.detector, store.block(0, 0), store.folder().string());
    return column;
}

/// Those that need no fit and suit the network and the store.
std::vector<std::string> suitable_methods(const io::ActivationStore& store) {
    std::vector<std::string> names;
    const detect::TrainingRows rows = detect::training_rows(store);
    for (const detect::Method& method : detect::methods()) {
        if (!method.make) continue;
        if (const auto missing = detect::what_is_missing(method, rows))
            log_notice(method.name + " is left out: it " + *missing);
        else
            names.push_back(method.name);
    }
    return names;
}

std::vector<std::string> methods_to_make(const ScoreOptions& options, const io::ActivationStore& store) {
    if (options.methods == std::vector<std::string>{"all"}) return suitable_methods(store);
    if (!options.methods.empty()) return options.methods;
    std::vector<std::string> names = {"msp", "max-logit"};
    if (store.meta().activation == "sigmoid") names.emplace_back("sigmoid-max");
    return names;
}

/// Readers of the file tell its columns by their names.
void check_names(const std::vector<Column>& columns) {
    const std::set<std::string> taken = {"path", "label", "predicted", "confidence"};
    std::set<std::string> names;
    for (const Column& column : columns) {
        const std::string& name = column.name;
        if (name.empty() || taken.contains(name) || name.starts_with("p:") || name.starts_with("w:")) {
            throw Error(ErrorKind::usage, "--fitted " + name + "=" + column.record.fitted_file +
                                              ": found a name that another column may have, expected one that is "
                                              "neither empty nor path, label, predicted or confidence, and does not "
                                              "begin with p: or w:, as the columns of probabilities and W-scores do");
        }
        if (!names.insert(name).second) {
            throw Error(ErrorKind::usage, "two columns are called " + name +
                                              ", expected a name for each; give one with --fitted NAME=FILE");
        }
    }
}

std::vector<Column> columns_of(const ScoreOptions& options, const io::ActivationStore& store) {
    std::vector<Column> columns;
    for (const std::string& flag : options.fitted) add_fitted(flag, store, options.allow_mismatch, columns);
    for (const std::string& method : methods_to_make(options, store)) columns.push_back(make_unfitted(method, store));
    check_names(columns);
    return columns;
}

/// The one OpenMax among the detectors, whose probabilities and W-scores are asked for; null where they are not.
const detect::OpenMax* openmax_of(const ScoreOptions& options, const std::vector<Column>& columns) {
    if (!options.probabilities && !options.w_scores) return nullptr;
    const detect::OpenMax* found = nullptr;
    const std::string flag = options.probabilities ? "--probabilities" : "--w-scores";
    for (const Column& column : columns) {
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

std::vector<std::string> column_names(const std::vector<Column>& columns, const ScoreOptions& options,
                                      const std::vector<std::string>& labels) {
    std::vector<std::string> names;
    for (const Column& column : columns) names.push_back(column.name);
    if (options.probabilities) {
        for (const std::string& label : labels) names.push_back("p:" + label);
        names.emplace_back("p:unknown");
    }
    if (options.w_scores) {
        for (const std::string& label : labels) names.push_back("w:" + label);
    }
    return names;
}

bool all_finite(const io::FloatRows& rows) {
    const std::span all(rows.values, static_cast<std::size_t>(rows.rows * rows.columns));
    return std::ranges::all_of(all, [](float value) { return std::isfinite(value); });
}

bool all_finite(const io::Activations& rows) {
    return all_finite(rows.logits) && all_finite(rows.features) &&
           std::ranges::all_of(rows.extras, [](const auto& extra) { return all_finite(extra.second); });
}

/// Scores a store block by block, in the order in which its samples are asked for.
class Scorer {
public:
    Scorer(const io::ActivationStore& store, const std::vector<Column>& columns, const detect::OpenMax* openmax,
           const ScoreOptions& options)
        : store_(store), columns_(columns), openmax_(openmax), options_(options),
          threads_(options.threads > 0 ? options.threads
                                       : static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U))),
          scores_(columns.size()) {}

    void move_to(std::int64_t row) {
        if (row < first_ + block_.rows) return;
        store_.let_go(row);
        first_ = row;
        block_ = store_.block(first_, std::min<std::int64_t>(rows_a_block, store_.rows() - first_));
        for (auto& scores : scores_) scores.resize(static_cast<std::size_t>(block_.rows));
        const auto parts = static_cast<std::size_t>((block_.rows + rows_a_part - 1) / rows_a_part);
        cli::in_parallel(
            threads_, parts, [this](std::size_t part) { score_part(static_cast<std::int64_t>(part) * rows_a_part); },
            [](std::size_t) {}, nobody_stops_it_);
    }

    std::span<const float> logits(std::int64_t row) const { return block_.logits.row(row - first_); }

    /// What follows the first four columns.
    const std::vector<double>& values(std::int64_t row) {
        values_.clear();
        for (const auto& scores : scores_) values_.push_back(scores[static_cast<std::size_t>(row - first_)]);
        if (openmax_ == nullptr) return values_;
        const auto revision = openmax_->revise(block_, row - first_);
        if (options_.probabilities) {
            values_.insert(values_.end(), revision.probabilities.begin(), revision.probabilities.end());
            values_.push_back(revision.p_unknown);
        }
        if (options_.w_scores) values_.insert(values_.end(), revision.w.begin(), revision.w.end());
        return values_;
    }

private:
    static constexpr std::int64_t rows_a_block = 4096;
    static constexpr std::int64_t rows_a_part = 256; ///< that a thread takes at a time: they stay in its cache

    /// All scores of some rows: each is read once, whatever the number of detectors.
    void score_part(std::int64_t first) {
        const std::int64_t count = std::min(rows_a_part, block_.rows - first);
        const io::Activations part = io::some_rows(block_, first, count);
        if (!all_finite(part)) store_.check_finite(); // which names the row
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const auto to =
                std::span(scores_[i]).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
            columns_[i].detector->score(part, to);
        }
    }

    const io::ActivationStore& store_;
    const std::vector<Column>& columns_;
    const detect::OpenMax* openmax_;
    const ScoreOptions& options_;
    int threads_;
    Cancellation nobody_stops_it_;
    io::Activations block_;
    std::int64_t first_ = 0;
    std::vector<std::vector<double>> scores_; ///< [columns][rows of the block]
    std::vector<double> values_;
};

double confidence(std::span<const float> logits, bool sigmoid) {
    const std::vector<double> values(logits.begin(), logits.end());
    if (sigmoid) return stats::sigmoid(*std::ranges::max_element(values));
    const auto probabilities = stats::softmax(values);
    return *std::ranges::max_element(probabilities);
}

void write_scores(const io::ActivationStore& store, Scorer& scorer, io::ScoreWriter& writer) {
    const bool sigmoid = store.meta().activation == "sigmoid";
    store.for_each_sample([&](std::int64_t row, const std::string& path, const std::string& label) {
        scorer.move_to(row);
        const auto logits = scorer.logits(row);
        const auto predicted = static_cast<std::size_t>(std::ranges::max_element(logits) - logits.begin());
        writer.write(path, label, store.meta().labels[predicted], confidence(logits, sigmoid), scorer.values(row));
    });
}

io::ScoreRun record_of(const ScoreOptions& options, const io::ActivationStore& store,
                       const std::vector<Column>& columns) {
    io::ScoreRun run;
    run.openset_version = cli::version;
    run.store = options.store;
    run.store_identity = store.identity();
    run.model_name = store.meta().model_name;
    run.model_sha256 = store.meta().model_sha256;
    run.labels = store.meta().labels;
    run.rows = store.rows();
    run.failed = store.meta().failed;
    for (const Column& column : columns) run.columns[column.name] = column.record;
    return run;
}

int run(const ScoreOptions& options) {
    cli::check_output(options.output, "scores",
                      [](std::string_view head) { return head.starts_with("path,label,predicted,confidence"); });
    const io::ActivationStore store(options.store);
    const auto columns = columns_of(options, store);
    const detect::OpenMax* const openmax = openmax_of(options, columns);
    const auto sink = options.output == "-" ? open_standard_output() : open_atomic_file(options.output);
    io::ScoreWriter writer(*sink, column_names(columns, options, store.meta().labels));
    Scorer scorer(store, columns, openmax, options);
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
    for (const Column& column : columns) names += (names.empty() ? "" : ", ") + column.name;
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
