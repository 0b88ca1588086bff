#pragma once

#include "scores/columns.hpp"
#include "scores/input.hpp"

namespace openset::scores {

/// The rows of a store, scored in memory: as they would be read from the score file that openset score writes of it.
/// is_known  a label that the network does not have then is none
/// details   paths too, and of the only column, where it is an OpenMax, W-scores and whether its arg-max is unknown
/// threads   0: one a core
Side side_of_store(const NamedFile& file, const io::ActivationStore& store, const std::vector<Column>& columns,
                   bool is_known, bool details, int threads, io::LabelNames& labels);

} // namespace openset::scores
