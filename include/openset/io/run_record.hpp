#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "openset/base/byte_sink.hpp"
#include "openset/io/row_writer.hpp"
#include "openset/io/shard.hpp"

/// Run records: what made a row file, beside it as JSON, or an activation store, in it (format openset-run/1).
namespace openset::io {

struct NetworkRecord {
    std::string stage;
    std::string path;
    std::string name;
    std::string sha256;
    std::string info_source;
    bool cut_at_head = false;
    bool picture_by_picture = false;
    /// The earlier stage whose forward pass served this one too, as the two are one network up to the head. Empty: none.
    std::string shares_pass_of{};
    /// Of the ModelInfo in force, as JSON: labels and preprocessing may come from a sidecar or from flags. Empty: not
    /// told.
    std::string info_sha256{};
    std::string engine = "torch"; ///< torch or onednn
};

/// One of the row files that a merged one was joined from.
struct PartRecord {
    std::string file;
    std::string sha256; ///< of its rows
    std::int64_t rows = 0;
};

/// Where a run that filled an activation store took the pictures' classes from.
struct StoreRecord {
    std::string labels;            ///< folders, csv or none
    std::string csv_sha256 = {};   ///< of the table that names them
    std::string files_sha256 = {}; ///< of the pictures' names, sizes and times; empty: not told
};

struct RunRecord {
    std::string openset_version;
    std::string libtorch_version;
    std::string onednn_version{}; ///< of the engine onednn; empty where no network ran on it
    std::string cpu_capability;
    std::string device;             ///< cpu, cuda:0
    std::string precision = "fp32"; ///< or int8: of the networks, or some of them
    bool optimised = true;
    std::string config_json; ///< in full, with what flags changed
    bool closed_set = false;
    bool all_stages = false;
    int top = 5;
    RowFormat format = RowFormat::jsonl;
    std::string exif_orientation = "ignore"; ///< or apply
    bool fast_decode = false;                ///< large JPEGs were decoded at a part of their size
    std::int64_t max_pixels = 0;             ///< larger pictures failed
    std::int64_t decode_memory = 0;          ///< bytes; pictures that need more failed. 0: no such limit
    std::optional<Shard> shard;
    std::optional<StoreRecord> store; ///< the run filled a store: `top` and `format` have no meaning
    std::vector<NetworkRecord> networks;
    /// SHA-256 of the further files that the config names, by the JSON pointer of their place: /unknown/fitted...
    std::map<std::string, std::string> file_hashes;
    std::vector<std::string> inputs; ///< as given; any bytes
    std::vector<PartRecord> parts;   ///< of a merged file
    int batch = 0, jobs = 0, threads = 0;
    RowCounts counts;    ///< a row of a store counts as known
    std::string started; ///< UTC, ISO 8601
    double load_seconds = 0;
    double run_seconds = 0;
    std::string rate_watch{}; ///< JSON object for people: what --watch-rate expected and found. Empty: it was not given
    bool complete = true;     ///< false: still going on, interrupted or stopped early
};

std::string to_json(const RunRecord& record);

/// name  of the record in messages.
/// Throws Error(corrupt) with everything that is wrong with it. Keys that this version does not know are let pass.
RunRecord parse_run_record(std::string_view json, const std::string& name);

/// The record's name beside a row file: `<rows>.run.json`. That of a run that goes on lies beside its partial file.
std::filesystem::path run_record_path(const std::filesystem::path& rows);

/// Gives a whole result its name, and its record the place beside it. The result never stands beside a record that is
/// not its own, whenever the process is killed. Throws Error(output).
/// sink  of open_atomic_file(output), or of continue_atomic_file
void commit_with_record(ByteSink& sink, const std::filesystem::path& output, std::string_view record_json);

/// The record of a store, of one that a run fills too: `<store>/run.json`.
std::filesystem::path store_record_path(const std::filesystem::path& store);

/// The record beside a row file, or in the folder of a store; none where there is none.
/// Throws as parse_run_record(), and Error(unreadable).
std::optional<RunRecord> read_run_record(const std::filesystem::path& rows_or_store);

/// Why the rows of one run cannot stand in one file with those of another: a sentence for each setting that decides
/// what rows say (`config /gate/k was 5, now 3`); empty where they can. Where the networks lay, the config's name, the
/// inputs, batch, threads and times decide nothing.
std::vector<std::string> differences(const RunRecord& then, const RunRecord& now);

/// The same for what may move the last digits of a figure, but seldom a verdict: LibTorch, the processor, the
/// engine of each network.
std::vector<std::string> differences_in_last_digits(const RunRecord& then, const RunRecord& now);

} // namespace openset::io
