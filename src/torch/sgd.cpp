#include "openset/torch/sgd.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <torch/csrc/autograd/generated/variable_factories.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/optim/sgd.h>
#include <utility>

#include "openset/base/error.hpp"
#include "openset/base/random.hpp"
#include "openset/flow/training_feed.hpp"
#include "torch/device.hpp"
#include "torch/guarded.hpp"
#include "torch/script_module.hpp"
#include "torch/sgd_checkpoint.hpp"
#include "torch/trainable_network_impl.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;
using Clock = std::chrono::steady_clock;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::usage, message); }

// ---- what the network gives

at::Tensor logits_of(const jit::IValue& output) {
    if (output.isTensor()) return output.toTensor();
    if (output.isTuple()) return output.toTupleRef().elements().at(0).toTensor();
    return output.toGenericDict().at("logits").toTensor();
}

struct Labelled {
    at::Tensor pictures; ///< [n, 3, height, width]
    at::Tensor labels;   ///< [n]; -1: none of the network's
};

/// The loss that is minimised.
class Objective {
public:
    Objective(const SgdOptions& options, int outputs, c10::Device device) : options_(options), outputs_(outputs) {
        if (options.class_weights.empty()) return;
        class_weights_ = at::tensor(options.class_weights).to(device, at::kFloat);
    }

    struct Value {
        at::Tensor loss;   ///< a number
        at::Tensor logits; ///< [n, outputs]
    };

    Value operator()(jit::Module& network, const Labelled& batch) const {
        if (options_.recipe == Recipe::plain) {
            const at::Tensor logits = logits_of(network.forward({batch.pictures}));
            return {of_labels(logits, batch.labels), logits};
        }
        const bool corrupt = network.is_training() && options_.noise > 0;
        const at::Tensor seen =
            corrupt ? batch.pictures + at::randn(batch.pictures.sizes()).to(batch.pictures.device()) * options_.noise
                    : batch.pictures;
        const auto both = network.get_method("reconstruct")({seen}).toTuple();
        const at::Tensor logits = both->elements()[0].toTensor();
        const at::Tensor error = at::mse_loss(both->elements()[1].toTensor(), batch.pictures);
        return {of_labels(logits, batch.labels) + error * options_.reconstruction_weight, logits};
    }

private:
    at::Tensor of_labels(const at::Tensor& logits, const at::Tensor& labels) const {
        if (options_.activation == model::Activation::softmax) {
            return at::cross_entropy_loss(logits, labels, class_weights_, at::Reduction::Mean, /*ignore_index=*/-1,
                                          options_.label_smoothing);
        }
        // one_hot() knows no label of none: a column more, which is cut off.
        const at::Tensor truth =
            at::one_hot(at::where(labels < 0, at::full_like(labels, outputs_), labels), outputs_ + 1)
                .slice(1, 0, outputs_)
                .to(logits.scalar_type());
        const at::Tensor losses =
            at::binary_cross_entropy_with_logits(logits, truth, {}, {}, at::Reduction::None).mean(1);
        if (!class_weights_.defined()) return losses.mean();
        const at::Tensor weights = at::where(labels < 0, at::ones_like(losses), class_weights_.index({labels.clamp(0)}));
        return (losses * weights).sum() / weights.sum();
    }

    const SgdOptions& options_;
    int outputs_;
    at::Tensor class_weights_;
};

/// Sums over pictures.
class Figures {
public:
    void add(const Objective::Value& value, const at::Tensor& labels) {
        const auto count = labels.size(0);
        loss_ += value.loss.item<double>() * static_cast<double>(count);
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
    for (const at::Tensor& tensor : tensors) copies.push_back(tensor.detach().to(at::kCPU, /*non_blocking=*/false, true));
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

class Training {
public:
    Training(TrainableNetwork& network, flow::TrainingFeed& train, flow::TrainingFeed* validation,
             const SgdOptions& options, const SgdObserver& observer, const Cancellation* cancellation)
        : network_(network.implementation()), train_(train), validation_(validation), options_(options),
          observer_(observer), cancellation_(cancellation), device_(resolve_device(options.device)),
          frozen_(frozen_modules(network, options.last_blocks)),
          objective_(options, network.outputs(), device_), schedule_(options, train.batches()) {
        network_.module.to(device_);
        state_ = state_of(network_.module);
        for (const at::Tensor& parameter : network_.module.parameters()) parameter.set_requires_grad(true);
        for (const jit::Module& module : frozen_) {
            for (const at::Tensor& parameter : module.parameters()) parameter.set_requires_grad(false);
        }
    }

private:
};

} // namespace
} // namespace openset::torch
