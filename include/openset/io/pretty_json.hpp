#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace openset::io {

/// JSON for people: two spaces of indent, but an array of numbers or words is one line. Ends with a line end.
std::string pretty(const nlohmann::ordered_json& json);

} // namespace openset::io
