#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "openset/flow/input.hpp"
#include "openset/io/run_record.hpp"

namespace openset::pictures {

/// Holds the record beside rows, or in a store, against that of the run that is to go on with them. What may move last
/// digits is warned of.
/// Throws Error(usage) with all that differs, or where there is no record.
void check_same_way(const std::filesystem::path& rows_or_store, const io::RunRecord& now);

/// Passes over the next input: its path, nullopt at the end. Throws cli::Interrupted where a signal ends the inputs early:
/// that is no end of theirs.
std::optional<std::string> next_path(flow::InputSource& source);

} // namespace openset::pictures
