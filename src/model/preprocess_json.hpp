#pragma once

#include <optional>

#include "io/checked_json.hpp"
#include "openset/image/preprocess.hpp"

namespace openset::model {

enum class UnknownKeys { refuse, let_pass };

/// Reads a `preprocess` object; none after a problem was noted.
std::optional<image::PreprocessSpec> read_preprocess(const io::CheckedValue& value, UnknownKeys unknown_keys);

/// The object that read_preprocess reads back to an equal spec.
io::Json preprocess_to_json(const image::PreprocessSpec& spec);

} // namespace openset::model
