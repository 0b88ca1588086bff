#include "openset/io/row_writer.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "io/csv.hpp"
#include "openset/base/printable.hpp"
#include "openset/io/number_text.hpp"
#include "openset/io/text_encoding.hpp"

namespace openset::io {
namespace {

std::string quoted(const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Builds one JSON object. nlohmann's dump() would print a float32 as the double it converts to.
class ObjectText {
public:
    ObjectText& text(const char* key, const std::string& value) { return raw(key, quoted(value)); }
    ObjectText& number(const char* key, double value) { return raw(key, shortest(value)); }
    ObjectText& number(const char* key, float value) { return raw(key, shortest(value)); }
    ObjectText& integer(const char* key, int value) { return raw(key, std::to_string(value)); }
    ObjectText& boolean(const char* key, bool value) { return raw(key, value ? "true" : "false"); }

    ObjectText& raw(const char* key, const std::string& value) {
        text_ += (text_.empty() ? "\"" : ", \"") + std::string(key) + "\": " + value;
        return *this;
    }

    std::string str() const { return "{" + text_ + "}"; }

private:
    std::string text_;
};

ObjectText& add_label(ObjectText& object, const LabelProbability& entry) {
    return object.integer("id", entry.id).text("label", entry.label).number("probability", entry.probability);
}

std::string list_text(const std::vector<LabelProbability>& entries) {
    std::string text;
    for (const LabelProbability& entry : entries) {
        ObjectText object;
        text += (text.empty() ? "" : ", ") + add_label(object, entry).str();
    }
    return "[" + text + "]";
}

std::string gate_text(const GateFigures& gate) {
    ObjectText object;
    add_label(object, gate.likeliest).number("mass", gate.mass).integer("rank", gate.rank).boolean("pass", gate.pass);
    return object.str();
}

std::string species_text(const SpeciesFigures& species) {
    ObjectText object;
    return add_label(object, species.likeliest).boolean("pass", species.pass).str();
}

std::string classifier_text(const ClassifierFigures& classifier) {
    ObjectText object;
    add_label(object, classifier.likeliest).number("max_logit", classifier.max_logit);
    if (classifier.labels) object.raw("labels", list_text(*classifier.labels));
    if (!classifier.top.empty()) object.raw("top", list_text(classifier.top));
    return object.str();
}

/// JSON has no infinities; csv writes them bare.
std::string number_or_infinity(double value) {
    return std::isinf(value) ? "\"" + shortest(value) + "\"" : shortest(value);
}

/// The rule by its threshold, or by its name where it has none.
std::string threshold_text(const UnknownFigures& unknown) {
    return unknown.threshold ? shortest(*unknown.threshold) : "argmax";
}

std::string unknown_text(const UnknownFigures& unknown) {
    ObjectText object;
    object.text("method", unknown.method).raw("score", number_or_infinity(unknown.score));
    if (unknown.p_unknown) object.number("p_unknown", *unknown.p_unknown);
    object.raw("threshold", unknown.threshold ? number_or_infinity(*unknown.threshold) : quoted("argmax"));
    object.boolean("pass", unknown.pass);
    if (unknown.p_value) object.number("p_value", *unknown.p_value);
    return object.str();
}

class JsonLinesWriter : public RowWriter {
public:
    explicit JsonLinesWriter(ByteSink& sink) : sink_(sink) {}
    void write(const Row& row) override { sink_.write(to_json_line(row) + "\n"); }
    void finish(const RowCounts&) override {}

private:
    ByteSink& sink_;
};

std::string csv_list(const std::vector<LabelProbability>& entries) {
    std::string text;
    for (const LabelProbability& entry : entries) {
        text += (text.empty() ? "" : ";") + entry.label + ":" + shortest(entry.probability);
    }
    return text;
}

/// One column: its name and what a row has there (empty where it has nothing).
struct CsvColumn {
    std::string name;
    std::function<std::string(const Row&)> text;
};

template <typename Figures>
void add_label_columns(std::vector<CsvColumn>& columns, const std::string& stage,
                       std::optional<Figures> Row::*figures) {
    const auto column = [&](const char* name, auto text_of) {
        columns.push_back({stage + "_" + name, [figures, text_of](const Row& row) {
                               return row.*figures ? text_of(*(row.*figures)) : std::string();
                           }});
    };
    column("id", [](const Figures& stage_figures) { return std::to_string(stage_figures.likeliest.id); });
    column("label", [](const Figures& stage_figures) { return stage_figures.likeliest.label; });
    column("probability", [](const Figures& stage_figures) { return shortest(stage_figures.likeliest.probability); });
    if constexpr (requires(const Figures& f) { f.mass; }) {
        column("mass", [](const Figures& gate) { return shortest(gate.mass); });
        column("rank", [](const Figures& gate) { return std::to_string(gate.rank); });
    }
    if constexpr (requires(const Figures& f) { f.pass; }) {
        column("pass", [](const Figures& stage_figures) { return std::string(stage_figures.pass ? "true" : "false"); });
    }
}

void add_unknown_columns(std::vector<CsvColumn>& columns, bool p_values) {
    const auto column = [&](const char* name, auto text_of) {
        columns.push_back({std::string("unknown_") + name,
                           [text_of](const Row& row) { return row.unknown ? text_of(*row.unknown) : std::string(); }});
    };
    column("method", [](const UnknownFigures& unknown) { return unknown.method; });
    column("score", [](const UnknownFigures& unknown) { return shortest(unknown.score); });
    column("p_unknown", [](const UnknownFigures& unknown) {
        return unknown.p_unknown ? shortest(*unknown.p_unknown) : std::string();
    });
    column("threshold", threshold_text);
    column("pass", [](const UnknownFigures& unknown) { return std::string(unknown.pass ? "true" : "false"); });
    if (!p_values) return;
    column("p_value",
           [](const UnknownFigures& unknown) { return unknown.p_value ? shortest(*unknown.p_value) : std::string(); });
}

std::vector<CsvColumn> csv_columns(const RowLayout& layout) {
    std::vector<CsvColumn> columns = {
        {"path", [](const Row& row) { return is_utf8(row.path) ? row.path : std::string(); }},
        {"verdict", [](const Row& row) { return row.verdict.label; }},
        {"outcome", [](const Row& row) { return std::string(to_string(row.verdict.outcome)); }},
        {"decided_by", [](const Row& row) { return std::string(decided_by(row.verdict)); }},
        {"error_kind", [](const Row& row) { return row.failure ? row.failure->kind : std::string(); }},
        {"error_message", [](const Row& row) { return row.failure ? row.failure->message : std::string(); }},
        {"probability",
         [](const Row& row) { return row.verdict.probability ? shortest(*row.verdict.probability) : std::string(); }},
    };
    if (layout.gate) add_label_columns(columns, "gate", &Row::gate);
    if (layout.species) add_label_columns(columns, "species", &Row::species);
    add_label_columns(columns, "classifier", &Row::classifier);
    columns.push_back({"classifier_max_logit", [](const Row& row) {
                           return row.classifier ? shortest(row.classifier->max_logit) : std::string();
                       }});
    if (layout.multi_label) {
        columns.push_back({"classifier_labels", [](const Row& row) {
                               return row.classifier && row.classifier->labels ? csv_list(*row.classifier->labels)
                                                                               : std::string();
                           }});
    }
    columns.push_back({"classifier_top",
                       [](const Row& row) { return row.classifier ? csv_list(row.classifier->top) : std::string(); }});
    if (layout.unknown) add_unknown_columns(columns, layout.p_values);
    columns.push_back({"path_base64", [](const Row& row) { return is_utf8(row.path) ? "" : base64(row.path); }});
    return columns;
}

template <typename TextOf>
std::string csv_line(const std::vector<CsvColumn>& columns, TextOf text_of) {
    std::string line;
    for (const CsvColumn& column : columns) {
        if (&column != &columns.front()) line += ",";
        line += csv_field(text_of(column));
    }
    return line + "\r\n";
}

class CsvWriter : public RowWriter {
public:
    CsvWriter(ByteSink& sink, const RowLayout& layout) : sink_(sink), columns_(csv_columns(layout)) {
        if (!layout.continued) sink_.write(row_header(RowFormat::csv, layout));
    }
    void write(const Row& row) override {
        sink_.write(csv_line(columns_, [&row](const CsvColumn& column) { return column.text(row); }));
    }
    void finish(const RowCounts&) override {}

private:
    ByteSink& sink_;
    std::vector<CsvColumn> columns_;
};

class TableWriter : public RowWriter {
public:
    TableWriter(ByteSink& sink, const RowLayout& layout) : sink_(sink), colour_(layout.colour) {
        sink_.write(padded("VERDICT", 24) + padded("PROB", 7) + padded("DECIDED BY", 12) + "PATH\n");
    }

    void write(const Row& row) override {
        const std::string probability = row.verdict.probability ? percent(*row.verdict.probability) : "";
        std::string line = coloured(padded(printable(row.verdict.label), 24), row.verdict.outcome) +
                           padded(probability, 7) + padded(std::string(decided_by(row.verdict)), 12) +
                           printable(row.path);
        const std::string why = reason(row);
        if (!why.empty()) line += "  (" + why + ")";
        sink_.write(line + "\n");
    }

    void finish(const RowCounts& counts) override {
        std::string line = "\n" + std::to_string(counts.total()) +
                           (counts.total() == 1 ? " picture: " : " pictures: ") + std::to_string(counts.known) +
                           " known, " + std::to_string(counts.unknown) + " unknown, " + std::to_string(counts.failed) +
                           " failed";
        std::string where;
        for (const auto& [stage, count] : counts.decided_by)
            where += (where.empty() ? "" : ", ") + stage + " " + std::to_string(count);
        if (!where.empty()) line += "   (decided by: " + where + ")";
        sink_.write(line + "\n");
    }

private:
    static std::string padded(std::string text, std::size_t width) {
        text.resize(std::max(text.size() + 1, width), ' ');
        return text;
    }

    static std::string percent(double probability) {
        // 99.96 % must not read as certainty.
        const double tenths = (probability < 1 ? std::min(std::round(probability * 1000), 999.0) : 1000.0) / 10;
        const std::string text = shortest(tenths);
        return text + (text.find('.') == std::string::npos ? ".0 %" : " %");
    }

    static std::string reason(const Row& row) {
        if (row.failure) return row.failure->kind + ": " + printable(row.failure->message);
        if (row.verdict.outcome != Outcome::unknown || !row.verdict.decided_by) return "";
        const auto likeliest = [](const LabelProbability& entry) {
            return "looks like " + printable(entry.label) + ", " + percent(entry.probability);
        };
        switch (*row.verdict.decided_by) {
        case Stage::gate: return row.gate ? likeliest(row.gate->likeliest) : "";
        case Stage::species: return row.species ? likeliest(row.species->likeliest) : "";
        case Stage::classifier:
        case Stage::unknown: return row.classifier ? likeliest(row.classifier->likeliest) : "";
        }
        return "";
    }

    std::string coloured(const std::string& text, Outcome outcome) const {
        if (!colour_) return text;
        const char* code = outcome == Outcome::known     ? "\x1b[32m"
                           : outcome == Outcome::unknown ? "\x1b[33m"
                                                         : "\x1b[31m";
        return code + text + "\x1b[0m";
    }

    ByteSink& sink_;
    bool colour_;
};

} // namespace

std::string_view decided_by(const Verdict& verdict) {
    return verdict.decided_by ? to_string(*verdict.decided_by) : "decode";
}

void RowCounts::add(const Row& row) { add(row.verdict.outcome, std::string(io::decided_by(row.verdict))); }

void RowCounts::add(Outcome outcome, const std::string& by) {
    switch (outcome) {
    case Outcome::known: ++known; break;
    case Outcome::unknown: ++unknown; break;
    case Outcome::failed: ++failed; break;
    }
    ++decided_by[by];
}

std::string_view to_string(RowFormat format) {
    switch (format) {
    case RowFormat::jsonl: return "jsonl";
    case RowFormat::csv: return "csv";
    case RowFormat::table: return "table";
    }
    return "";
}

bool ending_fits(const std::filesystem::path& file, RowFormat format) {
    const std::string ending = file.extension().string();
    return ending.empty() || ending == "." + std::string(to_string(format)) ||
           (format == RowFormat::jsonl && ending == ".ndjson") ||
           (format == RowFormat::table && ending != ".jsonl" && ending != ".csv");
}

std::string row_header(RowFormat format, const RowLayout& layout) {
    if (format != RowFormat::csv) return "";
    return csv_line(csv_columns(layout), [](const CsvColumn& column) { return column.name; });
}

std::string to_json_line(const Row& row) {
    ObjectText object;
    if (is_utf8(row.path)) {
        object.text("path", row.path);
    } else {
        object.text("path_base64", base64(row.path));
    }
    object.text("verdict", row.verdict.label)
        .text("outcome", std::string(to_string(row.verdict.outcome)))
        .text("decided_by", std::string(decided_by(row.verdict)));
    if (row.failure) {
        ObjectText failure;
        object.raw("error", failure.text("kind", row.failure->kind).text("message", row.failure->message).str());
    }
    if (row.verdict.probability) object.number("probability", *row.verdict.probability);
    if (row.gate) object.raw("gate", gate_text(*row.gate));
    if (row.species) object.raw("species", species_text(*row.species));
    if (row.classifier) object.raw("classifier", classifier_text(*row.classifier));
    if (row.unknown) object.raw("unknown", unknown_text(*row.unknown));
    return object.str();
}

std::unique_ptr<RowWriter> make_row_writer(RowFormat format, ByteSink& sink, const RowLayout& layout) {
    switch (format) {
    case RowFormat::jsonl: return std::make_unique<JsonLinesWriter>(sink);
    case RowFormat::csv: return std::make_unique<CsvWriter>(sink, layout);
    case RowFormat::table: return std::make_unique<TableWriter>(sink, layout);
    }
    return nullptr;
}

} // namespace openset::io
