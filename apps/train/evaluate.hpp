#pragma once

#include <string>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "train/by_gradient.hpp"
#include "train/options.hpp"
#include "train/report.hpp"

namespace openset::train {

/// What a network file says of pictures, run as infer would run it.
/// Throws cli::Interrupted after a signal.
Judged evaluate(const Options& options, const std::string& network, const std::string& set,
                const std::vector<Example>& examples, const Cancellation& cancellation);

} // namespace openset::train
