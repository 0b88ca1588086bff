#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace openset::io {

/// Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view bytes);

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

/// The bytes that base64() made the text of; none for any other text.
std::optional<std::string> from_base64(std::string_view text);

} // namespace openset::io
