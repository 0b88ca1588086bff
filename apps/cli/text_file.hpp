#pragma once

#include <string>

namespace openset::cli {

/// The content of a file that the user named. Throws Error(usage) with the name, the reason and what was expected.
/// what  "a pipeline config"
std::string read_text_file(const std::string& path, const std::string& what);

} // namespace openset::cli
