#include "openset/torch/sgd.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/optim/sgd.h>
#include <utility>

#include "openset/base/error.hpp"
#include "openset/base/random.hpp"
#include "openset/flow/training_feed.hpp"
#include "torch/device.hpp"
#include "torch/guarded.hpp"
#include "torch/named_outputs.hpp"
#include "torch/script_module.hpp"
#include "torch/sgd_checkpoint.hpp"
#include "torch/trainable_network_impl.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;
using Clock = std::chrono::steady_clock;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::usage, message); }

// ---- what is learned from

struct Labelled {
    at::Tensor pictures; ///< [n, 3, height, width]
    at::Tensor labels;   ///< [n]
};

/// The loss that is minimised.
class Objective {
public:
    Objective(const SgdOptions& options, c10::Device device) : options_(options) {
        if (options.class_weights.empty()) return;
        class_weights_ = at::tensor(options.class_weights).to(device, at::kFloat);
    }

    struct Value {
        at::Tensor loss;   ///< a number, which is minimised
        at::Tensor figure; ///< a number: the loss that is told
        at::Tensor logits; ///< [n, outputs]
    };

    Value operator()(jit::Module& network, const Labelled& batch) const {
        if (options_.recipe == Recipe::plain) {
            const at::Tensor logits = name_outputs(network.forward({batch.pictures})).first;
            const at::Tensor loss = of_labels(logits, batch.labels);
            return {loss, told(loss, loss, logits), logits};
        }
        const bool corrupt = network.is_training() && options_.noise > 0;
        const at::Tensor seen =
            corrupt ? batch.pictures + at::randn(batch.pictures.sizes()).to(batch.pictures.device()) * options_.noise
                    : batch.pictures;
        const auto both = network.get_method("reconstruct")({seen}).toTuple();
        const at::Tensor logits = both->elements()[0].toTensor();
        const at::Tensor error = at::mse_loss(both->elements()[1].toTensor(), batch.pictures);
        const at::Tensor of_labels_alone = of_labels(logits, batch.labels);
        const at::Tensor loss = of_labels_alone + error * options_.reconstruction_weight;
        return {loss, told(loss, of_labels_alone, logits), logits};
    }

private:
    /// With the sum over the labels of sigmoid, whose mean is minimised.
    at::Tensor told(const at::Tensor& loss, const at::Tensor& of_labels_alone, const at::Tensor& logits) const {
        if (options_.activation == model::Activation::softmax) return loss.detach();
        return (loss + of_labels_alone * (logits.size(1) - 1)).detach();
    }

    at::Tensor of_labels(const at::Tensor& logits, const at::Tensor& labels) const {
        if (options_.activation == model::Activation::softmax) {
            return at::cross_entropy_loss(logits, labels, class_weights_, at::Reduction::Mean, /*ignore_index=*/-100,
                                          options_.label_smoothing);
        }
        const at::Tensor truth = at::one_hot(labels, logits.size(1)).to(logits.scalar_type());
        const at::Tensor losses =
            at::binary_cross_entropy_with_logits(logits, truth, {}, {}, at::Reduction::None).mean(1);
        if (!class_weights_.defined()) return losses.mean();
        const at::Tensor weights = class_weights_.index({labels});
        return (losses * weights).sum() / weights.sum();
    }

    const SgdOptions& options_;
    at::Tensor class_weights_;
};

/// Sums over pictures.
class Figures {
public:
    void add(const Objective::Value& value, const at::Tensor& labels) {
        const auto count = labels.size(0);
        loss_ += value.figure.item<double>() * static_cast<double>(count);
        right_ += value.logits.argmax(1).eq(labels).sum().item<std::int64_t>();
        count_ += count;
    }
    EpochFigures mean() const {
        const auto count = static_cast<double>(std::max<std::int64_t>(count_, 1));
        return {loss_ / count, static_cast<double>(right_) / count};
    }

private:
    double loss_ = 0;
    std::int64_t right_ = 0, count_ = 0;
};

// ---- what learns

/// Parameters and buffers, in their order: those of the module itself, not copies.
std::vector<at::Tensor> state_of(const jit::Module& module) {
    std::vector<at::Tensor> state;
    for (const at::Tensor& tensor : module.parameters()) state.push_back(tensor);
    for (const at::Tensor& tensor : module.buffers()) state.push_back(tensor);
    return state;
}

std::vector<at::Tensor> copy_of(const std::vector<at::Tensor>& tensors) {
    std::vector<at::Tensor> copies;
    for (const at::Tensor& tensor : tensors)
        copies.push_back(tensor.detach().to(at::kCPU, /*non_blocking=*/false, true));
    return copies;
}

