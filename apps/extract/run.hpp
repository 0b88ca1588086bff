#pragma once

#include "extract/options.hpp"
#include "openset/base/cancellation.hpp"

namespace openset::extract {

/// Runs the config's classifier over the pictures that the options name and keeps what it returns in the store that they
/// name. The exit code. cancellation  set by a signal
int run(Options& options, const cascade::PipelineConfig& config, const Cancellation& cancellation);

} // namespace openset::extract
