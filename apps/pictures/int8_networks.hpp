#pragma once

#include "openset/cascade/pipeline_config.hpp"

namespace openset::pictures {

/// What `--precision int8` makes of a config: for each network in float the int8 one that lies beside it (for MODEL.pt
/// MODEL.int8.pt) and was made of it. A network that computes in eight bits already stays.
/// closed_set  the classifier is the only one that will be loaded
/// Throws Error(usage) that names every network without one, and the command that makes it.
cascade::PipelineConfig with_int8_networks(cascade::PipelineConfig config, bool closed_set = false);

} // namespace openset::pictures
