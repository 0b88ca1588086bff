#include "train/report.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "charts/chart.hpp"
#include "openset/base/printable.hpp"
#include "openset/stats/activation.hpp"
#include "openset/stats/metrics.hpp"

namespace openset::train {
namespace {

using namespace charts;
using Json = nlohmann::ordered_json;

// ---- measuring

struct LabelFigures {
    stats::ClassFigures figures;
    std::optional<double> roc_area, precision_recall_area;
};

struct Measured {
    std::int64_t pictures = 0;
    double loss = 0;
    std::optional<double> accuracy, balanced_accuracy;
    std::vector<LabelFigures> labels;
    std::vector<std::int64_t> confusion; ///< [labels, labels] truth x prediction
};

std::vector<double> row_of(const Judged& set, std::size_t row, std::size_t labels) {
    const auto first = set.logits.begin() + static_cast<std::ptrdiff_t>(row * labels);
    return {first, first + static_cast<std::ptrdiff_t>(labels)};
}

/// ln(1 + exp(-v)) without overflow
double softplus_of_minus(double v) { return v > 0 ? std::log1p(std::exp(-v)) : std::log1p(std::exp(v)) - v; }

double loss_of(const std::vector<double>& logits, std::size_t truth, model::Activation activation) {
    if (activation == model::Activation::softmax) return stats::log_sum_exp(logits) - logits[truth];
    double loss = 0;
    for (std::size_t k = 0; k < logits.size(); ++k) loss += softplus_of_minus(k == truth ? logits[k] : -logits[k]);
    return loss;
}

/// Ordered as the label's probability is, without its saturation at 1.
double log_odds(std::vector<double> logits, std::size_t label, model::Activation activation) {
    const double own = logits[label];
    if (activation == model::Activation::sigmoid) return own;
    logits[label] = -std::numeric_limits<double>::infinity();
    return own - stats::log_sum_exp(logits);
}

LabelFigures figures_of(const Judged& set, std::size_t label, std::size_t labels, model::Activation activation) {
    std::vector<double> others, own;
    for (std::size_t row = 0; row < set.labels.size(); ++row) {
        const bool is_own = set.labels[row] == static_cast<std::int64_t>(label);
        (is_own ? own : others).push_back(log_odds(row_of(set, row, labels), label, activation));
    }
    stats::OpenSetRows rows;
    rows.known_scores = others;
    rows.unknown_scores = own;
    stats::ScoreCounts counts;
    count_scores(stats::RankedRows(rows), {}, counts);
    return {{}, stats::auroc(counts), stats::aupr_out(counts)};
}

Measured measure(const Judged& set, const Report& report) {
    const std::size_t labels = report.labels.size();
    Measured measured;
    measured.pictures = std::ssize(set.labels);
    measured.confusion.resize(labels * labels);
    std::vector<std::int32_t> truth, predicted;
    for (std::size_t row = 0; row < set.labels.size(); ++row) {
        const auto logits = row_of(set, row, labels);
        const auto right = static_cast<std::size_t>(set.labels[row]);
        const auto named = static_cast<std::size_t>(std::ranges::max_element(logits) - logits.begin());
        measured.loss += loss_of(logits, right, report.activation);
        ++measured.confusion[right * labels + named];
        truth.push_back(static_cast<std::int32_t>(right));
        predicted.push_back(static_cast<std::int32_t>(named));
    }
    if (measured.pictures > 0) measured.loss /= static_cast<double>(measured.pictures);
    const std::vector<double> no_scores(truth.size());
    stats::OpenSetRows rows;
    rows.classes = static_cast<std::int32_t>(labels);
    rows.known_scores = no_scores;
    rows.known_labels = truth;
    rows.known_predicted = predicted;
    const stats::RankedRows ranked(rows);
    stats::ClassCounts counts;
    count_classes(ranked, reject(ranked, 1), {}, counts); // every score is 0: none is rejected
    measured.accuracy = accuracy(counts);
    measured.balanced_accuracy = balanced_accuracy(counts);
    for (std::size_t label = 0; label < labels; ++label) {
        LabelFigures figures = figures_of(set, label, labels, report.activation);
        figures.figures = figures_of_class(counts, label);
        measured.labels.push_back(figures);
    }
    return measured;
}

// ---- for people

std::string right(const std::string& text, std::size_t width) {
    return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

std::string share(const std::optional<double>& value) { return value ? formatted("%.1f %%", 100 * *value) : "-"; }
std::string figure(const std::optional<double>& value) { return value ? formatted("%.3f", *value) : "-"; }

std::string plural(std::int64_t count) { return std::to_string(count) + (count == 1 ? " picture" : " pictures"); }

std::string set_line(const Judged& set, const Measured& measured) {
    std::string text = set.name;
    text.resize(12, ' ');
    text += right(plural(measured.pictures), 15) + "   accuracy" + right(share(measured.accuracy), 8) + "   balanced" +
            right(share(measured.balanced_accuracy), 8) + "   loss " + formatted("%.4f", measured.loss);
    if (!set.how.empty()) text += "   (" + set.how + ")";
    if (set.left_out > 0) text += "; " + plural(set.left_out) + " of other classes left out";
    if (set.failed > 0) text += "; " + plural(set.failed) + " failed";
    return text + "\n";
}

/// What the areas of a curve rest on where that is little; empty where it is enough.
std::string note_on_areas(const Measured& measured, const Report& report) {
    constexpr std::int64_t enough = 10;
    constexpr int most = 5;
    std::string labels;
    int few = 0;
    for (std::size_t label = 0; label < measured.labels.size(); ++label) {
        const LabelFigures& figures = measured.labels[label];
        const std::int64_t own = figures.figures.support, others = measured.pictures - own;
        if (!figures.roc_area || std::min(own, others) >= enough || few++ >= most) continue;
        labels += (labels.empty() ? "" : ", ") + plural(std::min(own, others)) +
                  (own <= others ? " of " : " of others than ") + printable(report.labels[label]);
    }
    if (few > most) labels += " and as few of " + std::to_string(few - most) + " more labels";
    return labels.empty() ? "" : "ROC and PR areas rest on " + labels + ": others could change them much\n";
}

std::string label_lines(const Judged& set, const Measured& measured, const Report& report) {
    std::string text = "\n" + set.name + "\n";
    for (const char* title : {"precision", "recall", "F1", "ROC area", "PR area", "pictures"}) text += right(title, 10);
    text += "   label, and what it was taken for\n";
    const std::size_t labels = report.labels.size();
    for (std::size_t label = 0; label < labels; ++label) {
        const LabelFigures& figures = measured.labels[label];
        text += right(figure(figures.figures.precision), 10) + right(figure(figures.figures.recall), 10) +
                right(figure(figures.figures.f1), 10) + right(figure(figures.roc_area), 10) +
                right(figure(figures.precision_recall_area), 10) + right(std::to_string(figures.figures.support), 10) +
                "   " + printable(report.labels[label]);
        std::string taken;
        for (std::size_t other = 0; other < labels; ++other) {
            const std::int64_t count = measured.confusion[label * labels + other];
            if (other != label && count > 0)
                taken += (taken.empty() ? ": " : ", ") + std::to_string(count) + " " + printable(report.labels[other]);
        }
        text += taken + "\n";
    }
    return text + note_on_areas(measured, report);
}

// ---- for programs

Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json set_json(const Judged& set, const Measured& measured, const Report& report) {
    Json json{{"name", set.name}};
    if (!set.how.empty()) json["how"] = set.how;
    json["pictures"] = measured.pictures;
    json["left_out"] = set.left_out;
    json["failed"] = set.failed;
    json["loss"] = measured.pictures > 0 ? Json(measured.loss) : Json(nullptr);
    json["accuracy"] = number(measured.accuracy);
    json["balanced_accuracy"] = number(measured.balanced_accuracy);
    const std::size_t labels = report.labels.size();
    Json by_label = Json::array(), confusion = Json::array();
    for (std::size_t label = 0; label < labels; ++label) {
        const LabelFigures& figures = measured.labels[label];
        by_label.push_back({{"label", report.labels[label]},
                            {"pictures", figures.figures.support},
                            {"precision", number(figures.figures.precision)},
                            {"recall", number(figures.figures.recall)},
                            {"f1", number(figures.figures.f1)},
                            {"roc_area", number(figures.roc_area)},
                            {"precision_recall_area", number(figures.precision_recall_area)}});
        const auto first = measured.confusion.begin() + static_cast<std::ptrdiff_t>(label * labels);
        confusion.push_back(std::vector<std::int64_t>(first, first + static_cast<std::ptrdiff_t>(labels)));
    }
    json["labels"] = by_label;
    json["confusion"] = confusion;
    return json;
}

} // namespace

double accuracy_of(const Judged& set, const Report& report) { return measure(set, report).accuracy.value_or(0); }

std::string text_of(const Report& report) {
    std::string lines, labels;
    for (const Judged& set : report.sets) {
        const Measured measured = measure(set, report);
        lines += set_line(set, measured);
        if (!set.labels.empty()) labels = label_lines(set, measured, report);
    }
    return lines + labels;
}

Json json_of(const Report& report, const Json& facts) {
    Json json = facts;
    json["labels"] = report.labels;
    json["activation"] = report.activation == model::Activation::softmax ? "softmax" : "sigmoid";
    json["sets"] = Json::array();
    for (const Judged& set : report.sets) json["sets"].push_back(set_json(set, measure(set, report), report));
    Json curve = Json::array();
    for (const CurvePoint& point : report.curve) {
        Json one{{report.curve_unit, point.at}, {"training", point.training}};
        if (point.validation) one["validation"] = *point.validation;
        curve.push_back(one);
    }
    json["curve"] = curve;
    return json;
}

std::string svg_of(const Report& report) {
    Chart chart{report.title, {report.curve_unit, {}}, {"loss", {}}, {}};
    Series training{"training loss", Style::line, {}, {}, 0}, validation{"validation loss", Style::line, {}, {}, 1};
    double highest = 0;
    for (const CurvePoint& point : report.curve) {
        training.x.push_back(point.at);
        training.y.push_back(point.training);
        highest = std::max({highest, point.training, point.validation.value_or(0)});
        if (!point.validation) continue;
        validation.x.push_back(point.at);
        validation.y.push_back(*point.validation);
    }
    if (!training.x.empty()) chart.x.range = {training.x.front(), std::max(training.x.back(), training.x.front() + 1)};
    chart.y.range = {0, highest > 0 ? 1.05 * highest : 1};
    for (const Series* series : {&training, &validation})
        if (!series->x.empty()) chart.series.push_back(*series);
    return svg_file(draw(chart));
}

} // namespace openset::train
