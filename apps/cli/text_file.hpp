#pragma once

#include <string>

namespace openset::cli {

/// The content of a file that the user named. Throws Error(usage) with the name and the reason.
std::string read_text_file(const std::string& path);

} // namespace openset::cli
