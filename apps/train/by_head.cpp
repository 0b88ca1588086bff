#include "train/result.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>

#include "charts/svg.hpp"
#include "cli/signals.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/printable.hpp"
#include "openset/torch/logistic_regression.hpp"
#include "openset/torch/script_network.hpp"
#include "openset/torch/trainable_network.hpp"
#include "train/features.hpp"
#include "train/task.hpp"

namespace openset::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Pictures that the network is taught, or asked about, with their features.
struct Taught {
    Features features; ///< of pictures with a label only
    std::vector<std::int64_t> labels;
    std::int64_t left_out = 0;
};

Taught with_labels(Features features, const Task& task) {
    Taught taught;
    const auto size_of_picture = static_cast<std::ptrdiff_t>(features.views * features.columns);
    Features kept{{}, features.columns, features.views, {}, features.failed};
    for (std::int64_t picture = 0; picture < features.pictures(); ++picture) {
        const std::string& class_name = features.class_names[static_cast<std::size_t>(picture)];
        const auto label = task.label_of(class_name);
        if (!label) {
            ++taught.left_out;
            continue;
        }
        taught.labels.push_back(*label);
        kept.class_names.push_back(class_name);
        const auto first = features.values.begin() + picture * size_of_picture;
        kept.values.insert(kept.values.end(), first, first + size_of_picture);
    }
    taught.features = std::move(kept);
    return taught;
}

/// The chosen pictures; what was left out and what failed is told of the others.
Taught chosen(const Taught& all, const std::vector<std::size_t>& positions) {
    const Features& from = all.features;
    const auto size_of_picture = static_cast<std::ptrdiff_t>(from.views * from.columns);
    Taught taught;
    taught.features.columns = from.columns;
    taught.features.views = from.views;
    for (const std::size_t picture : positions) {
        taught.labels.push_back(all.labels[picture]);
        taught.features.class_names.push_back(from.class_names[picture]);
        const auto first = from.values.begin() + static_cast<std::ptrdiff_t>(picture) * size_of_picture;
        taught.features.values.insert(taught.features.values.end(), first, first + size_of_picture);
    }
    return taught;
}

/// Those that learn, those that judge, and those that are asked at the end.
struct Sets {
    Taught training;
    std::optional<Taught> validation; ///< that never learn; none: the training pictures judge in turn
    int folds = 0;                    ///< in which they do
    std::string how;
    std::optional<Taught> test;
};

Sets sets_of(const Options& options, const model::NetworkFile& trunk, const Task& task, Features features,
             const Cancellation& cancellation) {
    const auto asked = [&, columns = features.columns](const char* set, const std::vector<std::string>& paths) {
        Features others = features_of(options, trunk, set, paths, "plain", cancellation);
        if (others.columns != columns)
            throw Error(ErrorKind::usage, paths.front() + ": holds " + std::to_string(others.columns) +
                                              " features a row, expected " + std::to_string(columns) +
                                              " as what the head learns from");
        return with_labels(std::move(others), task);
    };
    Sets sets{with_labels(std::move(features), task), std::nullopt, 0, "", std::nullopt};
    const auto number = options.validation_number();
    if (!number) {
        sets.how = "pictures of their own";
        sets.validation = asked("validation", {options.validation});
    } else if (*number < 2) {
        sets.how = "held out of training";
        const Split split = split_by_label(sets.training.labels, *number, options.seed);
        sets.validation = chosen(sets.training, split.validation);
        Taught learning = chosen(sets.training, split.training);
        learning.features.failed = sets.training.features.failed;
        sets.training = std::move(learning);
    } else {
        sets.folds = static_cast<int>(*number);
        sets.how = std::to_string(sets.folds) + "-fold cross-validation";
    }
    if (sets.validation && sets.validation->labels.empty()) refuse_empty_validation(options);
    if (!options.test.empty()) sets.test = asked("test", options.test);
    return sets;
}

/// What the fits work on: a row for each view of each picture, of those that learn and then of those that only judge.
struct Rows {
    std::vector<float> features;
    std::vector<std::int64_t> labels, picture; ///< [rows]
    std::vector<double> weights;               ///< [rows]
    std::vector<int> fold;                     ///< [pictures] in which each judges; -1: it only ever learns
    std::int64_t columns = 0;

    /// balanced  every label weighs the same among these pictures, however many the others have of it
    void append(const Taught& taught, const std::vector<int>& folds, int classes, bool balanced) {
        std::vector<double> count(static_cast<std::size_t>(classes));
        for (const std::int64_t label : taught.labels) ++count[static_cast<std::size_t>(label)];
        columns = taught.features.columns;
        features.insert(features.end(), taught.features.values.begin(), taught.features.values.end());
        for (std::size_t i = 0; i < taught.labels.size(); ++i) {
            for (std::int64_t view = 0; view < taught.features.views; ++view) {
                labels.push_back(taught.labels[i]);
                picture.push_back(std::ssize(fold));
                weights.push_back(balanced ? 1 / count[static_cast<std::size_t>(taught.labels[i])] : 1);
            }
            fold.push_back(folds[i]);
        }
    }
};

