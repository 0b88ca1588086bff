#include "eval/output.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "openset/base/printable.hpp"
#include "openset/io/csv_field.hpp"
#include "openset/io/number_text.hpp"
#include "scores/rate_text.hpp"

namespace openset::eval {
namespace {

using Json = nlohmann::ordered_json;

// ---- for people

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

std::string right(const std::string& text, std::size_t width) {
    return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

std::string number(const std::optional<double>& value, const char* format = "%.4f") {
    if (!value) return "-";
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), format, *value);
    return text.data();
}

std::string interval_text(const std::optional<stats::Interval>& interval) {
    return interval ? "[" + number(interval->lower) + ", " + number(interval->upper) + "]" : "";
}

std::string metric_lines(const Result& result) {
    std::string text;
    for (std::size_t m = 0; m < metrics().size(); ++m) {
        const MetricInfo& info = metrics()[m];
        text += "  " + padded(info.name, 23) + right(number(result.measured.values[m]), 7) + "  " +
                padded(interval_text(result.measured.intervals[m]), 18) + info.meaning + "\n";
    }
    return text;
}

std::string per_class_lines(const Result& result) {
    std::string text =
        "\n  rows predicted as each class: known and unknown ones, the share of unknown rows that it "
        "attracts, AUROC of\n  the score and of the class's W-score among them, Youden's W-score (unknown "
        "above it) with F1 of unknown there,\n  median W-score of known and unknown\n  ";
    for (const char* title : {"known", "unknown", "share", "auroc", "w auroc", "cut-off", "F1", "w known", "w unknown"})
        text += right(title, 10);
    text += "  class\n";
    for (const PerClass& one : result.per_class) {
        text += "  " + right(std::to_string(one.known), 10) + right(std::to_string(one.unknown), 10) +
                right(number(one.attracted), 10);
        for (const auto& value :
             {one.score_auroc, one.w_auroc, one.cut_off, one.cut_off_f1, one.median_w_known, one.median_w_unknown})
            text += right(number(value), 10);
        text += "  " + printable(one.label) + "\n";
    }
    return text;
}

std::string confusion_lines(const Confusion& confusion) {
    std::string text = "\n  confusion: a line a truth, a column a verdict, in the same order\n";
    std::size_t width = 0;
    for (const std::int64_t cell : confusion.cells) width = std::max(width, std::to_string(cell).size() + 1);
    for (std::size_t row = 0; row < confusion.names.size(); ++row) {
        text += "  ";
        for (std::size_t column = 0; column < confusion.names.size(); ++column)
            text += right(std::to_string(confusion.cells[row * confusion.names.size() + column]), width);
        text += "  " + printable(confusion.names[row]) + "\n";
    }
    return text;
}

std::string report_lines(const std::vector<ReportLine>& report) {
    std::string text = "\n  ";
    for (const char* title : {"precision", "recall", "f1", "support"}) text += right(title, 10);
    text += "\n";
    for (const ReportLine& line : report) {
        text += "  " + right(number(line.figures.precision), 10) + right(number(line.figures.recall), 10) +
                right(number(line.figures.f1), 10) + right(std::to_string(line.figures.support), 10) + "  " +
                printable(line.name) + "\n";
    }
    return text;
}

std::string heading(const scores::Inputs& inputs, const Result& result) {
    std::string text = result.column;
    if (result.method != result.column) text += " (" + result.method + ")";
    if (!result.unknown.empty()) text += " against " + printable(result.unknown);
    text += ": " + scores::rows_text(result.known_rows, "known") + " (" + printable(inputs.known.file.path.string()) +
            "), " + scores::rows_text(result.unknown_rows, "unknown");
    return text + "\n";
}

std::string block(const scores::Inputs& inputs, const Result& result) {
    std::string text = heading(inputs, result);
    text += "  threshold: " +
            (result.threshold ? "unknown where " + scores::Unit(result.method).rule(*result.threshold) + ", " : "") +
            (result.threshold_from == "youden" ? "Youden's point of these very rows; choose one on others with openset "
                                                 "sweep --pick"
                                               : result.threshold_from) +
            "\n";
    text += metric_lines(result);
    if (result.unknown_f1_by_argmax) {
        text += "  " + padded("unknown_f1_by_argmax", 23) + right(number(result.unknown_f1_by_argmax), 7) + "  " +
                padded("", 18) + "F1 of unknown by OpenMax's own rule, beside unknown_f1 at the threshold\n";
    }
    if (!result.openness_counting.empty()) text += "  openness: " + result.openness_counting + "\n";
    if (!result.per_class.empty()) text += per_class_lines(result);
    if (!result.report.empty()) text += report_lines(result.report);
    if (result.confusion) text += confusion_lines(*result.confusion);
    return text;
}

// ---- for programs

Json number_json(const std::optional<double>& value) {
    if (!value) return nullptr;
    if (std::isinf(*value)) return *value > 0 ? "inf" : "-inf";
    return *value;
}

Json per_class_json(const std::vector<PerClass>& classes) {
    Json json = Json::array();
    for (const PerClass& one : classes) {
        json.push_back({{"label", one.label},
                        {"known", one.known},
                        {"unknown", one.unknown},
                        {"share_of_unknown", one.attracted},
                        {"auroc", number_json(one.score_auroc)},
                        {"w_auroc", number_json(one.w_auroc)},
                        {"w_cut_off", number_json(one.cut_off)},
                        {"f1_at_cut_off", number_json(one.cut_off_f1)},
                        {"median_w_known", number_json(one.median_w_known)},
                        {"median_w_unknown", number_json(one.median_w_unknown)}});
    }
    return json;
}

Json confusion_json(const Confusion& confusion) {
    Json rows = Json::array();
    const std::size_t width = confusion.names.size();
    for (std::size_t row = 0; row < width; ++row) {
        const auto begin = confusion.cells.begin() + static_cast<std::ptrdiff_t>(row * width);
        rows.push_back(std::vector<std::int64_t>(begin, begin + static_cast<std::ptrdiff_t>(width)));
    }
    return {{"labels", confusion.names}, {"truth_by_verdict", rows}};
}

Json report_json(const std::vector<ReportLine>& report) {
    Json json = Json::array();
    for (const auto& [name, figures] : report) {
        json.push_back({{"name", name},
                        {"precision", number_json(figures.precision)},
                        {"recall", number_json(figures.recall)},
                        {"f1", number_json(figures.f1)},
                        {"support", figures.support}});
    }
    return json;
}

Json result_json(const Result& result) {
    const scores::Unit unit(result.method);
    Json json = {{"method", result.method}, {"column", result.column}};
    json["unknown"] = result.unknown.empty() ? Json() : Json(result.unknown);
    json["n_known"] = result.known_rows;
    json["n_unknown"] = result.unknown_rows;
    json["threshold"] = number_json(result.threshold ? std::optional(unit.shown(*result.threshold)) : std::nullopt);
    json["threshold_from"] = result.threshold_from;
    Json intervals = Json::object();
    for (std::size_t m = 0; m < metrics().size(); ++m) {
        json[metrics()[m].name] = number_json(result.measured.values[m]);
        if (const auto& interval = result.measured.intervals[m])
            intervals[metrics()[m].name] = {interval->lower, interval->upper};
    }
    json["unknown_f1_by_argmax"] = number_json(result.unknown_f1_by_argmax);
    json["openness_counting"] = result.openness_counting;
    json["ci95"] = intervals;
    if (!result.per_class.empty()) json["per_class"] = per_class_json(result.per_class);
    if (!result.report.empty()) json["report"] = report_json(result.report);
    if (result.confusion) json["confusion"] = confusion_json(*result.confusion);
    if (!result.diagnoses.empty()) json["diagnoses"] = result.diagnoses;
    return json;
}

std::string csv_number(const std::optional<double>& value) { return value ? io::shortest(*value) : ""; }

/// Whether any result has an interval there: then the columns are there.
bool has_interval(const std::vector<Result>& results, std::size_t metric) {
    return std::ranges::any_of(results,
                               [&](const Result& result) { return result.measured.intervals[metric].has_value(); });
}

} // namespace

