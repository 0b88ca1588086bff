#pragma once

#include <string>
#include <string_view>

namespace openset {

/// What a file seems to be, for messages about one that is not what was expected: "a ZIP archive", "an HTML page".
/// head  its first bytes; a few hundred are enough
/// Empty where they say nothing.
std::string kind_of_file(std::string_view head);

/// Whether a file begins as ZIP archives do, TorchScript ones among them.
bool is_zip(std::string_view head);

} // namespace openset
