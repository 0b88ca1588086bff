#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "openset/model/network.hpp"
#include "quantize/options.hpp"
#include "quantize/pictures.hpp"

namespace openset::quantize {

/// What both networks say of some pictures.
struct Compared {
    std::vector<std::int64_t> labels;        ///< [pictures], -1 where the class is none of the network's labels
    std::size_t columns = 0;                 ///< of the logits: the number of labels
    std::vector<float> before, after;        ///< [pictures, columns]
    std::vector<double> before_ms, after_ms; ///< CPU time a picture, of each batch
    std::int64_t failed = 0;                 ///< further pictures that could not be read

    std::int64_t pictures() const { return std::ssize(labels); }
};

/// What the difference comes to.
struct Difference {
    std::int64_t pictures = 0;
    double agreement = 0;                                  ///< share of the pictures with the same likeliest label
    std::int64_t labelled = 0;                             ///< pictures whose label is known
    std::optional<double> accuracy_before, accuracy_after; ///< of the labelled ones
    double mean_logit = 0, largest_logit = 0;              ///< magnitudes: of the differences
    double before_ms = 0, after_ms = 0;                    ///< medians
};

Difference difference(const Compared& compared);

/// Area under the ROC curve of a method that needs no fit.
struct Separation {
    std::string method; ///< msp, max-logit, or for one-vs-rest networks sigmoid-max
    double before = 0, after = 0;
};

std::vector<Separation> separations(const Compared& known, const Compared& unknown, model::Activation activation);

/// Runs `work` on batches of the pictures, on several threads, and shows how far it is.
/// work  takes the pictures and the position in the list of each
/// Returns how many pictures could not be read. Throws cli::Interrupted after a signal.
std::int64_t for_batches(const Options& options, const std::vector<Picture>& pictures,
                         const image::PreprocessSpec& preprocess,
                         const std::function<void(const model::Batch&, const std::vector<std::int64_t>&)>& work,
                         const Cancellation& cancellation);

/// Runs both networks over the pictures.
Compared compare(const Options& options, const std::vector<Picture>& pictures, model::Network& before,
                 model::Network& after, const Cancellation& cancellation);

} // namespace openset::quantize