std::string table_text(const scores::Inputs& inputs, const std::vector<Result>& results, const Wanted& wanted) {
    std::string text;
    for (const Result& result : results) text += block(inputs, result) + "\n";
    text += "intervals: 95 %, ";
    if (wanted.bootstrap.resamples == 0)
        return text + "Clopper-Pearson, of rates, the threshold taken as given; --bootstrap 1000 gives all\n";
    return text + "percentiles of " + std::to_string(wanted.bootstrap.resamples) +
           " resamples (known and unknown rows apart), --seed " + std::to_string(wanted.bootstrap.seed) + "\n";
}

std::string json_text(const scores::Inputs& inputs, const std::vector<Result>& results, const Wanted& wanted) {
    Json json = {{"format", "openset-eval/1"}, {"known", inputs.known.file.path.string()}};
    Json unknown = Json::object();
    for (const scores::Side& side : inputs.unknown) unknown[side.file.name] = side.file.path.string();
    json["unknown"] = unknown;
    Json bootstrap;
    if (wanted.bootstrap.resamples > 0)
        bootstrap = {{"resamples", wanted.bootstrap.resamples}, {"seed", wanted.bootstrap.seed}};
    json["bootstrap"] = bootstrap;
    json["results"] = Json::array();
    for (const Result& result : results) json["results"].push_back(result_json(result));
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string csv_text(const std::vector<Result>& results) {
    std::string text = "method,column,unknown,n_known,n_unknown,threshold,threshold_from";
    for (std::size_t m = 0; m < metrics().size(); ++m) {
        const std::string name = metrics()[m].name;
        text += "," + name;
        if (has_interval(results, m)) text += "," + name + "_low," + name + "_high";
    }
    text += ",unknown_f1_by_argmax\r\n";
    for (const Result& result : results) {
        const auto& [values, intervals] = result.measured;
        text += io::csv_field(result.method) + "," + io::csv_field(result.column) + "," +
                io::csv_field(result.unknown) + "," + std::to_string(result.known_rows) + "," +
                std::to_string(result.unknown_rows) + ",";
        if (result.threshold) text += io::shortest(scores::Unit(result.method).shown(*result.threshold));
        text += "," + io::csv_field(result.threshold_from);
        for (std::size_t m = 0; m < values.size(); ++m) {
            text += "," + csv_number(values[m]);
            if (!has_interval(results, m)) continue;
            text +=
                intervals[m] ? "," + io::shortest(intervals[m]->lower) + "," + io::shortest(intervals[m]->upper) : ",,";
        }
        text += "," + csv_number(result.unknown_f1_by_argmax) + "\r\n";
    }
    return text;
}

bool begins_like_metrics(std::string_view head) {
    const bool is_table =
        head.find(": ") != std::string_view::npos && head.find(" known row") != std::string_view::npos;
    return head.find("\"openset-eval/") != std::string_view::npos || head.starts_with("method,column,unknown,") ||
           is_table;
}

} // namespace openset::eval
