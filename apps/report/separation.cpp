#include "report/separation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>

#include "eval/output.hpp"
#include "openset/io/csv_field.hpp"
#include "openset/io/number_text.hpp"
#include "openset/stats/reliability.hpp"
#include "openset/stats/thresholds.hpp"

namespace openset::report {
namespace {

using charts::Chart;
using charts::Series;
using charts::Style;

constexpr std::size_t curve_points = 300;     ///< no more than a picture shows
constexpr std::size_t sets_with_charts = 4;   ///< of their own
constexpr std::size_t sets_beside_others = 3; ///< in one table: as many as a printed page is wide

/// The sets of unknown rows, each ranked against the known ones.
struct Ranked {
    std::string name; ///< of the set; empty: known rows alone
    stats::RankedRows rows;
    stats::ThresholdSweep sweep;
};

std::vector<Ranked> ranked(const scores::Inputs& inputs) {
    std::vector<Ranked> all;
    const auto add = [&](const std::string& name, const std::vector<std::size_t>& sets) {
        const scores::Contest contest(inputs, 0, sets);
        stats::RankedRows rows(contest.rows());
        stats::ThresholdSweep sweep = stats::sweep_thresholds(rows);
        all.push_back({name, std::move(rows), std::move(sweep)});
    };
    for (std::size_t i = 0; i < inputs.unknown.size(); ++i) add(inputs.unknown[i].file.name, {i});
    if (inputs.unknown.empty()) add("", {});
    return all;
}

std::string method_of(const Separation& separation) { return separation.inputs.methods().front(); }

/// Whose score it is.
std::string judge_of(const Separation& separation) {
    const char* who = separation.inputs.stage == io::Stage::gate      ? "gate's figure "
                      : separation.inputs.stage == io::Stage::species ? "species filter's figure "
                                                                      : "detector ";
    return who + method_of(separation);
}

int colour_of(std::size_t set) { return charts::unknown_colour + static_cast<int>(set); }

/// A curve over the thresholds of a sweep, from the strictest to the mildest.
Series curve(const Ranked& one, const std::string& name, int colour,
             const std::function<std::optional<double>(const stats::ThresholdPoint&)>& x,
             const std::function<std::optional<double>(const stats::ThresholdPoint&)>& y) {
    Series series{name, Style::line, {}, {}, colour};
    for (const stats::ThresholdPoint& point : stats::thin(one.sweep.points, curve_points)) {
        const auto px = x(point), py = y(point);
        if (!px || !py) continue;
        series.x.push_back(*px);
        series.y.push_back(*py);
    }
    return series;
}

std::string with_figure(const std::string& name, const char* what, const std::optional<double>& figure) {
    return figure ? name + ", " + what + charts::formatted(" %.3f", *figure) : name;
}

std::optional<double> metric(const eval::Result& result, const std::string& name) {
    const auto& infos = eval::metrics();
    for (std::size_t i = 0; i < infos.size(); ++i)
        if (infos[i].name == name) return result.measured.values[i];
    return std::nullopt;
}

std::optional<stats::Interval> interval_of(const eval::Result& result, const std::string& name) {
    const auto& infos = eval::metrics();
    for (std::size_t i = 0; i < infos.size(); ++i)
        if (infos[i].name == name) return result.measured.intervals[i];
    return std::nullopt;
}

// ---- figures of the ranking

Figure roc(const Separation& separation, const std::vector<Ranked>& sets) {
    Chart chart{
        "ROC curve", {"known pictures rejected", {0, 1}, true}, {"unknown pictures rejected", {0, 1}, true}, {}};
    for (std::size_t i = 0; i < sets.size(); ++i) {
        const stats::ThresholdSweep& sweep = sets[i].sweep;
        chart.series.push_back(curve(
            sets[i], with_figure(sets[i].name, "AUROC", metric(separation.results[i], "auroc")), colour_of(i),
            [&](const auto& point) -> std::optional<double> {
                const auto accepted = sweep.known_acceptance(point);
                return accepted ? std::optional(1 - *accepted) : std::nullopt;
            },
            [&](const auto& point) { return sweep.unknown_rejection(point); }));
    }
    chart.diagonal = true;
    return {"roc", chart.title,
            "What rejecting the unknown costs in known pictures. The further to the upper left, the better; the thin "
            "line is "
            "chance.",
            draw(chart), csv_of(chart)};
}

Figure precision_recall(const Separation& separation, const std::vector<Ranked>& sets) {
    Chart chart{"Precision and recall",
                {"recall: unknown pictures rejected", {0, 1}, true},
                {"precision: unknown among the rejected", {0, 1}, true},
                {}};
    for (std::size_t i = 0; i < sets.size(); ++i) {
        const stats::ThresholdSweep& sweep = sets[i].sweep;
        chart.series.push_back(curve(
            sets[i], with_figure(sets[i].name, "AUPR", metric(separation.results[i], "aupr_out")), colour_of(i),
            [&](const auto& point) { return sweep.unknown_rejection(point); },
            [&](const auto& point) -> std::optional<double> {
                const std::int64_t rejected = point.unknown_rejected + sweep.known_rows - point.known_accepted;
                if (rejected == 0) return std::nullopt;
                return static_cast<double>(point.unknown_rejected) / static_cast<double>(rejected);
            }));
    }
    return {"precision-recall", chart.title,
            "Of what is rejected, how much is really unknown? Unknown counts as positive.", draw(chart), csv_of(chart)};
}

/// Where nearly all finite scores lie.
charts::Range shown_range(const scores::Inputs& inputs, const std::optional<double>& threshold) {
    std::vector<double> finite;
    const auto add = [&](const std::vector<double>& scores) {
        std::ranges::copy_if(scores, std::back_inserter(finite), [](double score) { return std::isfinite(score); });
    };
    add(inputs.known.table.scores[0]);
    for (const scores::Side& side : inputs.unknown) add(side.table.scores[0]);
    if (finite.empty()) return {};
    std::ranges::sort(finite);
    const std::size_t out = (finite.size() - 1) / 200;
    std::vector<double> ends = {finite[out], finite[finite.size() - 1 - out]};
    if (threshold && std::isfinite(*threshold)) ends.push_back(*threshold);
    return charts::range_around(ends);
}

bool chose_threshold_itself(const eval::Result& result) { return result.threshold_from == "youden"; }

bool has_thresholds_by_label(const Separation& separation) {
    return separation.point && !separation.point->threshold_by_label.empty();
}

/// None where labels have thresholds of their own: no line in a chart stands for all of them.
std::optional<double> threshold_of_all(const Separation& separation, const eval::Result& result) {
    return has_thresholds_by_label(separation) ? std::nullopt : result.threshold;
}

/// As it is written for people, in the method's unit.
struct Shown {
    scores::Unit unit;
    charts::Range range;
    std::optional<charts::Mark> mark;

