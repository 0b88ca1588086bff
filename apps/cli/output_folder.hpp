#pragma once

#include <string>

#include "openset/base/output_folder.hpp"

namespace openset::cli {

/// To be called before the work is done. Throws Error(usage, output) where an OutputFolder of this name would not do, or
/// would replace one that stands there although nobody said so, or one with files in it that its record does not list.
/// record  the file by which a folder of this command is known, a table with the columns path and label: "truth.csv"
/// force   whether --force was given
void check_output_folder(const std::string& output, const std::string& record, bool force);

} // namespace openset::cli