Rows rows_of(const Options& options, const Sets& sets, int classes) {
    const std::vector<std::int64_t>& labels = sets.training.labels;
    const bool balanced = options.balance != "none";
    Rows rows;
    if (!sets.validation) {
        rows.append(sets.training, folds_by_label(labels, sets.folds, options.seed), classes, balanced);
    } else {
        rows.append(sets.training, std::vector<int>(labels.size(), -1), classes, balanced);
        rows.append(*sets.validation, std::vector<int>(sets.validation->labels.size(), 0), classes, balanced);
    }
    return rows;
}

/// The rows of the training pictures alone: they come first.
torch::LabelledFeatures learning_rows(const Rows& rows, const Taught& training, int classes) {
    const std::size_t count = training.labels.size() * static_cast<std::size_t>(training.features.views);
    return {std::span(rows.features).first(count * static_cast<std::size_t>(rows.columns)), rows.columns,
            std::span(rows.labels).first(count), classes};
}

/// The fits run on the CPU, wherever the features came from.
int threads_of(pictures::RunFlags flags) {
    pictures::choose_settings(flags, "cpu");
    return flags.runner.threads;
}

/// Four significant digits: who wants all of them reads the report.
std::string in_short(double value) { return charts::formatted("%.4g", value); }

/// From strong to weak, two a decade.
std::vector<double> l2_candidates(const Options& options) {
    if (options.l2 != "auto") return {std::stod(options.l2)};
    std::vector<double> candidates;
    for (int i = 0; i <= 10; ++i) candidates.push_back(std::pow(10.0, -i / 2.0));
    return candidates;
}

void tell_choice(const torch::L2Choice& choice) {
    const torch::L2Trial& best = choice.trials[choice.best];
    log_notice("l2 " + in_short(best.l2) +
               (choice.trials.size() > 1 ? " of " + std::to_string(choice.trials.size()) + " tried gives the smallest"
                                         : " gives a") +
               " validation loss" + (choice.trials.size() > 1 ? ", " : " of ") + in_short(best.loss));
    const bool is_strongest = choice.best == 0, is_weakest = choice.best + 1 == choice.trials.size();
    if (choice.trials.size() == 1 || (!is_strongest && !is_weakest)) return;
    log_notice("none " + std::string(is_strongest ? "stronger" : "weaker") + " was tried: see whether --l2 " +
               in_short(is_strongest ? 10 * best.l2 : best.l2 / 10) + " gives a smaller loss still");
}

/// Of a class with fewer pictures than folds some folds have none to judge.
void warn_of_small_classes(const Sets& sets, const Task& task) {
    if (sets.validation) return;
    std::vector<std::int64_t> counts(task.labels().size());
    for (const std::int64_t label : sets.training.labels) ++counts[static_cast<std::size_t>(label)];
    const auto fewest = std::ranges::min_element(counts);
    if (*fewest >= sets.folds) return;
    const std::string& label = task.labels()[static_cast<std::size_t>(fewest - counts.begin())];
    log_warning(
        printable(label) + ": has " + std::to_string(*fewest) + " pictures for " + std::to_string(sets.folds) +
        " folds, so that in some folds none of it judges; more pictures, or fewer folds (--validation), tell more");
}

std::vector<float> logits_of(const model::Head& head, const Features& features) {
    const std::vector<float> rows = features.plain();
    const auto columns = static_cast<std::size_t>(features.columns), classes = static_cast<std::size_t>(head.classes());
    std::vector<float> logits(rows.size() / columns * classes);
    head.apply(rows, logits);
    return logits;
}

Judged judged(const std::string& name, const std::string& how, const Taught& taught, const model::Head& head) {
    return {name, how, taught.labels, logits_of(head, taught.features), taught.left_out, taught.features.failed};
}

model::ModelInfo info_of(const Options& options, const Task& task, const model::NetworkFile& trunk) {
    model::ModelInfo info = trunk.info;
    info.name = options.name;
    info.labels = task.labels();
    info.activation = options.activation == "sigmoid" ? model::Activation::sigmoid : model::Activation::softmax;
    if (!options.license.empty()) info.license = options.license;
    info.source = "openset train: a head on " + trunk.info.name + " (SHA-256 " + trunk.sha256 + ")";
    return info;
}

std::set<std::string> classes_of(const Features& features) {
    return {features.class_names.begin(), features.class_names.end()};
}

