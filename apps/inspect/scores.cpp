#include "inspect/scores.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>

#include "cli/text_file.hpp"
#include "inspect/text.hpp"
#include "openset/base/error.hpp"
#include "openset/base/printable.hpp"
#include "openset/cascade/chain_calibration.hpp"
#include "openset/io/number_text.hpp"
#include "openset/io/operating_point.hpp"
#include "openset/io/run_record.hpp"
#include "openset/io/score_reader.hpp"
#include "openset/io/score_run.hpp"
#include "openset/stats/activation.hpp"
#include "scores/rate_text.hpp"
#include "scores/unit.hpp"

namespace openset::inspect {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// JSON has no infinity: a string then, as in rows.
Json number_json(double value) {
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return value;
}

// ---- score files

struct ColumnFacts {
    std::string name;
    double smallest = 0, median = 0, largest = 0; ///< infinities among them
    std::int64_t infinite = 0;
};

struct ScoreFacts {
    std::int64_t rows = 0, labelled = 0, right = 0;
    std::vector<ColumnFacts> columns;
    std::optional<io::ScoreRun> run;
};

/// The lower one of two in the middle.
ColumnFacts facts_of(const std::string& name, std::vector<double> scores) {
    ColumnFacts facts;
    facts.name = name;
    if (scores.empty()) return facts;
    facts.infinite = std::ranges::count_if(scores, [](double score) { return std::isinf(score); });
    std::ranges::sort(scores);
    facts.smallest = scores.front();
    facts.median = scores[(scores.size() - 1) / 2];
    facts.largest = scores.back();
    return facts;
}

ScoreFacts facts_of(const fs::path& file) {
    io::LabelNames labels;
    const io::ScoreTable table = io::read_scores(file, {.methods = io::score_columns(file)}, labels);
    ScoreFacts facts;
    facts.rows = table.rows;
    for (std::size_t row = 0; row < table.label.size(); ++row) {
        if (table.label[row] < 0) continue;
        ++facts.labelled;
        facts.right += table.label[row] == table.predicted[row] ? 1 : 0;
    }
    for (std::size_t i = 0; i < table.methods.size(); ++i)
        facts.columns.push_back(facts_of(table.methods[i], table.scores[i]));
    facts.run = io::read_score_run(file);
    return facts;
}

std::string method_text(const io::ScoredMethod& method) {
    if (method.fitted_file.empty()) return method.method + ", needs no fit";
    return method.method + ", " + method.fitted_file + ", sha256 " + short_hash(method.fitted_sha256);
}

void print_run_lines(const io::ScoreRun& run) {
    print_line("store", run.store + ", identity " + short_hash(run.store_identity));
    print_line("network",
               run.model_name + (run.model_sha256.empty() ? "" : ", sha256 " + short_hash(run.model_sha256)));
    print_line("labels", std::to_string(run.labels.size()));
    print_line("made", "openset " + run.openset_version);
    std::vector<std::pair<std::string, std::string>> lines;
    for (const auto& [name, method] : run.columns) lines.emplace_back(name, method_text(method));
    print_line("scored by", std::to_string(lines.size()));
    print_block(lines);
}

void print_columns(const std::vector<ColumnFacts>& columns) {
    print_line("columns", std::to_string(columns.size()) + ", larger = more unknown");
    std::vector<std::vector<std::string>> lines = {{"score", "smallest", "median", "largest", "infinite"}};
    for (const ColumnFacts& column : columns) {
        lines.push_back({column.name, in_short(column.smallest), in_short(column.median), in_short(column.largest),
                         std::to_string(column.infinite)});
    }
    print_table(lines);
}

void print_text(const fs::path& file, const ScoreFacts& facts) {
    print_line("file", file.string() + ", " + bytes_text(fs::file_size(file)));
    print_line("kind", "scores");
    print_line("rows", std::to_string(facts.rows));
    print_line("with a label",
               std::to_string(facts.labelled) +
                   (facts.labelled > 0 ? ", rightly predicted " + share(facts.right, facts.labelled) : ""));
    print_columns(facts.columns);
    if (!facts.run) return print_line("run record", "none beside it");
    print_line("run record", io::run_record_path(file).filename().string());
    print_run_lines(*facts.run);
}

Json json_of(const fs::path& file, const ScoreFacts& facts) {
    Json columns = Json::object();
    for (const ColumnFacts& column : facts.columns) {
        columns[column.name] = {{"smallest", number_json(column.smallest)},
                                {"median", number_json(column.median)},
                                {"largest", number_json(column.largest)},
                                {"infinite", column.infinite}};
        if (facts.rows == 0) columns[column.name] = Json::object();
    }
    return {{"file", file.string()},        {"kind", "scores"},
            {"bytes", fs::file_size(file)}, {"rows", facts.rows},
            {"labelled", facts.labelled},   {"right", facts.right},
            {"columns", columns},           {"record", facts.run ? Json::parse(io::to_json(*facts.run)) : Json()}};
}

// ---- tables of sweep

struct SweepFacts {
    std::int64_t rows = 0;
    double smallest = 0, largest = 0;
    std::optional<double> best; ///< balanced accuracy
    double best_at = 0;
};

/// No field of such a table has quotes.
std::vector<std::string> fields_of(std::string line) {
    if (line.ends_with('\r')) line.pop_back();
    std::vector<std::string> fields(1);
    for (const char c : line) c == ',' ? static_cast<void>(fields.emplace_back()) : fields.back().push_back(c);
    return fields;
}

SweepFacts sweep_facts(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw Error(ErrorKind::unreadable, file.string() + ": cannot be opened: " + std::strerror(errno));
    std::string line;
    std::getline(stream, line);
    const auto header = fields_of(line);
    const auto balanced = static_cast<std::size_t>(std::ranges::find(header, "balanced_accuracy") - header.begin());
    SweepFacts facts;
    while (std::getline(stream, line)) {
        const auto fields = fields_of(line);
        double threshold = 0, value = 0;
        if (fields.size() != header.size() || !CLI::detail::lexical_cast(fields.front(), threshold)) {
            throw Error(ErrorKind::corrupt, file.string() + ": line " + std::to_string(facts.rows + 2) +
                                                " is not one of openset sweep, expected a threshold and its rates");
        }
        facts.smallest = facts.rows == 0 ? threshold : std::min(facts.smallest, threshold);
        facts.largest = facts.rows == 0 ? threshold : std::max(facts.largest, threshold);
        ++facts.rows;
        if (balanced == header.size() || !CLI::detail::lexical_cast(fields[balanced], value)) continue;
        if (facts.best && value <= *facts.best) continue;
        facts.best = value;
        facts.best_at = threshold;
    }
    if (stream.bad()) throw Error(ErrorKind::unreadable, file.string() + ": reading broke off");
    return facts;
}

// ---- operating points

/// A rate with its interval; empty for anything else.
std::string rate_text(const Json& value) {
    const bool is_rate = value.is_object() && value.contains("value") && value["value"].is_number() &&
                         value.contains("ci95") && value["ci95"].is_array() && value["ci95"].size() == 2 &&
                         value["ci95"][0].is_number() && value["ci95"][1].is_number();
    if (!is_rate) return "";
    return in_short(value["value"].get<double>()) + " (95 %: " + in_short(value["ci95"][0].get<double>()) + " to " +
           in_short(value["ci95"][1].get<double>()) + ")";
}

/// A file of scores that a threshold was chosen on; empty for anything else.
std::string scored_file_text(const Json& value) {
    if (!value.is_object() || !value.contains("file") || !value["file"].is_string()) return "";
    std::string text = value["file"].get<std::string>();
    if (value.contains("rows") && value["rows"].is_number_integer()) text += ", " + value["rows"].dump() + " rows";
    if (value.contains("sha256") && value["sha256"].is_string())
        text += ", sha256 " + short_hash(value["sha256"].get<std::string>());
    return text;
}

std::string value_text(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number_float()) return in_short(value.get<double>());
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (value.is_array()) {
        std::string text;
        for (const Json& each : value) text += (text.empty() ? "" : "; ") + value_text(each);
        return text;
    }
    const std::string told = rate_text(value) + scored_file_text(value);
    return told.empty() ? value.dump(-1, ' ', false, Json::error_handler_t::replace) : told;
}

