#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "openset/base/byte_sink.hpp"
#include "openset/io/run_record.hpp"

/// Joining the row files or stores that `infer --shard I/N` or `extract --shard I/N` made into the one that a single run
/// would have written: its row j is row j / N of shard j % N.
namespace openset::io {

struct Part {
    std::filesystem::path file; ///< of rows; or the folder of a store
    RunRecord record;           ///< has a shard
};

/// Reads the run records beside the files, or in the stores; parts are of one kind.
/// Returns the parts in the order of their shards, whatever the order of `files`.
/// Throws Error(usage) with everything that stands against joining them: files without a record or a shard, unfinished
/// runs, tables, parts of different runs (and what differs), shards that are missing or there twice, numbers of rows
/// that no one list of inputs gives.
std::vector<Part> read_parts(const std::vector<std::filesystem::path>& files);

/// What a user should know of parts that can be joined: sentences on runs of different machines or lists.
std::vector<std::string> doubts(const std::vector<Part>& parts);

/// Copies rows of files, byte for byte. Memory does not grow with their number; each part's file is open meanwhile.
/// Returns the record of the whole, without a shard, with counts and times summed and the parts named with their hashes.
/// Throws Error(corrupt) where a part's rows are not those that its record counts, and as RowReader.
RunRecord merge(const std::vector<Part>& parts, ByteSink& sink);

/// Joins stores into the store `folder`, which is written as StoreWriter does; without one they are only read and checked.
/// Memory does not grow with the rows. Returns the record of the whole, which is that of the new store.
/// Throws Error(corrupt) where a part's pictures are not those that its record counts, or the stores say different things of
/// the network, and as ActivationStore.
RunRecord merge_stores(const std::vector<Part>& parts, const std::optional<std::filesystem::path>& folder);

} // namespace openset::io
