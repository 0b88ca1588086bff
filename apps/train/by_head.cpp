#include "train/result.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/io/number_text.hpp"
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

/// What the fits work on: a row for each view of each picture, of those that learn and then of those that only judge.
struct Rows {
    std::vector<float> features;
    std::vector<std::int64_t> labels, picture; ///< [rows]
    std::vector<int> fold;                     ///< [pictures] in which each judges; -1: it only ever learns
    std::int64_t columns = 0;

    void append(const Taught& taught, const std::vector<int>& folds) {
        columns = taught.features.columns;
        features.insert(features.end(), taught.features.values.begin(), taught.features.values.end());
        for (std::size_t i = 0; i < taught.labels.size(); ++i) {
            for (std::int64_t view = 0; view < taught.features.views; ++view) {
                labels.push_back(taught.labels[i]);
                picture.push_back(std::ssize(fold));
            }
            fold.push_back(folds[i]);
        }
    }
};

/// How the pictures that judge are told from those that learn.
struct Judging {
    std::vector<int> fold; ///< [pictures]
    std::string how;
    bool all_learn_in_the_end = false;
};

bool is_number(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos;
}

Judging choose_judges(const Options& options, const std::vector<std::int64_t>& labels) {
    const std::string wanted = options.validation.empty() ? "5" : options.validation;
    const double number = std::stod(wanted);
    if (number >= 2) {
        const int folds = static_cast<int>(number);
        return {folds_by_label(labels, folds, options.seed), std::to_string(folds) + "-fold cross-validation", true};
    }
    Judging judging{std::vector<int>(labels.size(), -1), "held out of training", false};
    for (const std::size_t i : split_by_label(labels, number, options.seed).validation) judging.fold[i] = 0;
    return judging;
}

/// From strong to weak, two a decade.
std::vector<double> l2_candidates(const Options& options) {
    if (options.l2 != "auto") return {std::stod(options.l2)};
    std::vector<double> candidates;
    for (int i = 0; i <= 10; ++i) candidates.push_back(std::pow(10.0, -i / 2.0));
    return candidates;
}

void tell_choice(const torch::L2Choice& choice) {
    const torch::L2Trial& best = choice.trials[choice.best];
    log_notice("l2 " + io::shortest(best.l2) + " of " + std::to_string(choice.trials.size()) +
               " tried gives the smallest validation loss, " + io::shortest(best.loss));
    const bool at_the_edge = choice.best == 0 || choice.best + 1 == choice.trials.size();
    if (choice.trials.size() > 1 && at_the_edge)
        log_notice("it is the " + std::string(choice.best == 0 ? "strongest" : "weakest") +
                   " of those tried; --l2 takes others");
}

std::vector<float> logits_of(const model::Head& head, const Features& features) {
    const std::vector<float> rows = features.plain();
    const auto columns = static_cast<std::size_t>(features.columns), classes = static_cast<std::size_t>(head.classes());
    std::vector<float> logits(rows.size() / columns * classes);
    for (std::size_t row = 0; row * columns < rows.size(); ++row)
        head.apply({rows.data() + row * columns, columns}, {logits.data() + row * classes, classes});
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

/// One each, or such that every label weighs the same; the labels are counted among all rows.
std::vector<double> weights_of(const Rows& rows, int classes, bool balanced) {
    std::vector<double> count(static_cast<std::size_t>(classes)), weights(rows.labels.size(), 1);
    if (!balanced) return weights;
    for (const std::int64_t label : rows.labels) ++count[static_cast<std::size_t>(label)];
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = 1 / count[static_cast<std::size_t>(rows.labels[i])];
    return weights;
}

void leave_out_judges(std::vector<double>& weights, const Rows& rows) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (rows.fold[static_cast<std::size_t>(rows.picture[i])] >= 0) weights[i] = 0;
    }
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

Judged validation_set(const Judging& judging, const Rows& rows, const torch::L2Choice& choice, int classes,
                      const Taught* judges) {
    Judged set{"validation", judging.how, {}, {}, 0, 0};
    if (judges != nullptr) {
        set.left_out = judges->left_out;
        set.failed = judges->features.failed;
    }
    std::int64_t before = -1;
    for (std::size_t row = 0; row < rows.labels.size(); ++row) {
        const std::int64_t picture = rows.picture[row];
        if (picture == before || rows.fold[static_cast<std::size_t>(picture)] < 0) continue;
        before = picture;
        set.labels.push_back(rows.labels[row]);
        const auto first = choice.logits.begin() + picture * classes;
        set.logits.insert(set.logits.end(), first, first + classes);
    }
    return set;
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
    std::vector<std::string> paths = options.data;
    paths.insert(paths.end(), options.positive_dir.begin(), options.positive_dir.end());
    Features features = features_of(options, trunk, "train", paths, options.views, cancellation);
    if (features.pictures() == 0)
        throw Error(ErrorKind::usage,
                    paths.front() + ": found no picture that can be read, expected folders of classes");
    const Task task(options, classes_of(features), family_of(options, cancellation));
    const Taught taught = with_labels(std::move(features), task);

    Rows rows;
    Judging judging;
    std::optional<Taught> judges; // of a folder of their own: they never learn
    if (options.validation.empty() || is_number(options.validation)) {
        judging = choose_judges(options, taught.labels);
        rows.append(taught, judging.fold);
    } else {
        judges =
            with_labels(features_of(options, trunk, "validation", {options.validation}, "plain", cancellation), task);
        judging.how = "pictures of their own";
        rows.append(taught, std::vector<int>(taught.labels.size(), -1));
        rows.append(*judges, std::vector<int>(judges->labels.size(), 0));
    }

    const int classes = static_cast<int>(task.labels().size());
    const torch::LabelledFeatures labelled{rows.features, rows.columns, rows.labels, classes};
    torch::LogisticRegression problem;
    problem.activation = options.activation == "sigmoid" ? model::Activation::sigmoid : model::Activation::softmax;
    problem.row_weights = weights_of(rows, classes, options.balance != "none");
    const auto choice =
        torch::choose_l2(labelled, problem, rows.picture, rows.fold, l2_candidates(options), options.runner.threads);
    tell_choice(choice);
    problem.l2 = choice.trials[choice.best].l2;
    if (!judging.all_learn_in_the_end) leave_out_judges(problem.row_weights, rows);
    const torch::FittedHead fitted = torch::fit_head(labelled, problem);
    if (!fitted.converged) {
        log_warning("the fit of the head stopped after " + std::to_string(fitted.losses.size() - 1) +
                    " iterations with a gradient of " + io::shortest(fitted.gradient) + ", expected at most " +
                    io::shortest(problem.tolerance) + "; a larger --l2 is easier");
    }

    const model::Head head = write_network(options, task, trunk, fitted.head());
    Result result;
    result.report.title =
        options.output + ": objective of the head, " + std::to_string(taught.labels.size()) + " pictures";
    result.report.labels = task.labels();
    result.report.activation = problem.activation;
    result.report.sets.push_back(judged("train", "", taught, head));
    result.report.sets.push_back(validation_set(judging, rows, choice, classes, judges ? &*judges : nullptr));
    if (!options.test.empty()) {
        const Taught test = with_labels(features_of(options, trunk, "test", options.test, "plain", cancellation), task);
        result.report.sets.push_back(judged("test", "", test, head));
    }
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