void print_notes(const std::string& key, const std::string& json) {
    const Json notes = Json::parse(json);
    if (notes.empty()) return;
    std::vector<std::pair<std::string, std::string>> lines;
    for (const auto& [name, value] : notes.items()) lines.emplace_back(name, value_text(value));
    std::cout << key << "\n";
    print_block(lines);
}

std::string threshold_text(const io::OperatingPoint& point, double threshold) {
    std::string text = in_short(threshold);
    if (point.method == "openmax") text += ", p=" + in_short(stats::sigmoid(threshold));
    if (point.method == "openmax-notebook" && std::isfinite(threshold)) text += ", q=" + in_short(0 - threshold);
    return text;
}

} // namespace

void print_scores(const fs::path& file, const Wanted& wanted) {
    const ScoreFacts facts = facts_of(file);
    wanted.json ? print_json(json_of(file, facts)) : print_text(file, facts);
}

void print_sweep(const fs::path& file, const Wanted& wanted) {
    const SweepFacts facts = sweep_facts(file);
    if (wanted.json) {
        Json json{
            {"file", file.string()}, {"kind", "sweep"}, {"bytes", fs::file_size(file)}, {"thresholds", facts.rows}};
        if (facts.rows > 0) {
            json["smallest"] = number_json(facts.smallest);
            json["largest"] = number_json(facts.largest);
        }
        if (facts.best)
            json["best_balanced_accuracy"] = {{"threshold", number_json(facts.best_at)}, {"value", *facts.best}};
        return print_json(json);
    }
    print_line("file", file.string() + ", " + bytes_text(fs::file_size(file)));
    print_line("kind", "table of openset sweep");
    print_line("thresholds",
               std::to_string(facts.rows) +
                   (facts.rows > 0 ? ", from " + in_short(facts.smallest) + " to " + in_short(facts.largest) : ""));
    if (facts.best)
        print_line("best", "balanced accuracy " + in_short(*facts.best) + " at threshold " + in_short(facts.best_at));
}

