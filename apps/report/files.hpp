#pragma once

#include <filesystem>

#include "report/content.hpp"

namespace openset::report {

/// To be called before the work is done. Throws Error(usage) where something else than a folder has the name.
void check_place_for_files(const std::filesystem::path& folder);

/// Every chart as `<name>.svg`, every figure's and table's numbers as `<name>.csv`; each replaces a file of its name, other
/// files stay. Throws Error(output).
void write_files(const Content& content, const std::filesystem::path& folder);

} // namespace openset::report
