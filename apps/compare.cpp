// openset compare: every detector against every set of unknown pictures, in one table. No LibTorch in here.

#include <algorithm>
#include <filesystem>
#include <set>

#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "compare/contest.hpp"
#include "compare/fusion.hpp"
#include "compare/output.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/spelling.hpp"
#include "openset/detect/training_rows.hpp"
#include "openset/io/fitted_file.hpp"
#include "scores/store_side.hpp"

using namespace openset;
namespace fs = std::filesystem;

namespace {

const std::string all_methods = "all";
const std::vector<std::string> usual_metrics = {"auroc", "fpr_at_95_tpr_known"};
const std::vector<std::string> table_metrics = {
    "auroc", "aupr_in", "aupr_out", "fpr_at_95_tpr_known", "fpr_at_95_tpr_unknown", "oscr", "youden", "aurc_open"};

struct CompareOptions {
    std::string known, train, calibration, combine, format = "table", output = "-";
    std::vector<std::string> unknown, near, far, methods, fitted, metrics;
    std::int64_t resamples = 200, seed = 0;
    int threads = 0;
    bool allow_mismatch = false;
};

// ---- what is compared

std::vector<scores::NamedFile> unknown_files(const CompareOptions& options) {
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

/// The sets that a flag names.
compare::Group group_of(const std::string& name, const std::vector<std::string>& sets,
                        const std::vector<scores::NamedFile>& files) {
    compare::Group group{name, {}};
    std::vector<std::string> known;
    for (const scores::NamedFile& file : files) known.push_back(file.name);
    for (const std::string& set : sets) {
        const auto found = std::ranges::find(known, set);
        if (found == known.end()) {
            throw Error(ErrorKind::usage, "--" + name + " " + set +
                                              ": no --unknown has this name, expected one of theirs" +
                                              did_you_mean(set, known));
        }
        const auto number = static_cast<std::size_t>(found - known.begin());
        if (std::ranges::find(group.sets, number) != group.sets.end())
            throw Error(ErrorKind::usage, "--" + name + " " + set + ": found twice, expected each set once");
        group.sets.push_back(number);
    }
    return group;
}

std::vector<compare::Group> groups_of(const CompareOptions& options, const std::vector<scores::NamedFile>& files) {
    std::vector<compare::Group> groups;
    for (const auto& [name, sets] : {std::pair("near", &options.near), std::pair("far", &options.far)}) {
        compare::Group group = group_of(name, *sets, files);
        if (group.sets.size() > 1 && group.sets.size() < files.size())
            groups.push_back(std::move(group)); // else a column of its own says it
    }
    return groups;
}

bool is_store(const std::string& path) {
    std::error_code ignored; // reading says why
    return fs::is_directory(path, ignored);
}

// ---- from stores

/// The methods that are fitted here on the training store; what cannot be is a sentence.
void add_fits(const CompareOptions& options, const io::ActivationStore& known, std::vector<scores::Column>& columns,
              std::vector<std::string>& left_out) {
    const io::ActivationStore train(options.train);
    const detect::TrainingRows rows = detect::training_rows(train);
    const detect::TrainingData data(rows);
    const std::string identity = train.identity();
    const bool all = options.methods.empty() || options.methods.front() == all_methods;
    for (const detect::Method& method : detect::methods()) {
        const bool is_asked_for = std::ranges::find(options.methods, method.name) != options.methods.end();
        const bool is_there = std::ranges::find(columns, method.name, &scores::Column::name) != columns.end();
        if (method.make || is_there || (!all && !is_asked_for)) continue;
        try {
            const auto detector = detect::fit_detector(method, data, {});
            io::FittedFile fitted = *detector->fitted();
            fitted.fitted_on = identity;
            for (const std::string& warning : detect::fit_warnings(fitted)) log_warning(method.name + ": " + warning);
            columns.push_back(scores::fitted_column(method.name, fitted, options.train, known, options.allow_mismatch));
        } catch (const Error& error) {
            if (is_asked_for || error.kind() != ErrorKind::usage) throw;
            left_out.push_back(method.name + ", " + error.what());
        }
    }
}

std::vector<scores::Column> columns_of(const CompareOptions& options, const io::ActivationStore& known,
                                       std::vector<std::string>& left_out) {
    scores::WantedColumns wanted{options.fitted, {all_methods}, options.allow_mismatch};
    if (!options.methods.empty() && options.methods.front() != all_methods) {
        wanted.methods.clear();
        for (const std::string& name : options.methods) {
            const detect::Method& method = detect::method_named(name);
            if (method.make) wanted.methods.push_back(name);
            if (!method.make && options.train.empty()) {
                throw Error(ErrorKind::usage,
                            "--method " + name + ": has to be fitted, expected --train with the store to fit it on");
            }
        }
    }
    std::vector<scores::Column> columns;
    if (!wanted.methods.empty() || !wanted.fitted.empty() || options.train.empty())
        columns = scores::columns_of(wanted, known);
    if (!options.train.empty()) add_fits(options, known, columns, left_out);
    return columns;
}

struct Sides {
    scores::Inputs inputs;
    std::optional<scores::Side> calibration;
};

Sides from_stores(const CompareOptions& options, const std::vector<scores::NamedFile>& files,
                  std::vector<std::string>& left_out) {
    const io::ActivationStore known(options.known);
    const std::vector<scores::Column> columns = columns_of(options, known, left_out);
    io::LabelNames labels;
    scores::Side side =
        scores::side_of_store(scores::named_file(options.known), known, columns, true, false, options.threads, labels);
    std::vector<scores::Side> unknown;
    for (const scores::NamedFile& file : files) {
        const io::ActivationStore store(file.path);
        unknown.push_back(scores::side_of_store(file, store, columns, false, false, options.threads, labels));
    }
    Sides sides;
    if (!options.calibration.empty()) {
        const io::ActivationStore store(options.calibration);
        sides.calibration = scores::side_of_store(scores::named_file(options.calibration), store, columns, true, false,
                                                  options.threads, labels);
    }
    sides.inputs = scores::held_together(std::move(labels), std::move(side), std::move(unknown));
    return sides;
}

// ---- from score files

Sides from_files(const CompareOptions& options, const std::vector<scores::NamedFile>& files) {
    if (!options.train.empty() || !options.fitted.empty()) {
        throw Error(ErrorKind::usage, (options.train.empty() ? "--fitted" : "--train") + std::string(": ") +
                                          options.known + " holds scores already, expected activation stores with it");
    }
    scores::Request request{scores::named_file(options.known), files, options.methods, {}, true};
    if (request.methods == std::vector<std::string>{all_methods}) request.methods.clear();
    Sides sides{scores::read_inputs(request), {}};
    if (!options.calibration.empty()) {
        scores::Request calibration{scores::named_file(options.calibration), {}, sides.inputs.methods(), {}, true};
        sides.calibration = scores::read_inputs(calibration).known;
    }
    return sides;
}

Sides read(const CompareOptions& options, const std::vector<scores::NamedFile>& files,
           std::vector<std::string>& left_out) {
    std::vector<std::string> all = {options.known};
    for (const scores::NamedFile& file : files) all.push_back(file.path.string());
    if (!options.calibration.empty()) all.push_back(options.calibration);
    for (const std::string& path : all) {
        if (is_store(path) != is_store(options.known)) {
            throw Error(ErrorKind::usage, options.known + " and " + path +
                                              ": one is an activation store and one a file, expected two of a kind");
        }
    }
    return is_store(options.known) ? from_stores(options, files, left_out) : from_files(options, files);
}

// ---- the command

void check_output(const CompareOptions& options, const std::vector<scores::NamedFile>& files) {
    std::vector<cli::FlagFile> inputs = {
        {"--known", options.known}, {"--train", options.train}, {"--calibration", options.calibration}};
    for (const scores::NamedFile& file : files) inputs.push_back({"--unknown", file.path});
    cli::keep_apart({{"-o", options.output}}, inputs);
    cli::check_output(options.output, "comparison of openset compare", compare::begins_like_comparison);
}

void check(const CompareOptions& options) {
    if (!options.combine.empty() && options.calibration.empty()) {
        throw Error(ErrorKind::usage, "--combine " + options.combine +
                                          ": expected --calibration too, with known pictures that neither the network "
                                          "nor a detector has learned from");
    }
    if (options.combine.empty() && !options.calibration.empty())
        throw Error(ErrorKind::usage, "--calibration: serves --combine alone, expected that too");
}

int run(const CompareOptions& options) {
    check(options);
    const std::vector<scores::NamedFile> files = unknown_files(options);
    std::vector<compare::Group> groups = groups_of(options, files);
    check_output(options, files);
    compare::About about;
    Sides sides = read(options, files, about.left_out);
    for (const std::string& sentence : about.left_out) log_notice("left out: " + sentence);
    std::string fusion;
    if (sides.calibration) {
        if (!sides.calibration->store_identity.empty() &&
            sides.calibration->store_identity == sides.inputs.known.store_identity)
            log_warning("--calibration: is --known itself, so that the fusion has seen what it is measured on");
        about.members = compare::add_fusion(options.combine, *sides.calibration, sides.inputs);
        fusion = sides.inputs.methods().back();
    }
    about.known = options.known;
    about.bootstrap = {options.resamples, static_cast<std::uint64_t>(options.seed)};
    const compare::Comparison comparison = compare::compare(sides.inputs, std::move(groups), fusion, about.bootstrap);
    if (!comparison.contestants.empty() && !comparison.contestants.front().by_set.empty())
        about.accuracy = comparison.contestants.front().by_set.front().values.front(); // closed set: of any column
    const auto sink = options.output == "-" ? open_standard_output() : open_atomic_file(options.output);
    sink->write(options.format == "csv" ? compare::csv_text(comparison)
                : options.format == "json"
                    ? compare::json_text(comparison, about)
                    : compare::tables_text(comparison, about, options.metrics, options.format == "markdown"));
    sink->commit();
    return cli::exit_done;
}

void add_options(CLI::App& app, CompareOptions& options) {
    const auto each = [](CLI::Option* option) {
        return option->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    };
    app.add_option("--known", options.known, "known pictures: an activation store, or scores of openset score")
        ->type_name("STORE|FILE")
        ->required();
    each(app.add_option("--unknown", options.unknown, "unknown pictures, of the same kind; each set is measured apart"))
        ->type_name("[NAME=]STORE|FILE")
        ->required();
    each(app.add_option("--near", options.near, "a set of unknown pictures that are much like the known ones"))
        ->type_name("NAME");
    each(app.add_option("--far", options.far, "a set that is not"))->type_name("NAME");
    app.add_option("--train", options.train, "store of training pictures: methods that need a fit are fitted on it")
        ->type_name("STORE");
    each(app.add_option("--fitted", options.fitted, "a fitted detector (openset fit), or the folder of --method all"))
        ->type_name("[NAME=]FILE");
    each(app.add_option("--method", options.methods, "a method, or score column (default: all that suit)"))
        ->type_name("METHOD");
    app.add_option("--combine", options.combine,
                   "a fusion of them too: rank-average, fisher or stouffer, of p-values among calibration rows")
        ->type_name("KIND")
        ->check(cli::one_of({"rank-average", "fisher", "stouffer"}));
    app.add_option("--calibration", options.calibration,
                   "known pictures for --combine, that nothing has learned from: members and p-values are theirs")
        ->type_name("STORE|FILE");
    std::string names;
    for (const std::string& name : table_metrics) names += (names.empty() ? "" : ", ") + name;
    each(app.add_option("--metric", options.metrics,
                        "of the tables: " + names + " (default auroc and fpr_at_95_tpr_known); csv and json have all"))
        ->type_name("METRIC")
        ->check(cli::one_of(table_metrics));
    app.add_option("-f,--format", options.format, "table, markdown, csv or json")
        ->type_name("FORMAT")
        ->check(cli::one_of({"table", "markdown", "csv", "json"}));
    app.add_option("-o,--output", options.output, "file for the comparison; - is standard output")->type_name("FILE");
    app.add_option("--bootstrap", options.resamples,
                   "95 % intervals from so many resamples (default 200); 0: of rates alone, which need none")
        ->type_name("N")
        ->check(cli::whole_number(0, 1'000'000));
    app.add_option("--seed", options.seed, "of the resamples (default 0): the same seed, the same intervals")
        ->type_name("N")
        ->check(cli::whole_number(0, std::numeric_limits<std::int64_t>::max()))
        ->group(cli::more_options);
    app.add_option("--threads", options.threads,
                   "threads (default: one a core); the result is the same with any number")
        ->type_name("N")
        ->check(cli::whole_number(1, 1024))
        ->group(cli::more_options);
    app.add_flag("--allow-mismatch", options.allow_mismatch,
                 "score with a detector that was fitted on another network, other labels or preprocessing")
        ->group(cli::more_options);
}

} // namespace

int main(int argc, char** argv) {
    CompareOptions options;
    cli::Command command(
        "openset compare",
        "Holds every detector against every set of unknown pictures: fits what needs a fit, scores, measures, and "
        "marks "
        "the best of each column and what cannot be told apart from it.",
        {{"openset compare --train train.store --known test.store --unknown cats=cats.store --unknown "
          "noise=noise.store",
          "all methods against both sets"},
         {"openset compare --known known.csv --unknown unknown.csv -f markdown", "the columns of two score files"}});
    add_options(command.app(), options);
    return command.main(argc, argv, [&] {
        if (options.metrics.empty()) options.metrics = usual_metrics;
        return run(options);
    });
}
