#pragma once

#include "io/checked_json.hpp"
#include "openset/detect/openmax.hpp"

namespace openset::detect {

/// Reads what to_json() wrote, wherever it stands in a document. Notes what is wrong with it.
OpenMaxParams read_openmax_params(const io::CheckedValue& value);

io::Json json_of(const OpenMaxParams& params);

} // namespace openset::detect
