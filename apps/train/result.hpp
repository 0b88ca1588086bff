#pragma once

#include <string>

#include "openset/base/cancellation.hpp"
#include "train/options.hpp"
#include "train/report.hpp"

namespace openset::train {

/// What a training leaves besides the network.
struct Result {
    Report report;
    std::string facts_json; ///< what the report's file says besides
    bool cancelled = false; ///< a checkpoint is all that was written
};

/// A new head on a trunk that stays as it is: features once, then regularised logistic regression. Writes the network to
/// options.output. Throws cli::Interrupted after a signal.
Result train_head(const Options& options, const Cancellation& cancellation);

/// A network that learns by gradient descent, from the trunk or from scratch, and is then asked about all sets.
Result train_network(const Options& options, const Cancellation& cancellation);

} // namespace openset::train
