#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pictures/run_flags.hpp"

namespace openset::train {

/// What learns, and from which weights on.
enum class Mode {
    head,     ///< a new head on a trunk that stays as it is
    finetune, ///< a trunk and its new head
    scratch,  ///< a network that openset builds
};

/// How pictures are changed before a network that learns by gradient sees them.
struct AugmentFlags {
    double crop_scale =
        0.35; ///< smallest share of the picture's area that a random resized crop takes; 1: no such crop
    bool no_flip = false;
    double rotate = 10;  ///< degrees to either side
    double jitter = 0.2; ///< brightness, contrast and saturation; hue a quarter of it
};

struct GradientFlags {
    std::string arch;
    int width = 64;
    std::string stem = "imagenet"; ///< or cifar
    std::string recipe = "plain";  ///< or crosr
    std::string from = "scratch";
    int input_size = 0; ///< of a new network, square, in pixels; 0: not given
    bool finetune = false;
    std::string last_blocks = "all"; ///< or a number
    int epochs = 30;
    double learning_rate = 0; ///< 0: not given
    double momentum = 0.9, weight_decay = 1e-4, label_smoothing = 0;
    double warmup = -1; ///< epochs; below 0: not given
    int patience = 0;
    bool resume = false;
    AugmentFlags augment;
};

struct Options : pictures::RunFlags {
    // what is learned from
    std::vector<std::string> data;         ///< folders of classes, or one table, or one store
    std::string positive;                  ///< class names that are the family, separated by commas
    std::vector<std::string> positive_dir; ///< folders of the family
    std::string filter_labels;             ///< of a filter: of what is not the family, of what is
    std::string validation;                ///< number of folds, share of the pictures, or a folder; empty: not given
    std::vector<std::string> test;
    std::string balance = "none"; ///< none, weights or sampling

    // what learns
    std::string trunk;
    GradientFlags gradient;
    std::string activation = "softmax";
    std::string name, license;

    // the head
    std::string l2 = "auto";      ///< or a number
    std::string views = "mirror"; ///< of view_names()
    std::string cache;            ///< folder of the features; empty: OUTPUT.features

    std::string output;
    std::uint64_t seed = 0;
    bool force = false, dry_run = false, quiet = false;

    Mode mode() const {
        return gradient.finetune ? Mode::finetune : gradient.arch.empty() ? Mode::head : Mode::scratch;
    }

    /// Of both flags: --data and --positive-dir.
    std::vector<std::string> all_data() const {
        std::vector<std::string> paths = data;
        paths.insert(paths.end(), positive_dir.begin(), positive_dir.end());
        return paths;
    }

    /// The number of folds, from 2 on, or the share of the pictures; none: the judges lie in a folder of their own.
    std::optional<double> validation_number() const;

    /// What is written beside the network.
    std::string record() const { return output + ".training.json"; }
    std::string loss_chart() const { return output + ".loss.svg"; }

    /// Where a training by gradient keeps its epochs until everything is written.
    std::string checkpoint() const { return output + ".checkpoint"; }
};

void add_options(CLI::App& app, Options& options);

/// What the flags mean together, once they are parsed. Throws Error(usage) for flags that do not go together.
void resolve(const CLI::App& app, Options& options);

} // namespace openset::train
