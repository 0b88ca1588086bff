#pragma once

#include <string>
#include <string_view>

namespace openset {

/// The text with `?` for every control character: those of ASCII, and U+0080 to U+009F as UTF-8 or as stray bytes. In a
/// file's name they would move the cursor, change colours or fake lines on the reader's terminal.
std::string printable(std::string_view text);

} // namespace openset
