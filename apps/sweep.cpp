// openset sweep: scores of known and unknown pictures -> what every threshold would do, and one of them chosen. No
// LibTorch in here.

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <numeric>

#include "cli/command.hpp"
#include "cli/key_values.hpp"
#include "cli/output_file.hpp"
#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/stats/thresholds.hpp"
#include "scores/input.hpp"
#include "scores/rate_text.hpp"
#include "scores/unit.hpp"
#include "sweep/grid.hpp"
#include "sweep/picked.hpp"
#include "sweep/plot.hpp"
#include "sweep/table.hpp"

using namespace openset;

namespace {

struct SweepOptions {
    std::string known;
    std::vector<std::string> unknown;
    std::string method, stage, output;
    std::string thresholds, sort = "threshold";
    std::int64_t points = 0; ///< 0: all
    std::string pick, point_file, svg_file;
    bool per_class = false, plot = false;
    std::vector<std::string> grid;
    std::string store;            ///< training rows of --grid
    std::vector<std::string> set; ///< parameters of its method, as key=value
};

/// `LO:HI:STEP` or a single threshold, as they are written for people.
std::vector<double> read_thresholds(const std::string& text) {
    std::vector<double> numbers;
    std::string_view rest = text;
    while (true) {
        const std::string_view part = rest.substr(0, rest.find(':'));
        double number = 0;
        const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), number);
        if (code != std::errc() || end != part.data() + part.size()) {
            throw Error(ErrorKind::usage, "--thresholds " + text + ": found \"" + std::string(part) +
                                              "\", expected LO:HI:STEP such as 0.30:0.40:0.01");
        }
        numbers.push_back(number);
        if (part.size() == rest.size()) break;
        rest.remove_prefix(part.size() + 1);
    }
    if (numbers.size() != 3) {
        throw Error(ErrorKind::usage,
                    "--thresholds " + text + ": expected LO:HI:STEP such as 0.30:0.40:0.01, three numbers");
    }
    return stats::threshold_range(numbers[0], numbers[1], numbers[2]);
}

/// What a rule may choose from, and the table shows: the thresholds that were asked for, or every operating point.
stats::ThresholdSweep offered(const SweepOptions& options, const scores::Unit& unit,
                              const stats::ThresholdSweep& every) {
    if (options.thresholds.empty()) return every;
    std::vector<double> thresholds = read_thresholds(options.thresholds);
    for (double& threshold : thresholds) threshold = unit.score(threshold);
    std::ranges::sort(thresholds);
    stats::ThresholdSweep sweep{every.known_rows, every.unknown_rows, every.named, {}};
    for (const double threshold : thresholds) sweep.points.push_back(every.at(threshold));
    return sweep;
}

/// Conformal thresholds of the classes with enough rows of their own, and one for the others.
void choose_by_label(const scores::Inputs& inputs, const stats::OpenSetRows& rows, sweep::Picked& picked) {
    if (!inputs.known.has_predictions()) {
        throw Error(ErrorKind::usage, "--per-class: " + inputs.known.file.path.string() +
                                          " does not say what each picture was predicted as, expected scores that do");
    }
    const double alpha = picked.rule.value;
    const auto found = stats::conformal_by_class(rows.known_scores, rows.known_predicted, alpha);
    for (const auto& [label, threshold] : found.own)
        picked.by_label[inputs.labels.names()[static_cast<std::size_t>(label)]] = threshold;
    if (found.others) picked.point.threshold = *found.others;
    if (!found.others) picked.without_promise = found.other_rows;
    log_notice("per class: " + std::to_string(found.own.size()) + " predicted labels have the " +
               std::to_string(stats::rows_for_conformal(alpha)) +
               " rows that a threshold of their own needs; the others share one");
}

void write_file(const std::filesystem::path& path, const std::string& text) {
    write_file_atomically(path, text);
    log_notice("wrote " + path.string());
}

/// A detector whose fit nobody names could be exchanged for another one unnoticed.
void warn_of_a_nameless_fit(const scores::Inputs& inputs) {
    static const std::vector<std::string> without_fit = {"msp", "max-logit", "sigmoid-max"};
    const scores::Origin& origin = inputs.known.origins.front();
    if (inputs.stage != io::Stage::unknown || !origin.fitted_sha256.empty() ||
        std::ranges::find(without_fit, origin.method) != without_fit.end())
        return;
    log_warning(inputs.known.file.path.string() +
                ": no run record beside it names the fitted file: the operating point cannot either, and nothing keeps "
                "it from being used with another fit");
}