void print_score_run(const fs::path& file, const Wanted& wanted) {
    const io::ScoreRun run =
        io::parse_score_run(cli::read_text_file(file.string(), "a record of openset score"), file.string());
    if (wanted.json) {
        return print_json(
            {{"file", file.string()}, {"kind", "score run record"}, {"record", Json::parse(io::to_json(run))}});
    }
    print_line("file", file.string());
    print_line("kind", "record of openset score");
    print_line("rows",
               std::to_string(run.rows) +
                   (run.failed > 0 ? ", and " + std::to_string(run.failed) + " failed pictures without scores" : ""));
    print_run_lines(run);
}

void print_operating_point(const fs::path& file, const Wanted& wanted) {
    const io::OperatingPoint point = io::read_operating_point(file);
    if (wanted.json) {
        return print_json({{"file", file.string()},
                           {"kind", "operating point"},
                           {"operating_point", Json::parse(io::to_json(point))}});
    }
    print_line("file", file.string());
    print_line("kind", "operating point");
    print_line("stage", point.stage);
    print_line("method", point.method);
    print_line("threshold", threshold_text(point, point.threshold) +
                                (point.threshold_by_label.empty() ? "" : " (labels without one of their own)") +
                                "; a larger score is rejected");
    std::vector<std::vector<std::string>> lines;
    for (const auto& [label, threshold] : point.threshold_by_label)
        lines.push_back({label, threshold_text(point, threshold)});
    const std::size_t count = lines.size(), shown = shown_of(count, wanted.all_labels);
    lines.resize(shown);
    print_table(lines);
    print_rest(shown, count);
    print_line("rule", point.rule);
    print_line("fitted", point.fitted_sha256.empty() ? "" : "sha256 " + short_hash(point.fitted_sha256));
    print_line("network", point.network_sha256.empty() ? "" : "sha256 " + short_hash(point.network_sha256));
    print_notes("measured", point.measured);
    print_notes("calibrated on", point.calibrated_on);
}

void print_calibration(const fs::path& file, const Wanted& wanted) {
    const io::Calibration calibration = io::read_calibration(file);
    if (wanted.json) {
        return print_json(
            {{"file", file.string()}, {"kind", "calibration"}, {"calibration", Json::parse(io::to_json(calibration))}});
    }
    print_line("file", file.string());
    print_line("kind", "calibration");
    print_line("budget", io::shortest(100 * calibration.budget) + " % of known pictures, of all stages together");
    const cascade::ChainCalibration chain(calibration);
    const auto points = chain.operating_points(calibration.budget);
    for (const io::StageCalibration& stage : calibration.stages) {
        std::size_t rows = stage.scores.size();
        for (const auto& [label, scores] : stage.scores_by_label) rows += scores.size();
        print_line(std::string(to_string(stage.stage)),
                   "rejects where " + scores::rule_text(points.at(stage.stage)) + ", among " +
                       scores::rows_text(static_cast<std::int64_t>(rows), "known") +
                       (stage.scores_by_label.empty()
                            ? ""
                            : ", ranked by predicted label for " + std::to_string(stage.scores_by_label.size()) +
                                  (stage.scores_by_label.size() == 1 ? " label" : " labels")) +
                       (stage.fitted_sha256.empty() ? "" : "; fitted file sha256 " + short_hash(stage.fitted_sha256)) +
                       (stage.network_sha256.empty() ? "" : "; network sha256 " + short_hash(stage.network_sha256)));
    }
    if (calibration.least_shares)
        print_line("ranked",
                   "the least share of " +
                       scores::rows_text(static_cast<std::int64_t>(calibration.least_shares->size()), "further known"));
    print_notes("measured", calibration.measured);
    print_notes("calibrated on", calibration.calibrated_on);
}

} // namespace openset::inspect