void restore(const std::vector<at::Tensor>& state, const std::vector<at::Tensor>& from) {
    const at::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < state.size(); ++i) state[i].copy_(from.at(i));
}

/// The submodules that do not learn.
std::vector<jit::Module> frozen_modules(const TrainableNetwork& network, std::optional<int> last_blocks) {
    if (!last_blocks) return {};
    const auto blocks = network.blocks();
    const auto count = static_cast<int>(blocks.size());
    if (*last_blocks < 0 || *last_blocks > count) {
        refuse("the last " + std::to_string(*last_blocks) + " blocks are to learn, but the network has " +
               std::to_string(count) + " besides its head, expected 0 to " + std::to_string(count) + " or all");
    }
    std::vector<jit::Module> frozen;
    for (int i = 0; i < count - *last_blocks; ++i) {
        for (const std::string& path : blocks.at(static_cast<std::size_t>(i)))
            frozen.push_back(submodule(network.implementation().module, path));
    }
    return frozen;
}

/// torch.optim.lr_scheduler.CosineAnnealingLR by steps instead of epochs, behind a linear rise.
class Schedule {
public:
    Schedule(const SgdOptions& options, std::int64_t steps_an_epoch)
        : highest_(options.learning_rate), warmup_(options.warmup_epochs * static_cast<double>(steps_an_epoch)),
          all_(static_cast<double>(options.epochs * steps_an_epoch)) {}

    /// step  from 0
    double rate(std::int64_t step) const {
        const auto done = static_cast<double>(step);
        if (done < warmup_) return highest_ * (done + 1) / (warmup_ + 1);
        return highest_ * (1 + std::cos(std::numbers::pi * (done - warmup_) / (all_ - warmup_))) / 2;
    }

private:
    double highest_, warmup_, all_;
};

void check(const SgdOptions& o, const TrainableNetwork& network) {
    const auto number = [](double value) { return (std::ostringstream() << value).str(); };
    if (o.epochs < 1) refuse("training for " + std::to_string(o.epochs) + " epochs, expected 1 or more");
    if (!(o.learning_rate > 0)) refuse("a learning rate of " + number(o.learning_rate) + ", expected above 0");
    if (!(o.momentum >= 0 && o.momentum < 1)) refuse("a momentum of " + number(o.momentum) + ", expected 0 to below 1");
    if (!(o.weight_decay >= 0)) refuse("a weight decay of " + number(o.weight_decay) + ", expected 0 or more");
    if (!(o.warmup_epochs >= 0 && o.warmup_epochs < o.epochs)) {
        refuse("a warm-up of " + number(o.warmup_epochs) + " epochs, expected 0 to below the " +
               std::to_string(o.epochs) + " epochs of the training");
    }
    if (!(o.label_smoothing >= 0 && o.label_smoothing < 1))
        refuse("label smoothing of " + number(o.label_smoothing) + ", expected 0 to below 1");
    if (o.label_smoothing > 0 && o.activation != model::Activation::softmax)
        refuse("label smoothing is for softmax; leave it out");
    if (!o.class_weights.empty() && std::ssize(o.class_weights) != network.outputs()) {
        throw Error(ErrorKind::internal, std::to_string(o.class_weights.size()) + " class weights for " +
                                             std::to_string(network.outputs()) + " outputs");
    }
    if (o.recipe == Recipe::crosr && !network.implementation().module.find_method("reconstruct"))
        refuse("the recipe crosr is for networks that reconstruct the picture; use the architecture dhrnet");
}

/// What makes two runs the same, as JSON: an object by the names that a message has.
std::string run_text(const SgdOptions& o, const TrainableNetwork& network, const flow::TrainingFeed& train,
                     const flow::TrainingFeed* validation) {
    nlohmann::json run{{"--epochs", o.epochs},
                       {"--learning-rate", o.learning_rate},
                       {"--warmup", o.warmup_epochs},
                       {"--momentum", o.momentum},
                       {"--weight-decay", o.weight_decay},
                       {"--label-smoothing", o.label_smoothing},
                       {"--activation", o.activation == model::Activation::softmax ? "softmax" : "sigmoid"},
                       {"weights of the classes", o.class_weights},
                       {"--last-blocks", o.last_blocks ? nlohmann::json(*o.last_blocks) : nlohmann::json("all")},
                       {"--recipe", o.recipe == Recipe::plain ? "plain" : "crosr"},
                       {"weight of the reconstruction", o.reconstruction_weight},
                       {"noise", o.noise},
                       {"--patience", o.patience},
                       {"--seed", o.seed},
                       {"number of training pictures", train.pictures_per_epoch()},
                       {"batches an epoch", train.batches_per_epoch()}};
    run["number of validation pictures"] = validation == nullptr ? 0 : validation->pictures_per_epoch();
    for (const at::Tensor& tensor : state_of(network.implementation().module))
        run["shapes of the weights"].push_back(tensor.sizes().vec());
    for (const auto& [name, value] : o.start_and_data) run[name] = value;
    return run.dump();
}

