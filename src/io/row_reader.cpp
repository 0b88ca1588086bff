#include "openset/io/row_reader.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "io/checked_json.hpp"
#include "io/csv.hpp"
#include "io/record_reader.hpp"
#include "io/text_encoding.hpp"
#include "openset/base/error.hpp"

namespace openset::io {
namespace {

constexpr std::string_view csv_start = "path,verdict,outcome,decided_by,";

const std::vector<std::string> outcomes = {"known", "unknown", "failed"};
const std::vector<std::string> deciders = {"gate", "species", "classifier", "unknown", "decode"};

Outcome outcome_named(std::string_view name) {
    return name == "known" ? Outcome::known : name == "unknown" ? Outcome::unknown : Outcome::failed;
}

/// Which column holds what.
struct Columns {
    std::size_t count = 0, path = 0, verdict = 0, outcome = 0, decided_by = 0, error_kind = 0, path_base64 = 0;
};

/// Both places where the path of a row may stand.
std::optional<std::string> path_of(const std::string& text, const std::string& in_base64) {
    return in_base64.empty() ? text : from_base64(in_base64);
}

} // namespace

struct RowReader::State {
    State(std::istream& source, std::string source_name) : records(source, source_name), name(std::move(source_name)) {
        const std::string_view first = records.first_bytes();
        if (first.empty() || first.starts_with('{')) return;
        if (!begins_like_rows(first)) {
            throw Error(ErrorKind::corrupt, name + ": begins with " + in_quotes(first.substr(0, 30)) +
                                                ", expected rows as openset infer writes them: jsonl or csv");
        }
        format = RowFormat::csv;
        if (take_record(header)) read_header();
    }

    bool take_record(std::string& record) {
        return records.take(record, format == RowFormat::csv, [this] { return name + ": row " + place(); });
    }

    void read_header() {
        const CsvFields csv(header);
        if (!csv.problem().empty()) refuse(csv.problem());
        const auto& names = csv.fields();
        columns.count = names.size();
        const auto column = [&](const std::string& wanted) {
            const auto found = std::ranges::find(names, wanted);
            if (found == names.end()) refuse("the header has no column " + wanted);
            return static_cast<std::size_t>(found - names.begin());
        };
        columns.path = column("path");
        columns.verdict = column("verdict");
        columns.outcome = column("outcome");
        columns.decided_by = column("decided_by");
        columns.error_kind = column("error_kind");
        columns.path_base64 = column("path_base64");
        lines += std::ranges::count(header, '\n');
    }

    RowRecord parse_json_line(const std::string& line) const {
        JsonProblems problems(name + ": row " + place());
        const auto json = parse_json(std::string_view(line).substr(0, line.size() - 1), problems);
        problems.throw_if_any(ErrorKind::corrupt);
        RowRecord row;
        if (auto object = CheckedValue(*json, "", problems).object("a row")) read_members(*object, row);
        problems.throw_if_any(ErrorKind::corrupt);
        return row;
    }

    static void read_members(CheckedObject& object, RowRecord& row) {
        const auto path = object.optional("path");
        if (path && path->json().is_string()) {
            row.path = path->json().get<std::string>();
        } else if (const auto encoded = object.required("path_base64", "the path, as path or path_base64")) {
            const auto decoded = from_base64(encoded->text().value_or("="));
            if (!decoded) encoded->expected("base64 with padding");
            row.path = decoded.value_or("");
        }
        if (const auto verdict = object.required("verdict", "a label, unknown or failed"))
            row.verdict = verdict->text().value_or("");
        if (const auto outcome = object.required("outcome", "known, unknown or failed"))
            row.outcome = outcome_named(outcome->one_of(outcomes).value_or(""));
        if (const auto by = object.required("decided_by", "the stage that decided, or decode"))
            row.decided_by = by->one_of(deciders).value_or("");
        if (row.outcome != Outcome::failed) return;
        if (const auto error = object.required("error", "why the picture failed")) {
            if (auto members = error->object()) {
                if (const auto kind = members->required("kind", "a kind of error")) row.error_kind = kind->text();
            }
        }
    }

