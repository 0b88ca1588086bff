#pragma once

#include <string>
#include <string_view>

namespace openset::io {

/// Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view bytes);

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

} // namespace openset::io
