#pragma once

#include <string>

#include "openset/flow/loaded_pipeline.hpp"
#include "openset/io/run_record.hpp"
#include "pictures/run_flags.hpp"

namespace openset::pictures {

/// The config's networks in memory; what the record says of them and of LibTorch is filled in.
/// file  names the config in messages
flow::LoadedPipeline load_networks(const cascade::PipelineConfig& config, const std::string& file,
                                   const torch::LoadOptions& how, const flow::PipelineLoadOptions& options,
                                   io::RunRecord& record);

/// Says which stages need one forward pass between them.
void tell_shared_trunks(const io::RunRecord& record);

/// The config as it can stand in any folder: its paths do not depend on where it lies.
cascade::PipelineConfig with_absolute_paths(cascade::PipelineConfig config);

} // namespace openset::pictures
