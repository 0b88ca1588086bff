#include "openset/io/row_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "io/checked_json.hpp"
#include "io/csv.hpp"
#include "io/record_stream.hpp"
#include "openset/io/text_encoding.hpp"
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

/// One of the figures that are wanted of a stage.
struct Figure {
    std::string stage, name;
    std::optional<std::size_t> column; ///< csv; none: the rows have no such column

    /// Rows say `argmax` in the place of a threshold where OpenMax's own rule decided.
    bool is_rule(std::string_view text) const { return name == "threshold" && text == "argmax"; }
};

/// Both places where the path of a row may stand.
std::optional<std::string> path_of(std::string_view text, std::string_view in_base64) {
    return in_base64.empty() ? std::string(text) : from_base64(in_base64);
}

/// A number, the whole text.
std::optional<double> number_of(std::string_view text) {
    double number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number = code == std::errc() && end == text.data() + text.size() && !std::isnan(number);
    return is_number ? std::optional(number) : std::nullopt;
}

/// The labels of `label:probability;...`. A label may hold both signs: one ends where a number stands between them.
std::vector<std::string> labels_of_list(std::string_view text) {
    std::vector<std::string> labels;
    for (std::size_t begin = 0, end = 0; end < text.size(); ++end) {
        end = std::min(text.find(';', end), text.size());
        const std::string_view entry = text.substr(begin, end - begin);
        const std::size_t colon = entry.rfind(':');
        if (colon == std::string_view::npos || !number_of(entry.substr(colon + 1))) continue;
        labels.emplace_back(entry.substr(0, colon));
        begin = end + 1;
    }
    return labels;
}

} // namespace

struct RowReader::State {
    State(std::istream& source, std::string source_name) : stream(source), name(std::move(source_name)) {
        const std::string_view first = ahead();
        if (first.empty() || first.starts_with('{')) return;
        if (!begins_like_rows(first)) {
            throw Error(ErrorKind::corrupt, name + ": begins with " + in_quotes(first.substr(0, 30)) +
                                                ", expected rows as openset infer writes them: jsonl or csv");
        }
        format = RowFormat::csv;
        if (take_record(header)) read_header();
    }