/// Where --pick writes its choice; empty without it.
std::filesystem::path place_for_point(const SweepOptions& options) {
    if (options.pick.empty()) return {};
    return sweep::place_for_point(options.point_file, options.output.empty() ? "-" : options.output);
}

std::optional<sweep::Picked> pick(const SweepOptions& options, const scores::Inputs& inputs,
                                  const scores::Contest& contest, const stats::RankedRows& rows,
                                  const stats::ThresholdSweep& sweep, const scores::Unit& unit) {
    if (options.pick.empty()) return std::nullopt;
    sweep::Picked picked{stats::parse_pick_rule(options.pick), {}, {}, 0};
    picked.point = stats::pick(sweep, picked.rule);
    if (options.per_class) {
        choose_by_label(inputs, contest.rows(), picked);
        picked.point = sweep::with_thresholds_by_label(rows, picked.point, picked.by_label, inputs.labels);
    }
    warn_of_a_nameless_fit(inputs);
    for (const std::string& line : sweep::told(sweep, picked, unit)) log_notice(line);
    write_file(place_for_point(options), io::to_json(sweep::operating_point(inputs, sweep, picked)));
    return picked;
}

void write_points(const SweepOptions& options, const scores::Unit& unit, const stats::ThresholdSweep& sweep) {
    std::vector<stats::ThresholdPoint> points =
        options.points > 0 ? stats::thin(sweep.points, static_cast<std::size_t>(options.points)) : sweep.points;
    sweep::sort_by(options.sort, unit, sweep, points);
    const bool to_file = !options.output.empty() && options.output != "-";
    const auto sink = to_file ? open_atomic_file(options.output) : open_standard_output();
    sweep::write_table(points, sweep, unit, *sink);
    sink->commit();
}

std::string title(const scores::Inputs& inputs, const std::string& method) {
    std::string text = method + ": " + scores::rows_text(inputs.known.table.rows, "known") + " (" +
                       inputs.known.file.path.filename().string() + ")";
    std::int64_t unknown = 0;
    std::string files;
    for (const scores::Side& side : inputs.unknown) {
        unknown += side.table.rows;
        files += (files.empty() ? "" : ", ") + side.file.path.filename().string();
    }
    return inputs.unknown.empty() ? text : text + ", " + scores::rows_text(unknown, "unknown") + " (" + files + ")";
}

/// A table of thresholds begins with its first columns, one of settings with a key of a fit.
void check_table(const std::string& output) {
    if (output.empty()) return;
    cli::check_output(output, "table of openset sweep", [](std::string_view head) {
        return head.starts_with("threshold,known_accuracy,") || sweep::begins_like_grid(head);
    });
}

void check_outputs(const SweepOptions& options) {
    std::vector<cli::FlagFile> inputs = {{"--known", scores::named_file(options.known).path}};
    for (const std::string& file : options.unknown) inputs.push_back({"--unknown", scores::named_file(file).path});
    cli::keep_apart(
        {{"-o", options.output}, {"--svg", options.svg_file}, {"--operating-point", place_for_point(options)}}, inputs);
    check_table(options.output);
    for (const auto& [flag, file] :
         {std::pair("--svg", options.svg_file), std::pair("--operating-point", options.point_file)}) {
        if (file == "-")
            throw Error(ErrorKind::usage,
                        std::string(flag) + " -: expected the name of a file; standard output has the table");
    }
    if (!options.svg_file.empty()) {
        cli::check_output(
            options.svg_file, "plot", [](std::string_view head) { return head.starts_with("<svg"); }, "--svg");
    }
}

