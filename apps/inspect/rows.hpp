#pragma once

#include <filesystem>

/// What inspect says of the files that infer and merge write.
namespace openset::inspect {

struct Wanted {
    bool json = false;
    bool all_labels = false; ///< text: every verdict, however many
};

/// By content: rows (jsonl or csv, whole or cut short). Of an empty file the run record beside it tells.
bool is_row_file(const std::filesystem::path& file);

/// By content: any JSON document that is no row file, with or without comments.
bool is_json_document(const std::filesystem::path& file);

/// On standard output: how many rows, with which outcomes, and what made them. Throws as io::RowReader and
/// io::read_run_record.
void print_rows(const std::filesystem::path& file, const Wanted& wanted);

/// On standard output: what a run record says. Throws Error(usage) for JSON of another kind, else as
/// io::parse_run_record.
void print_run_record(const std::filesystem::path& file, const Wanted& wanted);

} // namespace openset::inspect
