#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "openset/flow/training_feed.hpp"
#include "openset/model/model_info.hpp"
#include "openset/torch/trainable_network.hpp"

/// Training by stochastic gradient descent.
namespace openset::torch {

enum class Recipe {
    plain, ///< the loss of the labels alone
    crosr, ///< and that of the reconstruction; for a network that has reconstruct(), see build_network
};

struct SgdOptions {
    int epochs = 30;
    double learning_rate =
        0.1; ///< at its highest: falls to 0 along half a cosine (Loshchilov and Hutter 2017), step by step
    double warmup_epochs = 0;   ///< over which the rate rises from 0 in a straight line before
    double momentum = 0.9;      ///< as torch.optim.SGD, not Nesterov's
    double weight_decay = 1e-4; ///< of every parameter that learns
    double label_smoothing = 0; ///< 0 to below 1; softmax only (Szegedy et al. 2016)

    model::Activation activation = model::Activation::softmax; ///< cross entropy, or one-vs-rest binary cross entropy
    std::vector<double> class_weights;                         ///< of a picture, by its label; empty: 1 for each

    std::optional<int> last_blocks; ///< so many of blocks(), counted from the end, learn besides the head; none: all.
                                    ///< The others keep weights and statistics: batch normalisation as in eval mode

    Recipe recipe = Recipe::plain;
    double reconstruction_weight = 1; ///< crosr: of the mean squared error, in units of the normalised picture
    double noise = 0.1; ///< crosr: deviation of the normal noise on the picture that is to be made again without

    int patience = 0; ///< stop after so many epochs without a smaller validation loss; 0: never

    /// What else a run must share with the checkpoint that it resumes, as the caller knows it: the file it started from,
    /// the pictures and what happens to them. By the names that the message has where they differ: "--batch".
    std::map<std::string, std::string> start_and_data;
    std::uint64_t seed = 0;      ///< of the noise, and of what the network itself draws (dropout)
    std::string device = "auto"; ///< auto, cpu, cuda, cuda:N
    int threads = 1;             ///< LibTorch's, on the CPU

    std::filesystem::path checkpoint; ///< written after every epoch, whole or not at all; empty: none
    bool resume = false;              ///< go on from the checkpoint where there is one
};

/// Of the pictures seen. The loss is the one that is minimised, without weight decay; of sigmoid it is the sum over the
/// labels, as in all reports, where the mean is minimised, as torch.nn.BCEWithLogitsLoss does.
struct EpochFigures {
    double loss = 0;
    double accuracy = 0; ///< share of pictures whose likeliest label is theirs
};

struct EpochReport {
    int epoch = 0;            ///< from 1
    double learning_rate = 0; ///< at its end
    EpochFigures train;       ///< while it was learning, so over weights that changed
    std::optional<EpochFigures> validation;
    double seconds = 0;
};

struct StepReport {
    int epoch = 0;                ///< from 1
    std::int64_t pictures = 0;    ///< seen in this run, over all epochs
    std::int64_t of_pictures = 0; ///< to be seen in this run if it is not stopped early
    double loss = 0;              ///< mean of this epoch so far
    double learning_rate = 0;
};

/// Called by the thread that trains.
struct SgdObserver {
    /// Once, when options and checkpoint have been found good. epochs  that the run before has done
    std::function<void(int epochs)> start;
    std::function<void(const StepReport&)> step;
    std::function<void(const EpochReport&)> epoch;
};

struct SgdReport {
    std::vector<EpochReport> epochs; ///< also those of the runs before this one that it resumed
    int best_epoch = 0; ///< whose weights the network has: smallest validation loss; without validation the last
    bool stopped_early = false; ///< patience ran out
    bool cancelled = false;     ///< by the caller; the checkpoint holds the last whole epoch
};

/// Trains the network in place; afterwards it has the weights of the best epoch and is in eval mode.
///
/// train       an epoch each time, shuffled and changed by its own seed
/// validation  may be null: no early stopping, the last epoch's weights are kept
///
/// The same network, feed, options and number of threads give the same weights on the same machine and CPU, bit for bit,
/// also when a run was interrupted and resumed.
///
/// Throws Error(usage): options that do not fit each other or the network, a checkpoint of another run, with what
/// differs.
/// Error(out_of_memory): a smaller batch may pass. Error(model): the loss is no longer a number; what to change.
SgdReport train_by_sgd(TrainableNetwork& network, flow::TrainingFeed& train, flow::TrainingFeed* validation,
                       const SgdOptions& options, const SgdObserver& observer = {},
                       const Cancellation* cancellation = nullptr);

} // namespace openset::torch