    /// Where in which file it happened.
    template <typename Read>
    auto told(Read read) const {
        try {
            return read();
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::too_large) refuse(std::string(error.what()) + "; this is no row");
            throw Error(error.kind(), name + ": " + error.what() + " in row " + place());
        }
    }

    std::string_view ahead() {
        return told([this] { return stream.ahead(); });
    }

    /// False: there is no whole record left.
    bool take_record(std::string& record) {
        const auto kind = format == RowFormat::csv ? RecordStream::Kind::csv : RecordStream::Kind::lines;
        if (!told([&] { return stream.take(kind, record, max_record_bytes); })) {
            torn_bytes = record.size();
            record.clear();
            return false;
        }
        whole_bytes += record.size();
        return true;
    }

    void read_header() {
        const std::string problem = csv.split(header);
        if (!problem.empty()) refuse(problem);
        const std::vector<std::string> names(csv.fields().begin(), csv.fields().end());
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
        if (auto object = CheckedValue(*json, "", problems).object("a row")) {
            read_members(*object, row);
            read_figures(*object, row);
        }
        problems.throw_if_any(ErrorKind::corrupt);
        return row;
    }

    /// The figures that are wanted, from the objects of the stages.
    void read_figures(CheckedObject& object, RowRecord& row) const {
        const auto member = [&object](const Figure& figure) {
            const auto stage = object.optional(figure.stage);
            auto members = stage ? stage->object() : std::nullopt;
            return members ? members->optional(figure.name) : std::nullopt;
        };
        for (const Figure& figure : numbers) {
            const auto value = member(figure);
            const bool is_rule = value && value->json().is_string() &&
                                 figure.is_rule(value->json().get_ref<const std::string&>());
            row.numbers.push_back(value && !is_rule ? number_in(*value) : std::nullopt);
        }
        for (const Figure& figure : texts) {
            const auto value = member(figure);
            row.texts.push_back(value ? value->text() : std::nullopt);
        }
        for (const Figure& figure : flags) {
            const auto value = member(figure);
            row.flags.push_back(value ? value->boolean() : std::nullopt);
        }
        for (const Figure& figure : lists) {
            const auto value = member(figure);
            row.lists.push_back(value ? labels_in(*value) : std::vector<std::string>());
        }
    }

    static std::vector<std::string> labels_in(const CheckedValue& value) {
        std::vector<std::string> labels;
        const auto entries = value.array("labels with their probabilities", 0);
        if (!entries) return labels;
        for (const CheckedValue& entry : *entries) {
            auto members = entry.object();
            const auto label = members ? members->required("label", "a label") : std::nullopt;
            const auto text = label ? label->text() : std::nullopt;
            if (text) labels.push_back(*text);
        }
        return labels;
    }

    static std::optional<double> number_in(const CheckedValue& value) {
        if (value.json() == "inf") return std::numeric_limits<double>::infinity();
        if (value.json() == "-inf") return -std::numeric_limits<double>::infinity();
        return value.number(std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max(),
                            "a number, \"inf\" or \"-inf\"");
    }

    /// The same from the columns of the stages; empty fields are of stages that did not run.
    void read_figures(const std::vector<std::string_view>& fields, RowRecord& row) const {
        for (const Figure& figure : numbers) {
            row.numbers.emplace_back();
            if (!figure.column || fields[*figure.column].empty()) continue;
            const std::string_view field = fields[*figure.column];
            if (figure.is_rule(field)) continue;
            row.numbers.back() = number_of(field);
            if (!row.numbers.back())
                refuse(figure.stage + "_" + figure.name + ": found " + in_quotes(field) + ", expected a number");
        }
        for (const Figure& figure : texts) {
            row.texts.emplace_back();
            if (figure.column && !fields[*figure.column].empty())
                row.texts.back() = std::string(fields[*figure.column]);
        }
        for (const Figure& figure : flags) {
            row.flags.emplace_back();
            if (!figure.column || fields[*figure.column].empty()) continue;
            const std::string_view field = fields[*figure.column];
            if (field != "true" && field != "false")
                refuse(figure.stage + "_" + figure.name + ": found " + in_quotes(field) + ", expected true or false");
            row.flags.back() = field == "true";
        }
        for (const Figure& figure : lists)
            row.lists.push_back(figure.column ? labels_of_list(fields[*figure.column]) : std::vector<std::string>());
    }

    std::vector<Figure> figures(const std::vector<std::string>& names) {
        std::vector<Figure> all;
        const std::string problem = csv.split(header);
        for (const std::string& full : names) {
            const auto dot = full.find('.');
            Figure figure{full.substr(0, dot), full.substr(dot + 1), std::nullopt};
            const auto found = std::ranges::find(csv.fields(), figure.stage + "_" + figure.name);
            if (found != csv.fields().end()) figure.column = static_cast<std::size_t>(found - csv.fields().begin());
            all.push_back(std::move(figure));
        }
        return all;
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

    RowRecord parse_csv_record(const std::string& record) {
        const std::string problem = csv.split(record);
        if (!problem.empty()) refuse(problem);
        const auto& fields = csv.fields();
        if (fields.size() != columns.count) {
            refuse("found " + std::to_string(fields.size()) + " fields, expected " + std::to_string(columns.count) +
                   " as in the header");
        }
        const auto checked = [&](std::size_t column, const std::vector<std::string>& choices, const char* expected) {
            if (std::ranges::find(choices, fields[column]) == choices.end())
                refuse("found " + in_quotes(fields[column]) + ", expected " + expected);
            return std::string(fields[column]);
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
            row.error_kind = std::string(fields[columns.error_kind]);
            if (row.error_kind->empty()) refuse("failed, but error_kind is empty");
        }
        read_figures(fields, row);
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
    RecordStream stream;
    CsvFields csv;
    std::string name;
    RowFormat format = RowFormat::jsonl;
    std::string header;
    Columns columns;
    std::vector<Figure> numbers, texts, flags, lists;
    std::int64_t rows = 0, lines = 0;
    std::uint64_t whole_bytes = 0, torn_bytes = 0;
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

void RowReader::want(const std::vector<std::string>& numbers, const std::vector<std::string>& texts,
                     const std::vector<std::string>& flags, const std::vector<std::string>& lists) {
    state_->numbers = state_->figures(numbers);
    state_->texts = state_->figures(texts);
    state_->flags = state_->figures(flags);
    state_->lists = state_->figures(lists);
}

RowFormat RowReader::format() const { return state_->format; }
const std::string& RowReader::header() const { return state_->header; }
std::int64_t RowReader::rows() const { return state_->rows; }
std::uint64_t RowReader::whole_bytes() const { return state_->whole_bytes; }
std::uint64_t RowReader::torn_bytes() const { return state_->torn_bytes; }

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