void check(const SweepOptions& options) {
    if (options.per_class && !options.pick.starts_with("conformal="))
        throw Error(ErrorKind::usage, "--per-class: expected --pick conformal=X with it");
    if (options.per_class && !options.thresholds.empty()) {
        throw Error(ErrorKind::usage, "--per-class: a label's threshold is one of its own scores, expected no "
                                      "--thresholds beside it");
    }
    if (!options.point_file.empty() && options.pick.empty())
        throw Error(ErrorKind::usage, "--operating-point " + options.point_file + ": expected --pick RULE with it");
    if (!options.thresholds.empty() && options.points > 0)
        throw Error(ErrorKind::usage, "--points: thins all operating points, expected no --thresholds beside it");
    if (options.plot && options.output == "-")
        throw Error(ErrorKind::usage, "--plot: expected -o FILE with it, or no -o; the plot is standard output's");
    if (!options.pick.empty()) {
        stats::parse_pick_rule(options.pick);
        sweep::check_place_for_point(place_for_point(options));
    }
    if (!options.thresholds.empty()) read_thresholds(options.thresholds);
    check_outputs(options);
}

void check_grid(const SweepOptions& options) {
    if (options.store.empty())
        throw Error(ErrorKind::usage, "--grid " + options.grid.front() + ": expected --store with the training rows");
    const bool of_thresholds = !options.thresholds.empty() || !options.pick.empty() || options.plot ||
                               !options.svg_file.empty() || options.points > 0 || !options.stage.empty() ||
                               options.sort != "threshold" || options.per_class || !options.point_file.empty();
    if (of_thresholds) {
        throw Error(ErrorKind::usage, "--grid " + options.grid.front() +
                                          ": tries settings of the fit, expected no flag about thresholds beside it; "
                                          "score with the chosen one, then sweep");
    }
}

std::string setting(const sweep::Grid& grid, std::size_t which) {
    std::string text;
    for (std::size_t i = 0; i < grid.keys.size(); ++i)
        text += (text.empty() ? "" : " ") + grid.keys[i] + "=" + grid.points[which].values[i];
    return text;
}

void say(const sweep::Grid& grid) {
    log_notice(std::to_string(grid.points.size()) + " settings; " + scores::rows_text(grid.known_rows, "known") +
               ", of which the network names " + std::to_string(grid.failures) + " wrongly; " +
               scores::rows_text(grid.unknown_rows, "unknown"));
    if (grid.best_by_known) {
        log_notice("best by known rows alone (wrongly named ones score above rightly named ones): " +
                   setting(grid, *grid.best_by_known));
    } else {
        log_warning(
            "no known row is named wrongly, or all are: there is nothing to choose a setting by without unknown "
            "rows");
    }
    if (grid.best_in_hindsight)
        log_notice("best in hindsight, which nobody can choose without these unknown rows: " +
                   setting(grid, *grid.best_in_hindsight));
}

int run_grid(const SweepOptions& options) {
    check_grid(options);
    const bool to_file = !options.output.empty() && options.output != "-";
    check_table(options.output);
    const sweep::Grid grid =
        sweep::run_grid({options.method.empty() ? "openmax" : options.method, cli::key_values("--set", options.set),
                         options.grid, options.store, options.known, options.unknown});
    const auto sink = to_file ? open_atomic_file(options.output) : open_standard_output();
    sweep::write_grid(grid, *sink);
    sink->commit();
    say(grid);
    return cli::exit_done;
}

int run(const SweepOptions& options) {
    if (!options.grid.empty()) return run_grid(options);
    if (!options.store.empty())
        throw Error(ErrorKind::usage, "--store " + options.store + ": expected --grid KEY=VALUE,VALUE with it");
    if (!options.set.empty())
        throw Error(ErrorKind::usage, "--set " + options.set.front() + ": expected --grid KEY=VALUE,VALUE with it");
    check(options);
    scores::Request request{scores::named_file(options.known), {}, {}, options.stage, false};
    for (const std::string& file : options.unknown) request.unknown.push_back(scores::named_file(file));
    const std::string method = scores::the_one_method(request.known.path, options.method);
    if (!method.empty()) request.methods = {method};
    const scores::Inputs inputs = scores::read_inputs(request);

    std::vector<std::size_t> all(inputs.unknown.size());
    std::iota(all.begin(), all.end(), 0);
    const scores::Contest contest(inputs, 0, all);
    const stats::RankedRows rows(contest.rows());
    const scores::Unit unit(inputs.known.origins.front().method);
    const stats::ThresholdSweep every = stats::sweep_thresholds(rows);
    const stats::ThresholdSweep sweep = offered(options, unit, every);
    log_notice(scores::rows_text(sweep.known_rows, "known") + ", " + scores::rows_text(sweep.unknown_rows, "unknown"));
    const auto picked = pick(options, inputs, contest, rows, sweep, unit);
    const sweep::Drawing drawing{every, unit, title(inputs, inputs.methods().front()),
                                 picked ? std::optional(picked->point.threshold) : std::nullopt};
    if (!options.svg_file.empty()) write_file(options.svg_file, sweep::svg_plot(drawing));
    if (options.plot) std::cout << sweep::terminal_plot(drawing);
    if (!options.plot || !options.output.empty()) write_points(options, unit, sweep);
    return cli::exit_done;
}

