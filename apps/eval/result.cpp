#include "eval/result.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/base/sha256.hpp"
#include "openset/io/number_text.hpp"

namespace openset::eval {
namespace {

using io::ScoreTable;

/// The threshold that the figures are told at.
struct Chosen {
    std::optional<double> threshold;
    std::string from;
    std::vector<std::optional<double>> by_label{};
    bool on_these_rows = false;
};

void check_point(const io::OperatingPoint& point, const std::string& file, const scores::Inputs& inputs,
                 const scores::Origin& origin) {
    const auto refuse = [&](const std::string& what) {
        throw Error(ErrorKind::usage, "--operating-point " + file + ": " + what);
    };
    if (point.was_calibrated_on(sha256_hex_of_file(inputs.known.file.path))) {
        log_warning("--operating-point " + file + ": was picked on these very rows of " +
                    inputs.known.file.path.string() + ": what it does to them is no measurement; measure on others");
    }
    if (point.stage != to_string(inputs.stage))
        refuse("is of the stage " + point.stage + ", expected one of " + std::string(to_string(inputs.stage)));
    if (point.method != origin.method)
        refuse("is a threshold of " + point.method + ", expected one of " + origin.method +
               "; --method names the column it is for");
    if (!point.fitted_sha256.empty() && !origin.fitted_sha256.empty() && point.fitted_sha256 != origin.fitted_sha256)
        refuse("was measured on another fitted file (sha256 " + point.fitted_sha256.substr(0, 12) +
               "), expected that of the scores (" + origin.fitted_sha256.substr(0, 12) + ")");
    if (!point.accept.empty() && !origin.accept.empty() && point.accept != origin.accept)
        refuse("was measured with other accepted labels (" + point.accept + "), expected those of the rows (" +
               origin.accept + ")");
    if (!point.network_sha256.empty() && !origin.network_sha256.empty() &&
        point.network_sha256 != origin.network_sha256)
        refuse("was measured on another network (sha256 " + point.network_sha256.substr(0, 12) +
               "), expected that of the rows (" + origin.network_sha256.substr(0, 12) + ")");
}

Chosen choose(const scores::Inputs& inputs, const scores::Origin& origin, const stats::RankedRows& rows,
              const Wanted& wanted) {
    if (wanted.point) {
        check_point(*wanted.point, wanted.point_file, inputs, origin);
        Chosen chosen{wanted.point->threshold, wanted.point_file};
        if (wanted.point->threshold_by_label.empty()) return chosen;
        for (const std::string& label : inputs.labels.names())
            chosen.by_label.emplace_back(wanted.point->threshold_for(label));
        return chosen;
    }
    if (!wanted.threshold.empty()) return {scores::Unit(origin.method).parse(wanted.threshold), "--threshold"};
    if (wanted.own) return {wanted.own->threshold, wanted.own->name};
    const auto youden = youden_threshold(rows);
    if (!youden) return {std::nullopt, "none: Youden's point needs unknown rows"};
    return {youden, "youden", {}, true};
}

std::optional<stats::Rejected> rejected_by(const Chosen& chosen, const stats::RankedRows& rows, const Wanted& wanted) {
    if (wanted.own) return stats::Rejected{rows.known.rejected, rows.unknown.rejected};
    if (!chosen.threshold) return std::nullopt;
    return stats::reject(rows, *chosen.threshold, chosen.by_label);
}

void leave_out_intervals_at_threshold(Measured& measured) {
    for (std::size_t i = 0; i < metrics().size(); ++i)
        if (metrics()[i].at_threshold) measured.intervals[i].reset();
}

std::size_t distinct(const std::vector<std::int32_t>& labels) {
    std::set<std::int32_t> found(labels.begin(), labels.end());
    found.erase(-1);
    return found.size();
}

/// 1 - sqrt(2 train / (test + target)), and which classes that were.
std::optional<double> openness(const scores::Inputs& inputs, const ScoreTable& unknown, std::string& counting) {
    const auto train = static_cast<double>(inputs.trained_classes);
    if (inputs.trained_classes == 0 || !inputs.has_labels || unknown.rows == 0) return std::nullopt;
    const std::size_t known_classes = distinct(inputs.known.table.label);
    const std::size_t told = distinct(unknown.label);
    const std::size_t unknown_classes = told > 0 ? told : 1;
    const bool told_by_network = inputs.known.has_record && !inputs.from_rows;
    counting = std::to_string(inputs.trained_classes) +
               (told_by_network ? " classes in training, " : " classes that rows name taken for those of training, ") +
               std::to_string(known_classes) + " of them tested and " +
               (told > 0 ? std::to_string(told) + " unknown by their labels"
                         : std::string("all unknown rows counted as 1 class, for they have no labels"));
    return stats::openness(train, static_cast<double>(known_classes + unknown_classes), train);
}

// ---- classes

std::vector<std::size_t> present(const stats::ClassCounts& counts) {
    std::vector<std::size_t> classes;
    for (std::size_t i = 0; i < counts.truth.size(); ++i)
        if (counts.truth[i] > 0 || counts.predicted[i] > 0) classes.push_back(i);
    return classes;
}

std::string class_name(const scores::Inputs& inputs, std::size_t which) {
    const auto& names = inputs.labels.names();
    return which < names.size() ? names[which] : "unknown";
}

Confusion confusion(const scores::Inputs& inputs, const stats::RankedRows& rows, const stats::Rejected& rejected,
                    const std::vector<std::size_t>& classes) {
    const std::vector<std::int64_t> cells = stats::confusion_matrix(rows, rejected);
    const std::size_t width = inputs.labels.names().size() + 1;
    Confusion shown;
    for (const std::size_t truth : classes) {
        shown.names.push_back(class_name(inputs, truth));
        for (const std::size_t verdict : classes) shown.cells.push_back(cells[truth * width + verdict]);
    }
    return shown;
}

std::vector<ReportLine> report(const scores::Inputs& inputs, const stats::ClassCounts& counts,
                               const std::vector<std::size_t>& classes) {
    std::vector<ReportLine> lines;
    for (const std::size_t which : classes)
        lines.push_back({class_name(inputs, which), stats::figures_of_class(counts, which)});
    lines.push_back({"macro average", stats::macro_average(counts)});
    lines.push_back({"weighted average", stats::weighted_average(counts)});
    return lines;
}

// ---- rows predicted as one class

/// Values of the rows of one side that were predicted so.
struct PredictedRows {
    std::vector<double> scores, w;
};

PredictedRows predicted_as(const ScoreTable& table, std::size_t method, std::int32_t label) {
    PredictedRows rows;
    const auto found = std::ranges::find(table.w_labels, label);
    const bool has_w = !table.w.empty() && found != table.w_labels.end();
    const auto column = static_cast<std::size_t>(found - table.w_labels.begin());
    for (std::size_t row = 0; row < table.predicted.size(); ++row) {
        if (table.predicted[row] != label) continue;
        rows.scores.push_back(table.scores[method][row]);
        if (has_w) rows.w.push_back(table.w[row * table.w_labels.size() + column]);
    }
    return rows;
}

std::optional<double> median(std::vector<double> values) {
    if (values.empty()) return std::nullopt;
    std::ranges::sort(values);
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::optional<double> auroc_of(const std::vector<double>& known, const std::vector<double>& unknown) {
    stats::ScoreCounts counts;
    stats::count_scores(stats::RankedRows({0, known, {}, {}, {}, unknown, {}}), {}, counts);
    return stats::auroc(counts);
}

void add_w_figures(const PredictedRows& known, const PredictedRows& unknown, PerClass& figures) {
    figures.median_w_known = median(known.w);
    figures.median_w_unknown = median(unknown.w);
    figures.w_auroc = auroc_of(known.w, unknown.w);
    figures.cut_off = youden_threshold(stats::RankedRows({0, known.w, {}, {}, {}, unknown.w, {}}));
    if (!figures.cut_off) return;
    const auto above = [&](const std::vector<double>& values) {
        return std::ranges::count_if(values, [&](double w) { return w > *figures.cut_off; });
    };
    const auto found = above(unknown.w), wrong = above(known.w);
    figures.cut_off_f1 = 2 * static_cast<double>(found) /
                         static_cast<double>(found + wrong + static_cast<std::ptrdiff_t>(unknown.w.size()));
}

std::vector<PerClass> per_class(const scores::Inputs& inputs, std::size_t method, const ScoreTable& unknown) {
    std::vector<PerClass> classes;
    const ScoreTable& known = inputs.known.table;
    for (std::size_t label = 0; label < inputs.trained_classes; ++label) {
        const PredictedRows of_known = predicted_as(known, method, static_cast<std::int32_t>(label));
        const PredictedRows of_unknown = predicted_as(unknown, method, static_cast<std::int32_t>(label));
        PerClass figures;
        figures.label = inputs.labels.names()[label];
        figures.known = std::ssize(of_known.scores);
        figures.unknown = std::ssize(of_unknown.scores);
        figures.score_auroc = auroc_of(of_known.scores, of_unknown.scores);
        if (unknown.rows > 0)
            figures.attracted = static_cast<double>(figures.unknown) / static_cast<double>(unknown.rows);
        add_w_figures(of_known, of_unknown, figures);
        classes.push_back(std::move(figures));
    }
    return classes;
}

// ---- what W-scores say (methods.md 3.6)

/// The W-score of each row's predicted class.
std::vector<double> w_of_prediction(const ScoreTable& table) {
    std::vector<double> values;
    if (table.w.empty()) return values;
    for (std::size_t row = 0; row < table.predicted.size(); ++row) {
        const auto found = std::ranges::find(table.w_labels, table.predicted[row]);
        if (found == table.w_labels.end()) continue;
        values.push_back(
            table.w[row * table.w_labels.size() + static_cast<std::size_t>(found - table.w_labels.begin())]);
    }
    return values;
}

std::vector<std::string> diagnoses(const scores::Inputs& inputs, const ScoreTable& unknown) {
    std::vector<std::string> sentences;
    const auto w = median(w_of_prediction(unknown));
    if (!w) return sentences;
    if (*w < 0.05) {
        sentences.push_back("the median W-score of the predicted class of unknown rows is " + io::shortest(*w) +
                            ": OpenMax's arg-max rule will not reject them; use a threshold or a larger tail");
    }
    std::vector<std::int64_t> predicted(inputs.labels.names().size(), 0);
    for (const std::int32_t label : unknown.predicted) ++predicted[static_cast<std::size_t>(label)];
    const auto sink = std::ranges::max_element(predicted);
    const double share = static_cast<double>(*sink) / static_cast<double>(unknown.rows);
    if (share > 1.0 / 3 && share > 2.0 / static_cast<double>(inputs.trained_classes)) {
        sentences.push_back(inputs.labels.names()[static_cast<std::size_t>(sink - predicted.begin())] +
                            " is a sink: " + std::to_string(*sink) + " of " + std::to_string(unknown.rows) +
                            " unknown rows are taken for it");
    }
    return sentences;
}

std::optional<double> f1_by_argmax(const ScoreTable& known, const ScoreTable& unknown) {
    if (known.argmax_unknown.empty() || unknown.argmax_unknown.empty()) return std::nullopt;
    const auto found = std::ranges::count(unknown.argmax_unknown, 1),
               wrong = std::ranges::count(known.argmax_unknown, 1);
    return 2 * static_cast<double>(found) / static_cast<double>(found + wrong + unknown.rows);
}

} // namespace

std::optional<double> youden_threshold(const stats::RankedRows& rows) {
    stats::ScoreCounts counts;
    stats::count_scores(rows, {}, counts);
    const auto youden = stats::youden(counts);
    return youden ? std::optional(rows.scores[youden->score]) : std::nullopt;
}

Result evaluate(const scores::Inputs& inputs, std::size_t method, std::optional<std::size_t> unknown,
                const Wanted& wanted) {
    static const ScoreTable nothing;
    const ScoreTable& unknown_table = unknown ? inputs.unknown[*unknown].table : nothing;
    const scores::Contest contest(inputs, method, unknown ? std::vector{*unknown} : std::vector<std::size_t>());
    const stats::RankedRows rows(contest.rows());
    const scores::Origin& origin = inputs.known.origins[method];
    const Chosen chosen = choose(inputs, origin, rows, wanted);
    const std::optional<stats::Rejected> rejected = rejected_by(chosen, rows, wanted);

    Result result;
    result.column = inputs.methods()[method];
    result.method = origin.method;
    result.unknown = unknown ? inputs.unknown[*unknown].file.name : "";
    result.known_rows = inputs.known.table.rows;
    result.unknown_rows = unknown_table.rows;
    result.threshold = chosen.threshold;
    result.threshold_from = chosen.from;
    result.measured =
        measure(rows, rejected, openness(inputs, unknown_table, result.openness_counting), wanted.bootstrap);
    if (chosen.on_these_rows && wanted.bootstrap.resamples == 0) leave_out_intervals_at_threshold(result.measured);
    if (result.method.starts_with("openmax"))
        result.unknown_f1_by_argmax = f1_by_argmax(inputs.known.table, unknown_table);
    const bool named = inputs.known.has_predictions() && (!unknown || inputs.unknown[*unknown].has_predictions());
    if (named) {
        if (wanted.per_class) result.per_class = per_class(inputs, method, unknown_table);
        if (unknown && result.method.starts_with("openmax")) result.diagnoses = diagnoses(inputs, unknown_table);
    }
    if (!rejected || !inputs.has_labels || !named) return result;
    stats::ClassCounts counts;
    stats::count_classes(rows, *rejected, {}, counts);
    const std::vector<std::size_t> classes = present(counts);
    if (wanted.confusion) result.confusion = confusion(inputs, rows, *rejected, classes);
    if (wanted.report) result.report = report(inputs, counts, classes);
    return result;
}

} // namespace openset::eval