/// LibTorch's threads for the time of a training.
class ThreadCount {
public:
    explicit ThreadCount(int threads) : before_(at::get_num_threads()) { at::set_num_threads(threads); }
    ThreadCount(const ThreadCount&) = delete;
    ThreadCount& operator=(const ThreadCount&) = delete;
    ~ThreadCount() { at::set_num_threads(before_); }

private:
    int before_;
};

class Training {
public:
    Training(TrainableNetwork& network, flow::TrainingFeed& train, flow::TrainingFeed* validation,
             const SgdOptions& options, const SgdObserver& observer, const Cancellation* cancellation)
        : module_(network.implementation().module), train_(train), validation_(validation), options_(options),
          observer_(observer), cancellation_(cancellation), device_(resolve_device(options.device)),
          run_(run_text(options, network, train, validation)), frozen_(frozen_modules(network, options.last_blocks)),
          objective_(options, device_), schedule_(options, train.batches_per_epoch()), outputs_(network.outputs()),
          optimiser_(parameters_that_learn(), ::torch::optim::SGDOptions(options.learning_rate)
                                                  .momentum(options.momentum)
                                                  .weight_decay(options.weight_decay)),
          state_(state_of(module_)) {}

    SgdReport run() {
        if (options_.resume && std::filesystem::exists(options_.checkpoint)) take_up();
        if (observer_.start) observer_.start(static_cast<int>(report_.epochs.size()));
        seen_before_ = static_cast<std::int64_t>(report_.epochs.size()) * train_.pictures_per_epoch();
        while (!is_done()) {
            if (!one_epoch()) {
                report_.cancelled = true;
                break;
            }
        }
        if (!report_.cancelled && !best_state_.empty()) restore(state_, best_state_);
        for (const at::Tensor& parameter : module_.parameters()) parameter.set_requires_grad(true);
        module_.eval();
        module_.to(at::kCPU);
        return report_;
    }

private:
    std::vector<at::Tensor> parameters_that_learn() {
        module_.to(device_);
        for (const at::Tensor& parameter : module_.parameters()) parameter.set_requires_grad(true);
        for (const jit::Module& module : frozen_) {
            for (const at::Tensor& parameter : module.parameters()) parameter.set_requires_grad(false);
        }
        std::vector<at::Tensor> learning;
        for (const at::Tensor& parameter : module_.parameters()) {
            if (parameter.requires_grad()) learning.push_back(parameter);
        }
        return learning;
    }

    bool is_done() {
        const auto epochs = static_cast<int>(report_.epochs.size());
        report_.stopped_early = options_.patience > 0 && validation_ != nullptr && epochs < options_.epochs &&
                                epochs - report_.best_epoch >= options_.patience;
        return epochs >= options_.epochs || report_.stopped_early;
    }

    bool is_cancelled() const { return cancellation_ != nullptr && cancellation_->requested(); }

    /// False: a stop was requested before its end.
    bool one_epoch() {
        const auto start = Clock::now();
        EpochReport epoch;
        epoch.epoch = static_cast<int>(report_.epochs.size()) + 1;
        const auto trained = learn(epoch.epoch);
        if (!trained) return false;
        epoch.train = *trained;
        epoch.learning_rate = last_rate_;
        if (validation_ != nullptr) {
            epoch.validation = judge();
            if (!epoch.validation) return false;
        }
        epoch.seconds = std::chrono::duration<double>(Clock::now() - start).count();
        report_.epochs.push_back(epoch);
        keep_best(epoch);
        if (!options_.checkpoint.empty()) {
            const bool is_best = report_.best_epoch == epoch.epoch;
            write_checkpoint(options_.checkpoint,
                             {run_, report_.epochs, report_.best_epoch, copy_of(state_),
                              is_best ? std::vector<at::Tensor>() : best_state_},
                             optimiser_);
        }
        if (observer_.epoch) observer_.epoch(epoch);
        return true;
    }