void add_options(cli::Command& command, SweepOptions& options) {
    CLI::App& app = command.app();
    const auto each = [](CLI::Option* option) {
        option->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    };
    app.add_option("--known", options.known,
                   "scores of known pictures that the detector was not fitted on, or rows of infer")
        ->type_name("FILE")
        ->required();
    each(app.add_option("--unknown", options.unknown, "the same of unknown pictures; several are pooled")
             ->type_name("FILE"));
    app.add_option(
           "--method", options.method,
           "score column (default: the only one); of rows: mass or rank for --stage gate; of --grid: what is fitted "
           "(default openmax)")
        ->type_name("NAME");
    app.add_option("--stage", options.stage, "rows of infer: which stage's score; gate, species or unknown")
        ->type_name("STAGE")
        ->check(cli::one_of({"gate", "species", "unknown"}));
    app.add_option("-o,--output", options.output, "file for the table (default -: standard output)")->type_name("FILE");
    app.add_option("--thresholds", options.thresholds, "a grid instead of every operating point, HI included")
        ->type_name("LO:HI:STEP");
    app.add_option("--points", options.points, "thin the operating points to so many, evenly")
        ->type_name("N")
        ->check(cli::whole_number(1, 1'000'000'000));
    app.add_option("--sort", options.sort,
                   "order of the table: threshold (default; rising), or largest first by known_accuracy, "
                   "known_acceptance, unknown_rejection or balanced_accuracy")
        ->type_name("COLUMN")
        ->check(cli::one_of(sweep::table_columns));
    app.add_option("--pick", options.pick,
                   "choose a threshold: tpr=X (accept that share of known), youden, known-accuracy>=X, "
                   "unknown-rejection>=X, conformal=X (reject at most that share of known)")
        ->type_name("RULE");
    app.add_flag("--per-class", options.per_class, "conformal: a threshold for each predicted label with enough rows");
    app.add_option("--operating-point", options.point_file,
                   "file for what --pick chose (default: operating_point.json beside the table)")
        ->type_name("FILE");
    app.add_flag("--plot", options.plot, "a small plot on standard output; without -o instead of the table");
    app.add_option("--svg", options.svg_file, "the plot as a picture")->type_name("FILE");
    each(app.add_option("--grid", options.grid,
                        "fit --method with every combination of settings and tabulate, instead of thresholds")
             ->type_name("KEY=VALUE,..."));
    app.add_option("--store", options.store, "--grid: activation store of training pictures")->type_name("DIR");
    each(app.add_option("--set", options.set, "--grid: a parameter that every setting has, such as k=50")
             ->type_name("KEY=VALUE"));
}

} // namespace

int main(int argc, char** argv) {
    SweepOptions options;
    cli::Command command(
        "openset sweep",
        "Says what every threshold would do to known and unknown pictures, as CSV, and chooses one by a rule. A "
        "picture "
        "is rejected where its score is above the threshold. Reads score files (openset score) or rows (openset "
        "infer).",
        {{"openset sweep --known known.csv --unknown unknown.csv --method openmax -o sweep.csv --pick tpr=0.95",
          "every operating point, and the one that accepts 95 % of known in operating_point.json"},
         {"openset sweep --grid k=10,50,200 --method knn --store train.store --known held-out.store --unknown "
          "far.store",
          "which setting of a fit, by known rows alone and in hindsight"},
         {"openset sweep --known rows.jsonl --unknown others.jsonl --stage gate --plot",
          "the gate's threshold, drawn in the terminal"}});
    add_options(command, options);
    return command.main(argc, argv, [&] { return run(options); });
}