    Shown(const Separation& separation, const eval::Result& result) : unit(result.method) {
        const std::optional<double> threshold = threshold_of_all(separation, result);
        const charts::Range scores = shown_range(separation.inputs, threshold);
        range = {std::min(unit.shown(scores.low), unit.shown(scores.high)),
                 std::max(unit.shown(scores.low), unit.shown(scores.high))};
        if (threshold && std::isfinite(*threshold))
            mark = {unit.shown(*threshold), "unknown where " + unit.rule_in_short(*threshold)};
    }
    std::string axis(const std::string& method) const {
        return method + (unit.falling() ? " confidence q (smaller: more unknown)" : " score (larger: more unknown)");
    }
    std::vector<double> values(const std::vector<double>& scores) const {
        std::vector<double> shown;
        for (const double score : scores) shown.push_back(unit.shown(score));
        return shown;
    }
};

Figure histogram(const Separation& separation, std::size_t set) {
    const scores::Inputs& inputs = separation.inputs;
    const eval::Result& result = separation.results[set];
    const Shown shown(separation, result);
    Chart chart{"Scores of known and unknown pictures",
                {shown.axis(method_of(separation)), shown.range},
                {"share of each side's pictures", {}, true},
                {}};
    chart.series.push_back(
        charts::histogram("known", shown.values(inputs.known.table.scores[0]), shown.range, 36, charts::known_colour));
    if (set < inputs.unknown.size()) {
        const scores::Side& side = inputs.unknown[set];
        chart.series.push_back(
            charts::histogram(side.file.name, shown.values(side.table.scores[0]), shown.range, 36, colour_of(set)));
        if (separation.results.size() > 1) chart.title = "Scores: known against " + side.file.name;
    }
    double highest = 0;
    for (const Series& series : chart.series) highest = std::max(highest, *std::ranges::max_element(series.y));
    chart.y.range = {0, highest > 0 ? 1.08 * highest : 1};
    if (shown.mark) chart.marks.push_back(*shown.mark);
    return {"scores" + (separation.results.size() > 1 ? "-" + std::to_string(set + 1) : ""), chart.title,
            "The less the two overlap, the better. Scores beyond the ends count in the outermost bars.", draw(chart),
            csv_of(chart)};
}

Figure threshold_curve(const Separation& separation, const std::vector<Ranked>& sets, std::size_t set) {
    const eval::Result& result = separation.results[set];
    const stats::ThresholdSweep& sweep = sets[set].sweep;
    const Shown shown(separation, result);
    Chart chart{"What every threshold would do",
                {"threshold on " + shown.axis(method_of(separation)), shown.range},
                {"share of the pictures", {0, 1}, true},
                {}};
    struct Curve {
        const char* name;
        int colour;
        std::optional<double> (stats::ThresholdSweep::*figure)(const stats::ThresholdPoint&) const;
    };
    constexpr std::array curves = {Curve{"known accepted", 0, &stats::ThresholdSweep::known_acceptance},
                                   Curve{"known accepted, rightly named", 2, &stats::ThresholdSweep::known_accuracy},
                                   Curve{"unknown rejected", 1, &stats::ThresholdSweep::unknown_rejection}};
    for (const Curve& one : curves) {
        Series series{one.name, Style::step, {}, {}, one.colour};
        for (std::size_t i = 0; i <= curve_points; ++i) {
            const double place = shown.range.at(static_cast<double>(i) / curve_points);
            const auto value = (sweep.*one.figure)(sweep.at(shown.unit.score(place)));
            if (!value) break;
            series.x.push_back(place);
            series.y.push_back(*value);
        }
        if (!series.x.empty()) chart.series.push_back(std::move(series));
    }
    if (shown.mark) chart.marks.push_back(*shown.mark);
    if (separation.results.size() > 1) chart.title += ", " + sets[set].name;
    return {"thresholds" + (separation.results.size() > 1 ? "-" + std::to_string(set + 1) : ""), chart.title,
            "Moving the threshold trades known pictures for unknown ones.", draw(chart), csv_of(chart)};
}

Figure risk_coverage(const Separation& separation, const std::vector<Ranked>& sets) {
    Chart chart{"Risk and coverage",
                {"coverage: known pictures accepted", {0, 1}, true},
                {"risk: wrong names among the accepted", {}, true},
                {}};
    const stats::ThresholdSweep& sweep = sets.front().sweep; // of known rows alone
    chart.series.push_back(curve(
        sets.front(), with_figure("known pictures", "area", metric(separation.results.front(), "aurc")), 0,
        [&](const auto& point) { return sweep.known_acceptance(point); },
        [&](const auto& point) -> std::optional<double> {
            if (point.known_accepted == 0) return std::nullopt;
            return 1 - static_cast<double>(point.known_right) / static_cast<double>(point.known_accepted);
        }));
    double highest = 0;
    for (const double risk : chart.series.front().y) highest = std::max(highest, risk);
    chart.y.range = {0, highest > 0 ? 1.08 * highest : 0.1};
    return {"risk-coverage", chart.title,
            "When only the pictures with the lowest scores are named, how many of the names are wrong?", draw(chart),
            csv_of(chart)};
}

/// As seeds of this plot show it: known pictures on the left, in the order of their file, unknown ones behind them.
Figure picture_by_picture(const Separation& separation) {
    const scores::Inputs& inputs = separation.inputs;
    const Shown shown(separation, separation.results.front());
    Chart chart{"Scores, picture by picture",
                {"picture, in the order of the files", {}},
                {shown.axis(method_of(separation)), shown.range},
                {}};
    double next = 0;
    std::int64_t all = inputs.known.table.rows;
    for (const scores::Side& side : inputs.unknown) all += side.table.rows;
    const std::int64_t step = std::max<std::int64_t>(1, all / 1500);
    const auto add = [&](const std::string& name, const scores::Side& side, int colour) {
        Series dots{name, Style::dots, {}, {}, colour};
        const auto& scores = side.table.scores[0];
        for (std::size_t i = 0; i < scores.size(); i += static_cast<std::size_t>(step)) {
            if (!std::isfinite(scores[i])) continue;
            dots.x.push_back(next + static_cast<double>(i));
            dots.y.push_back(shown.unit.shown(scores[i]));
        }
        next += static_cast<double>(scores.size());
        chart.series.push_back(std::move(dots));
    };
    add("known", inputs.known, charts::known_colour);
    for (std::size_t i = 0; i < inputs.unknown.size(); ++i)
        add(inputs.unknown[i].file.name, inputs.unknown[i], colour_of(i));
    chart.x.range = {0, std::max(next, 1.0)};
    return {"picture-by-picture", chart.title,
            "Bands show classes or folders that behave differently." +
                std::string(step > 1 ? " Every " + std::to_string(step) + "th picture." : ""),
            draw(chart), csv_of(chart)};
}

// ---- figures of the classes

Figure reliability(const Separation& separation, const stats::RankedSide& known) {
    stats::Reliability filled;
    for (std::size_t row = 0; row < known.rows(); ++row) filled.add(known.confidence[row], known.right(row));
    Chart chart{"Is the confidence to be believed?",
                {"confidence of the classifier", {0, 1}, true},
                {"rightly named", {0, 1}, true},
                {}};
    Series bars{"rightly named", Style::bars, {0}, {}, charts::known_colour};
    Series means{"mean confidence", Style::dots, {}, {}, charts::unknown_colour};
    std::string csv = "confidence from,to,pictures,mean confidence,rightly named\r\n";
    constexpr int bins = stats::Reliability::bin_count;
    for (int i = 0; i < bins; ++i) {
        const stats::Reliability::Bin& bin = filled.bins()[static_cast<std::size_t>(i)];
        const double low = static_cast<double>(i) / bins, high = static_cast<double>(i + 1) / bins;
        const auto rows = static_cast<double>(bin.rows);
        bars.x.push_back(high);
        bars.y.push_back(bin.rows > 0 ? static_cast<double>(bin.right) / rows : 0);
        csv += io::shortest(low) + "," + io::shortest(high) + "," + std::to_string(bin.rows) + ",";
        if (bin.rows > 0) {
            means.x.push_back(bin.confidence.value() / rows);
            means.y.push_back(bars.y.back());
            csv += io::shortest(bin.confidence.value() / rows) + "," + io::shortest(bars.y.back());
        } else {
            csv += ",";
        }
        csv += "\r\n";
    }
    chart.series = {bars, means};
    chart.diagonal = true;
    return {"reliability", chart.title,
            "Known pictures by the classifier's confidence; on the thin line it says what is true. " +
                with_figure("Calibration error", "ECE", metric(separation.results.front(), "ece")) + ".",
            draw(chart), csv};
}

std::vector<Part> confusion(const eval::Result& result, std::size_t set, bool several) {
    const eval::Confusion& all = *result.confusion;
    constexpr std::size_t most = 30;
    const std::string stem = "confusion" + (several ? "-" + std::to_string(set + 1) : std::string());
    const std::string title = "Who was taken for what" + (several ? ", with " + result.unknown : std::string());
    charts::HeatMap map{title, "truth", "verdict", all.names, all.names, {}, true};
    for (const std::int64_t cell : all.cells) map.values.push_back(static_cast<double>(cell));
    const std::string csv = csv_of(map);
    if (all.names.size() <= most && set < sets_with_charts) {
        return {Figure{stem, title,
                       "A line a true class, a column a verdict, shaded by the share of the line. The last of each is "
                       "unknown: rejected pictures stand in its column, unknown ones in its line.",
                       draw(map), csv, true}};
    }
    std::vector<std::size_t> wrong;
    for (std::size_t cell = 0; cell < all.cells.size(); ++cell)
        if (cell / all.names.size() != cell % all.names.size() && all.cells[cell] > 0) wrong.push_back(cell);
    std::ranges::stable_sort(wrong, std::greater<>(), [&](std::size_t cell) { return all.cells[cell]; });
    Table table{stem,
                title,
                "The most frequent of " + std::to_string(wrong.size()) +
                    " kinds of mistake; the CSV has the whole matrix.",
                {"truth", "verdict", "pictures"},
                {},
                csv};
    for (std::size_t i = 0; i < std::min(wrong.size(), most); ++i) {
        table.rows.push_back({all.names[wrong[i] / all.names.size()], all.names[wrong[i] % all.names.size()],
                              grouped(all.cells[wrong[i]])});
    }
    return {table};
}

std::string in_short(const std::optional<double>& value, const char* format = "%.3f") {
    return value ? charts::formatted(format, *value) : "";
}

std::string exact(const std::optional<double>& value) { return value ? io::shortest(*value) : ""; }

Table class_table(const eval::Result& result, std::size_t set, bool several) {
    const bool with_w = std::ranges::any_of(result.per_class, [](const auto& one) {
        return one.median_w_known.has_value() || one.median_w_unknown.has_value();
    });
    Table table{
        "classes" + (several ? "-" + std::to_string(set + 1) : std::string()),
        "Class by class" + (several ? ", with " + result.unknown : std::string()),
        "Precision, recall and F1 at the threshold; then the pictures that were taken for the class before anything "
        "was rejected, and how well the score tells the known from the unknown among them.",
        {"class", "precision", "recall", "F1", "taken for it: known", "unknown", "AUROC"},
        {},
        "class,precision,recall,f1,support,predicted_known,predicted_unknown,share_of_unknown,auroc,w_auroc,w_cut_off,"
        "f1_at_cut_off,median_w_known,median_w_unknown\r\n"};
    if (with_w) {
        for (const char* name : {"W-score AUROC", "its cut-off", "median W, known", "unknown"})
            table.head.emplace_back(name);
        table.caption += " A W-score is how far outside of its class OpenMax finds a picture, 0 to 1.";
    }
    constexpr std::size_t most = 40;
    for (const eval::PerClass& one : result.per_class) {
        const auto line = std::ranges::find(result.report, one.label, &eval::ReportLine::name);
        const stats::ClassFigures figures = line != result.report.end() ? line->figures : stats::ClassFigures{};
        table.csv += io::csv_field(one.label) + "," + exact(figures.precision) + "," + exact(figures.recall) + "," +
                     exact(figures.f1) + "," + std::to_string(figures.support) + "," + std::to_string(one.known) + "," +
                     std::to_string(one.unknown) + "," + io::shortest(one.attracted);
        for (const auto& value :
             {one.score_auroc, one.w_auroc, one.cut_off, one.cut_off_f1, one.median_w_known, one.median_w_unknown})
            table.csv += "," + exact(value);
        table.csv += "\r\n";
        if (table.rows.size() == most) continue;
        table.rows.push_back({one.label, in_short(figures.precision), in_short(figures.recall), in_short(figures.f1),
                              grouped(one.known), grouped(one.unknown), in_short(one.score_auroc)});
        if (!with_w) continue;
        for (const auto& value : {one.w_auroc, one.cut_off, one.median_w_known, one.median_w_unknown})
            table.rows.back().push_back(in_short(value));
    }
    if (result.per_class.size() > most)
        table.caption += " The first " + std::to_string(most) + " of " + std::to_string(result.per_class.size()) +
                         " classes; the CSV has all.";
    for (const eval::ReportLine& line : result.report) {
        if (line.name != "unknown" && line.name != "macro average") continue;
        table.rows.push_back(
            {line.name, in_short(line.figures.precision), in_short(line.figures.recall), in_short(line.figures.f1)});
        table.rows.back().resize(table.head.size());
    }
    return table;
}

/// The W-score of each row's own prediction.
std::vector<double> own_w(const io::ScoreTable& table) {
    std::vector<double> values;
    for (std::size_t row = 0; row < table.predicted.size() && !table.w.empty(); ++row) {
        const auto found = std::ranges::find(table.w_labels, table.predicted[row]);
        if (found == table.w_labels.end()) continue;
        values.push_back(
            table.w[row * table.w_labels.size() + static_cast<std::size_t>(found - table.w_labels.begin())]);
    }
    return values;
}

Figure w_scores(const scores::Inputs& inputs) {
    Chart chart{"W-scores of the predicted class",
                {"W-score (1: outside of the class)", {0, 1}},
                {"share of each side's pictures", {}, true},
                {}};
    chart.series.push_back(charts::histogram("known", own_w(inputs.known.table), {0, 1}, 30, charts::known_colour));
    for (std::size_t i = 0; i < inputs.unknown.size(); ++i) {
        const std::vector<double> values = own_w(inputs.unknown[i].table);
        if (!values.empty())
            chart.series.push_back(charts::histogram(inputs.unknown[i].file.name, values, {0, 1}, 30, colour_of(i)));
    }
    double highest = 0;
    for (const Series& series : chart.series) highest = std::max(highest, *std::ranges::max_element(series.y));
    chart.y.range = {0, highest > 0 ? 1.08 * highest : 1};
    return {"w-scores", chart.title,
            "Where unknown pictures have small W-scores too, they lie within the class that they are taken for, and no "
            "threshold helps.",
            draw(chart), csv_of(chart)};
}

std::string interval_text(const std::optional<stats::Interval>& interval) {
    if (!interval) return "";
    return charts::formatted("%.3f", interval->lower) + " to " + charts::formatted("%.3f", interval->upper);
}

/// The metrics of the sets from `first` on, as many as fit beside each other; the first table has the numbers of all.
Table metric_table(const Separation& separation, std::size_t first) {
    const std::size_t end = std::min(separation.results.size(), first + sets_beside_others);
    const std::span results(separation.results.begin() + static_cast<std::ptrdiff_t>(first), end - first);
    Table table{"metrics" + (first > 0 ? "-" + std::to_string(first + 1) : std::string()),
                first > 0 ? "Every metric, further sets" : "Every metric",
                "The numbers of openset eval, rates with their 95 % intervals (Clopper-Pearson)." +
                    std::string(std::ranges::any_of(results, chose_threshold_itself)
                                    ? " What stands \"at the threshold\" has none: these very rows chose it."
                                    : ""),
                {"metric"},
                {},
                first > 0 ? "" : eval::csv_text(separation.results)};
    for (const eval::Result& result : results) {
        table.head.push_back(result.unknown.empty() ? "known alone" : "against " + result.unknown);
        table.head.emplace_back("95 %");
    }
    const auto& infos = eval::metrics();
    for (std::size_t i = 0; i < infos.size(); ++i) {
        std::vector<std::string> row = {infos[i].name};
        bool told = false;
        for (const eval::Result& result : results) {
            row.push_back(in_short(result.measured.values[i], "%.4f"));
            row.push_back(interval_text(result.measured.intervals[i]));
            told |= result.measured.values[i].has_value();
        }
        if (!told) continue;
        table.rows.push_back(std::move(row));
        table.hints.emplace_back(infos[i].meaning);
    }
    return table;
}

std::string rule_words(const eval::Result& result, double threshold) {
    return "A picture is unknown where " + scores::Unit(result.method).rule_in_short(threshold);
}

std::string threshold_words(const Separation& separation, const eval::Result& result) {
    if (separation.by_rows && !result.threshold)
        return "What counts as rejected is what the rows decided, by " + result.threshold_from + ".";
    if (!result.threshold) return "There is no threshold: " + result.threshold_from + ".";
    const std::string rule = rule_words(result, *result.threshold);
    if (has_thresholds_by_label(separation)) {
        return std::to_string(separation.point->threshold_by_label.size()) +
               " labels have thresholds of their own, by the label that a picture is predicted to have; for all "
               "others: " +
               rule + " (" + result.threshold_from + ").";
    }
    if (chose_threshold_itself(result))
        return rule +
               ": Youden's point of these very rows, which flatters; choose one on others with openset sweep --pick.";
    return rule + " (" + result.threshold_from + ").";
}

bool has_confidence(const scores::Inputs& inputs) {
    return !inputs.known.table.confidence.empty() && inputs.has_labels && inputs.known.has_predictions();
}

} // namespace

Separation separate(const scores::Inputs& inputs, const eval::Wanted& wanted) {
    Separation separation{inputs, {}, wanted.point, wanted.own.has_value()};
    for (std::size_t set = 0; set < inputs.unknown.size(); ++set)
        separation.results.push_back(eval::evaluate(inputs, 0, set, wanted));
    if (inputs.unknown.empty()) separation.results.push_back(eval::evaluate(inputs, 0, std::nullopt, wanted));
    separation.threshold = separation.results.front().threshold;
    if (separation.results.size() > 1 && std::ranges::any_of(separation.results, chose_threshold_itself)) {
        std::vector<std::size_t> all(inputs.unknown.size());
        std::iota(all.begin(), all.end(), 0);
        separation.threshold = eval::youden_threshold(stats::RankedRows(scores::Contest(inputs, 0, all).rows()));
    }
    return separation;
}

Section separation_section(const Separation& separation) {
    const scores::Inputs& inputs = separation.inputs;
    const std::vector<Ranked> sets = ranked(inputs);
    Section section{"separation", "How well known and unknown are told apart", {}, {}};
    for (const eval::Result& result : separation.results) {
        section.words.push_back((separation.results.size() > 1 ? "Against " + result.unknown + ": " : "") +
                                threshold_words(separation, result));
        for (const std::string& sentence : result.diagnoses) section.words.push_back("Note: " + sentence + ".");
    }
    const std::size_t shown = std::min(separation.results.size(), sets_with_charts);
    for (std::size_t set = 0; set < shown; ++set) section.parts.emplace_back(histogram(separation, set));
    if (!inputs.unknown.empty() && inputs.known.table.rows > 0) {
        section.parts.emplace_back(roc(separation, sets));
        section.parts.emplace_back(precision_recall(separation, sets));
    }
    for (std::size_t set = 0; set < shown; ++set) section.parts.emplace_back(threshold_curve(separation, sets, set));
    if (sets.front().rows.named() && inputs.known.table.rows > 0)
        section.parts.emplace_back(risk_coverage(separation, sets));
    section.parts.emplace_back(picture_by_picture(separation));
    for (std::size_t set = 0; set < separation.results.size(); set += sets_beside_others)
        section.parts.emplace_back(metric_table(separation, set));
    return section;
}

Section classes_section(const Separation& separation) {
    const scores::Inputs& inputs = separation.inputs;
    Section section{"classes-section", "Class by class", {}, {}};
    const bool several = separation.results.size() > 1;
    for (std::size_t set = 0; set < separation.results.size(); ++set) {
        const eval::Result& result = separation.results[set];
        if (result.confusion) std::ranges::move(confusion(result, set, several), std::back_inserter(section.parts));
    }
    for (std::size_t set = 0; set < separation.results.size(); ++set)
        if (!separation.results[set].per_class.empty())
            section.parts.emplace_back(class_table(separation.results[set], set, several));
    if (has_confidence(inputs)) {
        const std::vector<Ranked> sets = ranked(inputs);
        section.parts.emplace_back(reliability(separation, sets.front().rows.known));
    }
    if (!own_w(inputs.known.table).empty()) section.parts.emplace_back(w_scores(inputs));
    return section;
}

std::vector<Judged> judged(const Separation& separation) {
    const scores::Inputs& inputs = separation.inputs;
    const auto& names = inputs.labels.names();
    std::vector<Judged> all;
    const auto add = [&](const scores::Side& side, bool known) {
        const io::ScoreTable& table = side.table;
        for (std::size_t row = 0; row < table.paths.size(); ++row) {
            const auto name = [&](std::int32_t label) {
                return label >= 0 ? names[static_cast<std::size_t>(label)] : std::string();
            };
            const double score = table.scores[0][row];
            Judged one;
            one.path = table.paths[row];
            one.named = name(table.predicted[row]);
            one.score = score;
            one.threshold = separation.point ? separation.point->threshold_for(one.named) : separation.threshold;
            one.accepted = !one.threshold || score <= *one.threshold;
            one.verdict = one.accepted ? one.named : "unknown";
            one.decided_by = "unknown";
            one.truth_is_known = known;
            if (!known || inputs.has_labels) one.truth = name(table.label[row]);
            if (!table.confidence.empty()) one.confidence = table.confidence[row];
            all.push_back(std::move(one));
        }
    };
    add(inputs.known, true);
    for (const scores::Side& side : inputs.unknown) add(side, false);
    return all;
}

std::string words_of_judged(const Separation& separation) {
    const eval::Result& first = separation.results.front();
    if (!separation.threshold || separation.results.size() == 1 || !chose_threshold_itself(first))
        return threshold_words(separation, first);
    return rule_words(first, *separation.threshold) +
           ", whichever set it is of: Youden's point of all unknown sets together, for the sets' own points differ.";
}

namespace {

/// What the threshold does, for people; empty where nothing was decided.
std::string decided_words(const Separation& separation, const eval::Result& result) {
    const auto accepted = metric(result, "known_acceptance"), rejected = metric(result, "unknown_rejection");
    if (!accepted || !rejected) return "";
    const std::string known = percent(*accepted) + " of the known pictures pass",
                      unknown = percent(*rejected) + " of the unknown ones are stopped",
                      reached = separation.inputs.from_rows ? ", among those that reach it" : "",
                      count = pictures(result.known_rows) + " of known classes and " + grouped(result.unknown_rows) +
                              (result.unknown_rows == 1 ? " unknown one" : " unknown ones");
    if (chose_threshold_itself(result)) {
        return " Its threshold was chosen on these very pictures, " + count + ": there " + known + " and " + unknown +
               reached + ". Other pictures will fare worse.";
    }
    const std::string by = separation.by_rows                    ? result.threshold_from
                           : has_thresholds_by_label(separation) ? "its thresholds, which differ by label"
                                                                 : "its threshold";
    return " By " + by + ", " + known + " and " + unknown + reached + ". This was measured on " + count + ".";
}

} // namespace

std::vector<std::string> summary_of(const Separation& separation) {
    std::vector<std::string> words;
    for (const eval::Result& result : separation.results) {
        const auto auroc = metric(result, "auroc");
        if (!auroc) continue;
        const char* grade = *auroc >= 0.95   ? "very well"
                            : *auroc >= 0.85 ? "well"
                            : *auroc >= 0.7  ? "fairly"
                            : *auroc >= 0.55 ? "poorly"
                                             : "not at all";
        const std::string set = separation.results.size() > 1 ? " (" + result.unknown + ")" : "";
        words.push_back("The " + judge_of(separation) + " tells unknown pictures" + set + " from known ones " + grade +
                        ": in " + percent(*auroc) +
                        " of all pairs of an unknown and a known picture, it finds the unknown one more unknown." +
                        decided_words(separation, result));
    }
    return words;
}

std::vector<Fact> facts_of(const Separation& separation) {
    std::vector<Fact> facts;
    const eval::Result& result = separation.results.front();
    const std::string set = separation.results.size() > 1 ? " (" + result.unknown + ")" : "";
    const auto add = [&](const char* name, const std::string& label, bool as_percent, const char* note = "") {
        const auto value = metric(result, name);
        if (!value) return;
        const auto interval = interval_of(result, name);
        facts.push_back({as_percent ? percent(*value) : charts::formatted("%.3f", *value), label + set,
                         interval ? charts::formatted("95 %% interval %.1f", 100 * interval->lower) +
                                        charts::formatted(" to %.1f %%", 100 * interval->upper)
                                  : note});
    };
    add("auroc", "AUROC of " + method_of(separation), false);
    add("fpr_at_95_tpr_known", "unknown accepted where 95 % of known are", true);
    add("accuracy", "rightly named, nothing rejected", true);
    add("open_set_f1", "open-set F1, unknown a class", false,
        chose_threshold_itself(result) ? "its threshold was chosen on these pictures" : "");
    return facts;
}

std::vector<std::pair<std::string, std::string>> left_out_of(const Separation& separation) {
    const scores::Inputs& inputs = separation.inputs;
    std::vector<std::pair<std::string, std::string>> left_out;
    if (inputs.unknown.empty())
        left_out.emplace_back("ROC, precision and recall", "scores of unknown pictures: --unknown FILE");
    if (!inputs.has_labels)
        left_out.emplace_back("confusion matrix, class by class, risk and coverage",
                              "true labels: score a store that was extracted from folders, or --truth");
    if (!has_confidence(inputs))
        left_out.emplace_back("reliability",
                              "labels and the classifier's confidence: scores of openset score, in --known");
    if (own_w(inputs.known.table).empty())
        left_out.emplace_back("W-scores", "scores that were written with openset score --w-scores");
    return left_out;
}

} // namespace openset::report