    RowRecord parse_csv_record(const std::string& record) const {
        const CsvFields csv(record);
        if (!csv.problem().empty()) refuse(csv.problem());
        const auto& fields = csv.fields();
        if (fields.size() != columns.count) {
            refuse("found " + std::to_string(fields.size()) + " fields, expected " + std::to_string(columns.count) +
                   " as in the header");
        }
        const auto checked = [&](std::size_t column, const std::vector<std::string>& choices, const char* expected) {
            if (std::ranges::find(choices, fields[column]) == choices.end())
                refuse("found " + in_quotes(fields[column]) + ", expected " + expected);
            return fields[column];
        };
        RowRecord row;
        const auto path = path_of(fields[columns.path], fields[columns.path_base64]);
        if (!path) refuse("path_base64: found " + in_quotes(fields[columns.path_base64]) + ", expected base64");
        row.path = *path;
        row.verdict = fields[columns.verdict];
        if (row.verdict.empty()) refuse("the verdict is empty, expected a label, unknown or failed");
        row.outcome = outcome_named(checked(columns.outcome, outcomes, "the outcome known, unknown or failed"));
        row.decided_by = checked(columns.decided_by, deciders, "the stage that decided, or decode");
        if (row.outcome == Outcome::failed) {
            row.error_kind = fields[columns.error_kind];
            if (row.error_kind->empty()) refuse("failed, but error_kind is empty");
        }
        return row;
    }

    /// The row being read, and the line where it begins if that is another number.
    std::string place() const {
        const std::string row = std::to_string(rows + 1);
        return format == RowFormat::csv ? row + " (line " + std::to_string(lines + 1) + ")" : row;
    }

    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(ErrorKind::corrupt, name + ": row " + place() + ": " + what);
    }

    std::unique_ptr<std::istream> owned;
    RecordReader records;
    std::string name;
    RowFormat format = RowFormat::jsonl;
    std::string header;
    Columns columns;
    std::int64_t rows = 0, lines = 0;
};

bool begins_like_rows(std::string_view first_bytes) {
    if (first_bytes.empty()) return false;
    const auto begins_with = [](std::string_view text, std::string_view start) {
        return text.starts_with(start) || start.starts_with(text);
    };
    if (!first_bytes.starts_with('{')) return begins_with(first_bytes, csv_start);
    first_bytes.remove_prefix(1);
    first_bytes.remove_prefix(std::min(first_bytes.find_first_not_of(' '), first_bytes.size()));
    return begins_with(first_bytes, "\"path\"") || begins_with(first_bytes, "\"path_base64\"");
}

RowReader::RowReader(std::istream& rows, std::string name) : state_(std::make_unique<State>(rows, std::move(name))) {}

RowReader::RowReader(const std::filesystem::path& file) {
    auto stream = open_records(file, "rows");
    state_ = std::make_unique<State>(*stream, file.string());
    state_->owned = std::move(stream);
}

RowReader::RowReader(RowReader&&) noexcept = default;
RowReader& RowReader::operator=(RowReader&&) noexcept = default;
RowReader::~RowReader() = default;

RowFormat RowReader::format() const { return state_->format; }
const std::string& RowReader::header() const { return state_->header; }
std::int64_t RowReader::rows() const { return state_->rows; }
std::uint64_t RowReader::whole_bytes() const { return state_->records.whole_bytes(); }
std::uint64_t RowReader::torn_bytes() const { return state_->records.torn().size(); }

std::optional<RowRecord> RowReader::next() {
    State& state = *state_;
    std::string record;
    if (state.format == RowFormat::csv && state.header.empty()) return std::nullopt; // torn within the header
    if (!state.take_record(record)) return std::nullopt;
    RowRecord row = state.format == RowFormat::csv ? state.parse_csv_record(record) : state.parse_json_line(record);
    row.bytes = std::move(record);
    ++state.rows;
    state.lines += std::ranges::count(row.bytes, '\n');
    return row;
}

} // namespace openset::io
