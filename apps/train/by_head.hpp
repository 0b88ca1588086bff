#pragma once

#include "openset/base/cancellation.hpp"
#include "train/options.hpp"
#include "train/report.hpp"

namespace openset::train {

/// What a training leaves besides the network.
struct Result {
    Report report;
    std::string facts_json; ///< what the report's file says besides
};

/// A new head on a trunk that stays as it is: features once, then regularised logistic regression. Writes the network to
/// options.output.
Result train_head(const Options& options, const Cancellation& cancellation);

} // namespace openset::train
