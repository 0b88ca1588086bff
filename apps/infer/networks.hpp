#pragma once

#include "infer/options.hpp"
#include "openset/flow/loaded_pipeline.hpp"
#include "openset/io/run_record.hpp"

namespace openset::infer {

/// The config's networks in memory; what the record says of them and of LibTorch is filled in.
flow::LoadedPipeline load_networks(const Options& options, const cascade::PipelineConfig& config,
                                   io::RunRecord& record);

/// The config as it can stand in any folder: its paths do not depend on where it lies.
cascade::PipelineConfig with_absolute_paths(cascade::PipelineConfig config);

} // namespace openset::infer
