#include "train/by_gradient.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <sstream>
#include <thread>
#include <utility>

#include "charts/svg.hpp"
#include "cli/progress.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/printable.hpp"
#include "openset/base/sha256.hpp"
#include "openset/io/number_text.hpp"
#include "openset/model/network_file.hpp"
#include "openset/torch/architecture.hpp"
#include "openset/torch/script_network.hpp"
#include "train/task.hpp"

namespace openset::train {
namespace {

namespace fs = std::filesystem;

// ---- what the flags mean

draw::Augmentation augmentation_of(const AugmentFlags& flags) {
    draw::Augmentation augmentation;
    if (flags.crop_scale < 1) {
        augmentation.crop.emplace();
        augmentation.crop->area = {flags.crop_scale, 1};
    }
    augmentation.flip = flags.no_flip ? 0 : 0.5;
    augmentation.rotation = draw::either_way(flags.rotate);
    augmentation.brightness = augmentation.contrast = augmentation.saturation = draw::factors_around_one(flags.jitter);
    augmentation.hue = draw::either_way(flags.jitter / 4);
    return augmentation;
}

std::unique_ptr<flow::TrainingFeed> feed_of(const Options& options, const std::vector<Example>& examples,
                                            const model::ModelInfo& info, bool learns,
                                            const Cancellation& cancellation) {
    std::vector<flow::LabelledPicture> pictures;
    for (const Example& example : examples) pictures.push_back({example.path, example.label});
    flow::TrainingFeedOptions feed;
    feed.preprocess = info.preprocess;
    if (learns) {
        feed.augmentation = augmentation_of(options.gradient.augment);
        feed.order = options.balance == "sampling" ? flow::Order::balanced : flow::Order::shuffled;
    }
    feed.batch = options.runner.batch;
    feed.seed = options.seed;
    feed.jobs = options.runner.jobs;
    feed.decode = options.runner.decode;
    feed.decode_memory = options.runner.decode_memory;
    feed.cancellation = &cancellation;
    return std::make_unique<flow::TrainingFeed>(std::move(pictures), std::move(feed));
}

/// scikit-learn's "balanced": all labels weigh the same together, and a picture 1 on the average.
std::vector<double> balancing_weights(const std::vector<Example>& examples, std::size_t labels) {
    std::vector<double> counts(labels);
    for (const Example& example : examples) ++counts.at(static_cast<std::size_t>(example.label));
    std::vector<double> weights;
    for (const double count : counts) {
        weights.push_back(count > 0 ? static_cast<double>(examples.size()) / (static_cast<double>(labels) * count) : 0);
    }
    return weights;
}

std::optional<int> last_blocks_of(const std::string& text) {
    if (text == "all") return std::nullopt;
    int count = 0;
    if (!CLI::detail::lexical_cast(text, count) || count < 0)
        throw Error(ErrorKind::usage, "--last-blocks " + text + ": expected a number or all");
    return count;
}

double learning_rate_of(const Options& options) {
    if (options.gradient.learning_rate > 0) return options.gradient.learning_rate;
    return options.mode() == Mode::finetune ? 0.01 : 0.05;
}

/// One core is left to the threads that prepare pictures: LibTorch's wait for each other at the end of every layer, so that
/// one that has to share its core holds up all.
int threads_of(const Options& options) {
    if (options.runner.threads > 0) return options.runner.threads;
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) - 1);
}

torch::SgdOptions sgd_options(const Options& options, const std::vector<Example>& training,
                              const model::ModelInfo& info) {
    const GradientFlags& flags = options.gradient;
    torch::SgdOptions sgd;
    sgd.epochs = flags.epochs;
    sgd.learning_rate = learning_rate_of(options);
    sgd.warmup_epochs = flags.warmup >= 0 ? flags.warmup : std::min(1, flags.epochs - 1);
    sgd.momentum = flags.momentum;
    sgd.weight_decay = flags.weight_decay;
    sgd.label_smoothing = flags.label_smoothing;
    sgd.activation = info.activation;
    if (options.balance == "weights") sgd.class_weights = balancing_weights(training, info.labels.size());
    sgd.last_blocks = last_blocks_of(flags.last_blocks);
    sgd.recipe = flags.recipe == "crosr" ? torch::Recipe::crosr : torch::Recipe::plain;
    sgd.patience = flags.patience;
    sgd.seed = options.seed;
    sgd.device = options.load.device;
    sgd.threads = threads_of(options);
    sgd.checkpoint = options.checkpoint();
    sgd.resume = flags.resume;
    return sgd;
}

