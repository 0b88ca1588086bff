#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "charts/svg.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/torch/architecture.hpp"
#include "train/by_gradient.hpp"
#include "train/evaluate.hpp"
#include "train/result.hpp"
#include "train/task.hpp"

namespace openset::train {
namespace {

using Json = nlohmann::ordered_json;

struct Labelled {
    std::vector<Example> examples;
    std::int64_t left_out = 0; ///< pictures of classes that are not taught
};

Labelled with_labels(const std::vector<LabelledPicture>& pictures, const Task& task) {
    Labelled labelled;
    for (const LabelledPicture& picture : pictures) {
        if (picture.in_archive)
            throw Error(ErrorKind::usage,
                        picture.path + ": lies in an archive; unpack it, every epoch reads its pictures anew");
        if (const auto label = task.label_of(picture.class_name)) {
            labelled.examples.push_back({picture.path, *label});
        } else {
            ++labelled.left_out;
        }
    }
    return labelled;
}

/// The square that a new network looks at: the shorter side is resized to it, and the rest cut off; small pictures are
/// squashed.
image::PreprocessSpec preprocess_of(const GradientFlags& flags) {
    const bool is_small = flags.arch == "dhrnet" || flags.stem == "cifar";
    const int size = flags.input_size > 0 ? flags.input_size : flags.arch == "dhrnet" ? 32 : 224;
    image::PreprocessSpec spec;
    if (is_small) {
        spec.resize.mode = image::ResizeMode::squash;
        spec.resize.squash = {size, size};
    } else {
        spec.resize.mode = image::ResizeMode::shorter_side;
        spec.resize.shorter_side = size;
        spec.crop = image::Size{size, size};
    }
    return spec;
}

model::ModelInfo info_of(const Options& options, const Task& task) {
    model::ModelInfo info;
    if (options.mode() == Mode::finetune) {
        const model::NetworkFile trunk = model::open_network_file(options.trunk);
        for (const std::string& assumption : trunk.assumptions) log_warning(assumption);
        info = trunk.info;
        info.source = "openset train: fine-tuned from " + trunk.info.name + " (SHA-256 " + trunk.sha256 + ")";
    } else {
        info.preprocess = preprocess_of(options.gradient);
        info.source = "openset train: from scratch";
    }
    info.name = options.name;
    info.labels = task.labels();
    info.activation = options.activation == "sigmoid" ? model::Activation::sigmoid : model::Activation::softmax;
    if (!options.license.empty()) info.license = options.license;
    return info;
}

/// Those that learn, those that judge, and those that are asked at the end.
struct Sets {
    std::vector<Example> training;
    Labelled validation;
    std::string how;
    Labelled test = {};
};

Sets split(const Options& options, const Task& task, std::vector<Example> all, const Cancellation& cancellation) {
    const auto share = options.validation_number();
    if (!share) {
        Sets sets{std::move(all), with_labels(pictures_in({options.validation}, cancellation), task),
                  "pictures of their own"};
        if (sets.validation.examples.empty()) refuse_empty_validation(options);
        return sets;
    }
    std::vector<std::int64_t> labels;
    for (const Example& example : all) labels.push_back(example.label);
    const Split positions = split_by_label(labels, *share, options.seed);
    Sets sets{{}, {}, "held out of training"};
    for (const std::size_t i : positions.training) sets.training.push_back(all[i]);
    for (const std::size_t i : positions.validation) sets.validation.examples.push_back(all[i]);
    return sets;
}

Json epochs_json(const torch::SgdReport& report) {
    Json epochs = Json::array();
    for (const torch::EpochReport& epoch : report.epochs) {
        Json one{{"epoch", epoch.epoch},
                 {"learning_rate", epoch.learning_rate},
                 {"training_loss", epoch.train.loss},
                 {"training_accuracy", epoch.train.accuracy}};
        if (epoch.validation) {
            one["validation_loss"] = epoch.validation->loss;
            one["validation_accuracy"] = epoch.validation->accuracy;
        }
        one["seconds"] = std::round(epoch.seconds * 10) / 10;
        epochs.push_back(one);
    }
    return epochs;
}

/// Whether fine-tuning began with a network for these very labels.
bool has_fitted_head(const Options& options, const Report& report) {
    if (options.mode() != Mode::finetune) return false;
    const model::ModelInfo trunk = model::open_network_file(options.trunk).info;
    return trunk.labels == report.labels && trunk.activation == report.activation;
}

/// Says whether fine-tuning has helped; the network of before is asked about the test pictures, too.
void tell_change(const Options& options, const Sets& sets, Report& report, const Cancellation& cancellation) {
    log_warning(options.trunk +
                ": its head may have been fitted on the validation pictures, which then judge too well; "
                "believe --test, or give --validation a folder of others");
    if (sets.test.examples.empty() || report.sets.back().labels.empty()) return;
    Judged before = evaluate(options, options.trunk, "before", sets.test.examples, cancellation);
    before.how = "the test pictures, by " + options.trunk;
    const double was = accuracy_of(before, report), is = accuracy_of(report.sets.back(), report);
    const auto percent = [](double share) { return charts::formatted("%.1f %%", 100 * share); };
    log_notice("test accuracy " + percent(is) + " after fine-tuning, " + percent(was) + " before: " +
               (is > was ? "it has helped" : "it has not helped, " + options.trunk + " is the network to use"));
    report.sets.insert(report.sets.end() - 1, std::move(before));
}

} // namespace

Result train_network(const Options& options, const Cancellation& cancellation) {
    check_names(options, cancellation);
    const auto pictures = pictures_in(options.all_data(), cancellation);
    const Task task(options, classes_of(pictures), family_of(options, cancellation));
    Sets sets = split(options, task, with_labels(pictures, task).examples, cancellation);
    // Before hours of training: a name that was mistyped must not cost them.
    if (!options.test.empty()) sets.test = with_labels(pictures_in(options.test, cancellation), task);

    Result result;
    const torch::SgdReport trained =
        train_by_gradient(options, sets.training, sets.validation.examples, info_of(options, task), cancellation);
    result.cancelled = trained.cancelled;
    if (trained.cancelled) return result;
    if (trained.stopped_early) log_notice("stopped early: the validation loss has not become smaller");

    Report& report = result.report;
    report.title = options.output + ": loss, " + std::to_string(sets.training.size()) + " pictures";
    report.labels = task.labels();
    report.activation = options.activation == "sigmoid" ? model::Activation::sigmoid : model::Activation::softmax;
    report.sets.push_back(evaluate(options, options.output, "train", sets.training, cancellation));
    if (!sets.validation.examples.empty()) {
        report.sets.push_back(evaluate(options, options.output, "validation", sets.validation.examples, cancellation));
        report.sets.back().how = sets.how;
        report.sets.back().left_out = sets.validation.left_out;
    }
    if (!options.test.empty()) {
        report.sets.push_back(evaluate(options, options.output, "test", sets.test.examples, cancellation));
        report.sets.back().left_out = sets.test.left_out;
    }
    if (has_fitted_head(options, report)) tell_change(options, sets, report, cancellation);
    report.curve_unit = "epoch";
    for (const torch::EpochReport& epoch : trained.epochs) {
        report.curve.push_back({static_cast<double>(epoch.epoch), epoch.train.loss, std::nullopt});
        if (epoch.validation) report.curve.back().validation = epoch.validation->loss;
    }
    result.facts_json = Json{{"best_epoch", trained.best_epoch},
                             {"stopped_early", trained.stopped_early},
                             {"seed", options.seed},
                             {"batch", options.runner.batch},
                             {"balance", options.balance},
                             {"epochs", epochs_json(trained)}}
                            .dump();
    return result;
}

} // namespace openset::train
