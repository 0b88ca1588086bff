#pragma once

#include <filesystem>

#include "inspect/kind.hpp"
#include "openset/io/run_record.hpp"

/// What inspect says of the files that infer and merge write.
namespace openset::inspect {

/// On standard output: how many rows, with which outcomes, and what made them. Throws as io::RowReader and
/// io::read_run_record.
void print_rows(const std::filesystem::path& file, const Wanted& wanted);

/// On standard output: what a run record says. Throws as io::parse_run_record.
void print_run_record(const std::filesystem::path& file, const Wanted& wanted);

/// Lines of a longer text: config, networks, when and by which versions.
void print_record_lines(const io::RunRecord& record);

} // namespace openset::inspect