// ---- the start

torch::Architecture architecture_of(const GradientFlags& flags) {
    return {flags.arch, flags.width, flags.stem == "cifar" ? torch::Stem::cifar : torch::Stem::imagenet};
}

struct Start {
    torch::TrainableNetwork network;
    std::string facts; ///< what makes it this start
};

/// A head that was fitted for the same labels is a better start than a random one, which would first spoil the features
/// below it (Kumar et al. 2022, arXiv 2202.10054).
void keep_fitting_head(torch::TrainableNetwork& network, const model::NetworkFile& file, const model::ModelInfo& info,
                       const Options& options) {
    if (file.info.labels != info.labels || file.info.activation != info.activation) return;
    const auto loaded = torch::load_network(file, options.load);
    if (loaded->head() == nullptr) return;
    network.set_head(*loaded->head());
    log_notice(options.trunk + ": has these labels already, so its head is kept and goes on learning");
}

Start start_of(const Options& options, model::ModelInfo& info) {
    const auto outputs = static_cast<int>(info.labels.size());
    if (options.mode() == Mode::finetune) {
        const model::NetworkFile file = model::open_network_file(options.trunk);
        info.arch = file.info.arch;
        Start start{torch::load_for_training(file, outputs, options.seed), file.sha256};
        keep_fitting_head(start.network, file, info, options);
        return start;
    }
    const GradientFlags& flags = options.gradient;
    info.arch = flags.arch;
    return {torch::build_network(architecture_of(flags), outputs, options.seed),
            flags.arch + " " + std::to_string(flags.width) + " " + flags.stem};
}

/// Labels and, as far as size and time tell, contents.
std::string facts_of(const std::vector<Example>& examples) {
    std::vector<std::string> paths;
    std::string labels;
    for (const Example& example : examples) {
        paths.push_back(example.path);
        labels += std::to_string(example.label) + ' ';
    }
    return sha256_hex({reinterpret_cast<const std::uint8_t*>(labels.data()), labels.size()}) + files_sha256(paths);
}

/// What a resumed run must share with the one that it goes on with, besides numbers of the optimiser.
std::map<std::string, std::string> start_and_data(const Options& options, const std::string& start,
                                                  const std::vector<Example>& training,
                                                  const std::vector<Example>& validation,
                                                  const model::ModelInfo& info) {
    const AugmentFlags& augment = options.gradient.augment;
    std::string labels;
    for (const std::string& label : info.labels) labels += (labels.empty() ? "" : ", ") + printable(label);
    model::ModelInfo rest = info;
    rest.name.clear();
    return {{options.mode() == Mode::finetune ? "--trunk" : "--arch", start},
            {"--name", info.name},
            {"--batch", std::to_string(options.runner.batch)},
            {"--balance", options.balance},
            {"--exif-orientation", options.exif_orientation},
            {"--crop-scale", io::shortest(augment.crop_scale)},
            {"--no-flip", augment.no_flip ? "given" : "not given"},
            {"--rotate", io::shortest(augment.rotate)},
            {"--jitter", io::shortest(augment.jitter)},
            {"labels", labels},
            {"preprocessing, license or source", model::to_json(rest)},
            {"training pictures", facts_of(training)},
            {"validation pictures", facts_of(validation)}};
}

void check_checkpoint(const Options& options) {
    const bool is_there = fs::exists(options.checkpoint());
    if (options.gradient.resume && !is_there)
        log_notice(options.checkpoint() + ": no such checkpoint to go on with; beginning anew");
    if (!is_there || options.gradient.resume || options.force) return;
    throw Error(ErrorKind::usage, options.checkpoint() + ": left by a training that was interrupted; add "
                                                         "--resume to go on with it, or --force to begin "
                                                         "anew");
}

