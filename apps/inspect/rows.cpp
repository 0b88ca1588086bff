#include "inspect/rows.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/text_file.hpp"
#include "inspect/text.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/printable.hpp"
#include "openset/io/row_reader.hpp"
#include "openset/io/run_record.hpp"

namespace openset::inspect {
namespace {

using Json = nlohmann::ordered_json;

struct Failures {
    std::int64_t count = 0;
    std::string first_path;
};

struct RowSummary {
    std::filesystem::path file;
    io::RowFormat format = io::RowFormat::jsonl;
    std::uint64_t whole_bytes = 0, torn_bytes = 0;
    io::RowCounts counts;
    std::map<std::string, std::int64_t> verdicts;
    std::map<std::string, Failures> failures; ///< by kind
    std::optional<io::RunRecord> record;
};

RowSummary summarise(const std::filesystem::path& file) {
    RowSummary summary;
    summary.file = file;
    io::RowReader rows(file);
    while (const auto row = rows.next()) {
        summary.counts.add(row->outcome, row->decided_by);
        ++summary.verdicts[row->verdict];
        if (!row->error_kind) continue;
        Failures& failures = summary.failures[*row->error_kind];
        if (failures.count++ == 0) failures.first_path = row->path;
    }
    summary.format = rows.format();
    summary.whole_bytes = rows.whole_bytes();
    summary.torn_bytes = rows.torn_bytes();
    summary.record = io::read_run_record(file);
    return summary;
}

template <typename Count>
std::vector<std::pair<std::string, Count>> most_first(const std::map<std::string, Count>& counts) {
    std::vector<std::pair<std::string, Count>> sorted(counts.begin(), counts.end());
    std::ranges::stable_sort(sorted, std::greater<>(), [](const auto& entry) { return entry.second; });
    return sorted;
}

std::string joined(const std::map<std::string, std::int64_t>& counts) {
    std::string text;
    for (const auto& [name, count] : most_first(counts))
        text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
    return text;
}

/// A list of names with counts, indented; the counts stand below each other.
void print_counts(const std::vector<std::pair<std::string, std::int64_t>>& counts, std::size_t shown) {
    std::size_t width = 0;
    for (std::size_t i = 0; i < shown; ++i) width = std::max(width, std::to_string(counts[i].second).size());
    for (std::size_t i = 0; i < shown; ++i) {
        const std::string number = std::to_string(counts[i].second);
        std::cout << "  " << std::string(width - number.size(), ' ') << number << "  " << printable(counts[i].first)
                  << "\n";
    }
}

std::string config_name(const io::RunRecord& record) {
    const Json config = Json::parse(record.config_json, nullptr, false);
    if (!config.is_object() || !config.contains("name") || !config["name"].is_string()) return "";
    return config["name"].get<std::string>();
}

void print_outcomes(const io::RowCounts& counts) {
    print_line("outcomes", "known " + share(counts.known, counts.total()) + ", unknown " +
                               share(counts.unknown, counts.total()) + ", failed " +
                               share(counts.failed, counts.total()));
    print_line("decided by", joined(counts.decided_by));
}

void print_text(const RowSummary& summary, bool all_labels) {
    print_line("file", summary.file.string() + ", " + bytes_text(summary.whole_bytes + summary.torn_bytes));
    print_line("kind", "rows, " + std::string(to_string(summary.format)));
    print_line("rows", std::to_string(summary.counts.total()) +
                           (summary.torn_bytes == 0
                                ? ", all whole"
                                : " whole, then " + std::to_string(summary.torn_bytes) + " bytes of a torn one"));
    print_outcomes(summary.counts);
    const auto verdicts = most_first(summary.verdicts);
    const std::size_t shown = shown_of(verdicts.size(), all_labels);
    print_line("verdicts", std::to_string(verdicts.size()));
    print_counts(verdicts, shown);
    print_rest(shown, verdicts.size());
    if (!summary.failures.empty()) print_line("failures", std::to_string(summary.counts.failed));
    for (const auto& [kind, failures] : summary.failures)
        std::cout << "  " << failures.count << "  " << printable(kind) << ", the first "
                  << printable(failures.first_path) << "\n";
    if (!summary.record) return print_line("run record", "none beside it");
    print_line("run record", io::run_record_path(summary.file).filename().string() +
                                 (summary.record->complete ? ": complete" : ": the run has not ended"));
    print_record_lines(*summary.record);
}

Json to_json(const io::RowCounts& counts) {
    return {{"known", counts.known}, {"unknown", counts.unknown}, {"failed", counts.failed}};
}

Json to_json(const RowSummary& summary) {
    Json verdicts = Json::object(), failures = Json::object();
    for (const auto& [verdict, count] : most_first(summary.verdicts)) verdicts[verdict] = count;
    for (const auto& [kind, entry] : summary.failures)
        failures[kind] = {{"count", entry.count}, {"first", entry.first_path}};
    return {{"file", summary.file.string()},
            {"kind", "rows"},
            {"format", to_string(summary.format)},
            {"bytes", summary.whole_bytes + summary.torn_bytes},
            {"torn_bytes", summary.torn_bytes},
            {"rows", summary.counts.total()},
            {"outcomes", to_json(summary.counts)},
            {"decided_by", summary.counts.decided_by},
            {"verdicts", verdicts},
            {"failures", failures},
            {"record", summary.record ? Json::parse(io::to_json(*summary.record)) : Json()}};
}

void warn_where_the_record_is_of_other_rows(const RowSummary& summary) {
    if (!summary.record || !summary.record->complete || summary.record->counts == summary.counts) return;
    log_warning(summary.file.string() + ": its run record counts " + std::to_string(summary.record->counts.total()) +
                " rows, or other outcomes; the rows were changed since");
}

} // namespace

void print_record_lines(const io::RunRecord& record) {
    print_line("config", config_name(record));
    for (const io::NetworkRecord& network : record.networks)
        print_line(network.stage, network.name + ", " + network.path + ", sha256 " + network.sha256.substr(0, 12));
    print_line("made", record.started + ", openset " + record.openset_version + ", LibTorch " +
                           record.libtorch_version + ", " + record.device + ", " + record.precision);
    if (record.shard) print_line("shard", to_string(*record.shard) + " (openset merge joins the parts)");
    for (const io::PartRecord& part : record.parts)
        print_line("joined from",
                   part.file + ", " + std::to_string(part.rows) + " rows, sha256 " + part.sha256.substr(0, 12));
}

void print_rows(const std::filesystem::path& file, const Wanted& wanted) {
    const RowSummary summary = summarise(file);
    warn_where_the_record_is_of_other_rows(summary);
    wanted.json ? print_json(to_json(summary)) : print_text(summary, wanted.all_labels);
}

void print_run_record(const std::filesystem::path& file, const Wanted& wanted) {
    const io::RunRecord record =
        io::parse_run_record(cli::read_text_file(file.string(), "a run record"), file.string());
    if (wanted.json) {
        return print_json(
            {{"file", file.string()}, {"kind", "run record"}, {"record", Json::parse(io::to_json(record))}});
    }
    print_line("file", file.string());
    print_line("kind", std::string("run record, ") + (record.complete ? "complete" : "the run has not ended"));
    if (record.store) {
        print_line("store", std::to_string(record.counts.known) + " rows, and " + std::to_string(record.counts.failed) +
                                " failed pictures; labels from " + record.store->labels);
    } else {
        print_line("rows", std::to_string(record.counts.total()) + ", " + std::string(to_string(record.format)));
        print_outcomes(record.counts);
    }
    print_record_lines(record);
}

} // namespace openset::inspect
