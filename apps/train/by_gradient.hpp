#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "openset/model/model_info.hpp"
#include "openset/torch/sgd.hpp"
#include "train/options.hpp"

namespace openset::train {

struct Example {
    std::string path;
    std::int64_t label; ///< of ModelInfo::labels
};

/// What --finetune and --arch do: trains on the one set while watching the other, and writes the network, with the
/// ModelInfo inside, to options.output. Shows progress. Checkpoints lie in `<output>.checkpoint`, which --resume goes on
/// with; who has written the reports removes it.
/// info  labels, activation and preprocessing of the network that is made; arch is filled in
/// Throws Error(usage) for flags that do not fit the network. After a signal nothing is written but the checkpoint, and
/// SgdReport::cancelled is set.
torch::SgdReport train_by_gradient(const Options& options, const std::vector<Example>& training,
                                   const std::vector<Example>& validation, model::ModelInfo info,
                                   const Cancellation& cancellation);

} // namespace openset::train