// ---- what is told meanwhile

std::string rounded(double value) {
    std::ostringstream text;
    text.precision(3);
    text << value;
    return text.str();
}

std::string text_of(const torch::EpochFigures& figures) {
    return "loss " + rounded(figures.loss) + ", accuracy " + rounded(figures.accuracy);
}

/// "12 s", "3 min", "1.5 h"
std::string rough_time(double seconds) {
    if (seconds < 100) return charts::formatted(seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
    return seconds < 6000 ? charts::formatted("%.0f min", seconds / 60) : charts::formatted("%.1f h", seconds / 3600);
}

std::string text_of(const torch::EpochReport& epoch) {
    std::string text = text_of(epoch.train);
    if (epoch.validation) text += "; validation: " + text_of(*epoch.validation);
    return text + "; " + rough_time(epoch.seconds);
}

/// The progress line, and a notice at the start and for each epoch.
class Teller {
public:
    /// what  is learned: for the notice at the start
    Teller(const Options& options, std::string what)
        : what_(std::move(what)), epochs_(options.gradient.epochs),
          style_(cli::progress_style(options.progress, options.quiet, /*results_on_terminal=*/false)) {}

    torch::SgdObserver observer() {
        return {[this](int epochs) {
                    log_notice(epochs == 0 ? what_ : what_ + "; going on after epoch " + of_all(epochs));
                },
                [this](const torch::StepReport& step) { tell(step); },
                [this](const torch::EpochReport& epoch) { tell(epoch); }};
    }

    void finish() {
        if (meter_) meter_->finish(last_.pictures, figures());
    }

private:
    /// "2 of 30"
    std::string of_all(int epoch) const { return std::to_string(epoch) + " of " + std::to_string(epochs_); }

    void tell(const torch::EpochReport& epoch) {
        finish();
        seconds_ += epoch.seconds;
        const double left = seconds_ / ++done_ * (epochs_ - epoch.epoch);
        log_notice("epoch " + of_all(epoch.epoch) + ": " + text_of(epoch) +
                   (epoch.epoch < epochs_ ? ", about " + rough_time(left) + " left" : ""));
    }

    void tell(const torch::StepReport& step) {
        last_ = step;
        if (!meter_) meter_.emplace(style_, step.of_pictures);
        if (meter_->is_due()) meter_->show(step.pictures, figures());
    }

    cli::ProgressFigures figures() const {
        const std::string loss = rounded(last_.loss), rate = rounded(last_.learning_rate);
        return {"epoch " + of_all(last_.epoch) + ", loss " + loss,
                "\"epoch\": " + std::to_string(last_.epoch) + ", \"loss\": " + loss + ", \"learning_rate\": " + rate};
    }

    std::string what_;
    int epochs_, done_ = 0; ///< all; of this run
    double seconds_ = 0;    ///< of this run's epochs
    cli::ProgressStyle style_;
    std::optional<cli::ProgressMeter> meter_;
    torch::StepReport last_;
};

} // namespace

torch::SgdReport train_by_gradient(const Options& options, const std::vector<Example>& training,
                                   const std::vector<Example>& validation, model::ModelInfo info,
                                   const Cancellation& cancellation) {
    check_checkpoint(options);
    Start start = start_of(options, info);
    info.head = start.network.head();
    torch::SgdOptions sgd = sgd_options(options, training, info);
    sgd.start_and_data = start_and_data(options, start.facts, training, validation, info);

    const auto feed = feed_of(options, training, info, /*learns=*/true, cancellation);
    const auto judges =
        validation.empty() ? nullptr : feed_of(options, validation, info, /*learns=*/false, cancellation);
    Teller teller(options, "learning from " + std::to_string(training.size()) + " pictures of " +
                               std::to_string(info.labels.size()) + " labels, judged by " +
                               std::to_string(validation.size()));
    const torch::SgdReport report =
        torch::train_by_sgd(start.network, *feed, judges.get(), sgd, teller.observer(), &cancellation);
    if (report.cancelled) {
        teller.finish();
        return report;
    }
    start.network.save(options.output, info);
    return report;
}

} // namespace openset::train