/// The head as the file has it: rounded where the trunk's weights are stored in half.
model::Head write_network(const Options& options, const Task& task, const model::NetworkFile& trunk,
                          const model::Head& head) {
    auto network = torch::load_for_training(trunk, head.classes(), options.seed);
    network.set_head(head);
    model::ModelInfo info = info_of(options, task, trunk);
    info.head = network.head();
    network.save(options.output, info);
    const auto written = torch::load_network(model::open_network_file(options.output), options.load);
    if (written->head() == nullptr)
        throw Error(ErrorKind::internal, options.output + ": the network that was written has lost its last Linear");
    return *written->head();
}

/// By the head that was written, or of each picture by the one that has not seen it.
Judged validation_set(const Sets& sets, const torch::L2Choice& choice, const model::Head& head) {
    if (sets.validation) return judged("validation", sets.how, *sets.validation, head);
    return {"validation", sets.how, sets.training.labels, choice.logits, 0, 0};
}

Json trials_json(const torch::L2Choice& choice) {
    Json trials = Json::array();
    for (const torch::L2Trial& trial : choice.trials)
        trials.push_back({{"l2", trial.l2}, {"validation_loss", trial.loss}, {"validation_accuracy", trial.accuracy}});
    return trials;
}

} // namespace

Result train_head(const Options& options, const Cancellation& cancellation) {
    const model::NetworkFile trunk = model::open_network_file(options.trunk);
    for (const std::string& assumption : trunk.assumptions) log_warning(assumption);
    torch::load_for_training(trunk, 2, options.seed); // one whose head cannot be replaced is refused before the work
    check_names(options, cancellation);
    const std::vector<std::string> paths = options.all_data();
    Features features = features_of(options, trunk, "train", paths, options.views, cancellation);
    if (features.pictures() == 0)
        throw Error(ErrorKind::usage,
                    paths.front() + ": found no picture that can be read, expected folders of classes");
    if (classes_of(features).contains(""))
        throw Error(ErrorKind::usage, paths.front() + ": has pictures without a class, expected one for each");
    const Task task(options, classes_of(features), family_of(options, cancellation));
    const Sets sets = sets_of(options, trunk, task, std::move(features), cancellation);
    warn_of_small_classes(sets, task);

    const int classes = static_cast<int>(task.labels().size());
    const Rows rows = rows_of(options, sets, classes);
    const torch::LabelledFeatures labelled{rows.features, rows.columns, rows.labels, classes};
    torch::LogisticRegression problem;
    problem.activation = options.activation == "sigmoid" ? model::Activation::sigmoid : model::Activation::softmax;
    problem.row_weights = rows.weights;
    problem.cancellation = &cancellation;
    const auto choice =
        torch::choose_l2(labelled, problem, rows.picture, rows.fold, l2_candidates(options), threads_of(options));
    if (cli::caught_signal() != 0) throw cli::Interrupted();
    tell_choice(choice);
    problem.l2 = choice.trials[choice.best].l2;
    const torch::LabelledFeatures learning = learning_rows(rows, sets.training, classes);
    problem.row_weights.resize(learning.labels.size());
    const torch::FittedHead fitted = torch::fit_head(learning, problem);
    if (cli::caught_signal() != 0) throw cli::Interrupted();
    if (!fitted.converged) {
        log_warning("the fit of the head stopped after " + std::to_string(fitted.losses.size() - 1) +
                    " iterations with a gradient of " + in_short(fitted.gradient) + ", expected at most " +
                    in_short(problem.tolerance) + "; a larger --l2 is easier");
    }

    const model::Head head = write_network(options, task, trunk, fitted.head());
    Result result;
    result.report.title =
        options.output + ": objective of the head, " + std::to_string(sets.training.labels.size()) + " pictures";
    result.report.labels = task.labels();
    result.report.activation = problem.activation;
    result.report.sets.push_back(judged("train", "", sets.training, head));
    result.report.sets.push_back(validation_set(sets, choice, head));
    if (sets.test) result.report.sets.push_back(judged("test", "", *sets.test, head));
    for (std::size_t i = 0; i < fitted.losses.size(); ++i)
        result.report.curve.push_back({static_cast<double>(i), fitted.losses[i], std::nullopt});
    result.report.curve_unit = "iteration";
    const Json facts{{"trunk", {{"path", options.trunk}, {"sha256", trunk.sha256}}},
                     {"views", options.views},
                     {"balance", options.balance},
                     {"l2", problem.l2},
                     {"l2_trials", trials_json(choice)},
                     {"iterations", fitted.losses.size() - 1},
                     {"gradient", fitted.gradient}};
    result.facts_json = facts.dump();
    return result;
}

} // namespace openset::train
