#pragma once

#include <string>
#include <string_view>

namespace openset::io {

/// The text as one field of a CSV record: in double quotes where it holds a comma, a quote or a line end (RFC 4180).
std::string csv_field(std::string_view text);

} // namespace openset::io
