#pragma once

#include <filesystem>
#include <optional>

namespace openset {

/// Where openset keeps what can be found out again: $XDG_CACHE_HOME/openset, else ~/.cache/openset (XDG Base Directory
/// Specification: a relative $XDG_CACHE_HOME counts as none). It need not exist. None where neither variable is set.
std::optional<std::filesystem::path> cache_folder();

} // namespace openset
