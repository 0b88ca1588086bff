#pragma once

#include <optional>
#include <string>

#include "openset/cascade/pipeline.hpp"
#include "openset/detect/openmax.hpp"

namespace openset::infer {

/// What OpenMax computed for the picture; none where the detector is another.
std::optional<detect::Revision> revision_of(const cascade::Unknown& unknown, const io::Activations& one_row);

/// The part of an explanation that tells of the detector behind the classifier: distances to the class means, W-scores,
/// revised activations, and the sentence that decides.
/// most  classes to list
std::string unknown_text(const cascade::Pipeline& pipeline, const std::optional<detect::Revision>& revision,
                         const io::UnknownFigures& figures, const io::LabelProbability& likeliest, int most);

} // namespace openset::infer