    std::optional<EpochFigures> learn(int epoch) {
        // What a network draws itself (dropout) and the noise follow from seed and epoch, as the feed's changes do.
        at::manual_seed(Random(options_.seed, static_cast<std::uint32_t>(epoch)).bits());
        module_.train();
        for (jit::Module& module : frozen_) module.eval();
        Figures figures;
        train_.start(epoch - 1);
        std::int64_t step = (epoch - 1) * train_.batches_per_epoch();
        while (const auto batch = train_.next()) {
            if (is_cancelled()) return std::nullopt;
            set_rate(schedule_.rate(step++));
            const Labelled labelled = on_device(*batch);
            optimiser_.zero_grad();
            const Objective::Value value = objective_(module_, labelled);
            value.loss.backward();
            optimiser_.step();
            figures.add(value, labelled.labels);
            check_loss(figures, epoch);
            tell_step(epoch, *batch, figures);
        }
        if (is_cancelled()) return std::nullopt;
        return figures.mean();
    }

    std::optional<EpochFigures> judge() {
        const at::NoGradGuard no_gradients;
        module_.eval();
        Figures figures;
        validation_->start(0);
        while (const auto batch = validation_->next()) {
            if (is_cancelled()) return std::nullopt;
            const Labelled labelled = on_device(*batch);
            figures.add(objective_(module_, labelled), labelled.labels);
        }
        if (is_cancelled()) return std::nullopt;
        return figures.mean();
    }

    Labelled on_device(const flow::TrainingBatch& batch) const {
        if (std::ranges::max(batch.labels) >= outputs_)
            throw Error(ErrorKind::internal, "a label beyond the " + std::to_string(outputs_) + " outputs");
        const model::Batch& pictures = batch.pictures;
        const at::Tensor tensor = at::from_blob(const_cast<float*>(pictures.data.data()),
                                                {pictures.count, 3, pictures.height, pictures.width}, at::kFloat);
        const at::Tensor labels =
            at::from_blob(const_cast<std::int64_t*>(batch.labels.data()), {std::ssize(batch.labels)}, at::kLong);
        return {tensor.to(device_), labels.to(device_)};
    }

    void set_rate(double rate) {
        for (auto& group : optimiser_.param_groups()) group.options().set_lr(rate);
        last_rate_ = rate;
    }

    static void check_loss(const Figures& figures, int epoch) {
        if (std::isfinite(figures.mean().loss)) return;
        throw Error(ErrorKind::model, "the loss is no longer a number in epoch " + std::to_string(epoch) +
                                          "; a lower --learning-rate or a longer --warmup keeps it one");
    }

    void tell_step(int epoch, const flow::TrainingBatch& batch, const Figures& figures) {
        seen_ += batch.pictures.count;
        if (!observer_.step) return;
        const std::int64_t all = options_.epochs * train_.pictures_per_epoch() - seen_before_;
        observer_.step({epoch, seen_, all, figures.mean().loss, last_rate_});
    }

    void keep_best(const EpochReport& epoch) {
        if (!epoch.validation) {
            report_.best_epoch = epoch.epoch;
            return;
        }
        const bool is_first = report_.best_epoch == 0;
        const auto best = [&] { return report_.epochs.at(static_cast<std::size_t>(report_.best_epoch) - 1); };
        if (!is_first && !(epoch.validation->loss < best().validation->loss)) return;
        report_.best_epoch = epoch.epoch;
        best_state_ = copy_of(state_);
    }

    void take_up() {
        SgdCheckpoint checkpoint = read_checkpoint(options_.checkpoint, run_, optimiser_);
        restore(state_, checkpoint.state);
        report_.epochs = std::move(checkpoint.epochs);
        report_.best_epoch = checkpoint.best_epoch;
        if (validation_ != nullptr)
            best_state_ = std::move(checkpoint.best_state.empty() ? checkpoint.state : checkpoint.best_state);
    }

    jit::Module module_; ///< the network's own: a handle
    flow::TrainingFeed& train_;
    flow::TrainingFeed* validation_;
    const SgdOptions& options_;
    const SgdObserver& observer_;
    const Cancellation* cancellation_;
    c10::Device device_;
    std::string run_;
    std::vector<jit::Module> frozen_;
    Objective objective_;
    Schedule schedule_;
    int outputs_;
    ::torch::optim::SGD optimiser_;
    std::vector<at::Tensor> state_;

    SgdReport report_;
    std::vector<at::Tensor> best_state_;
    std::int64_t seen_ = 0, seen_before_ = 0;
    double last_rate_ = 0;
};

} // namespace

SgdReport train_by_sgd(TrainableNetwork& network, flow::TrainingFeed& train, flow::TrainingFeed* validation,
                       const SgdOptions& options, const SgdObserver& observer, const Cancellation* cancellation) {
    check(options, network);
    return guarded("training", [&] {
        const ThreadCount threads(options.threads);
        // Without it the first steps would be profiled and the later ones run other kernels: a run that was resumed would
        // differ in its last bits.
        const jit::GraphOptimizerEnabledGuard plain_interpreter(false);
        return Training(network, train, validation, options, observer, cancellation).run();
    });
}

} // namespace openset::torch
