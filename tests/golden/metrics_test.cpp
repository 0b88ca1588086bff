#include <gtest/gtest.h>

#include <cmath>

#include "golden_lines.hpp"
#include "openset/stats/metrics.hpp"
#include "openset/stats/thresholds.hpp"

// golden/metrics.jsonl: score sets with every metric, then Clopper-Pearson, then openness.
namespace openset::stats {
namespace {

using io::Json;

/// The columns of one golden row.
struct Columns {
    std::vector<double> known, unknown, confidence;
    std::vector<std::int32_t> labels, predicted, unknown_predicted;
    std::int32_t classes = 0;

    OpenSetRows rows() const { return {classes, known, labels, predicted, confidence, unknown, unknown_predicted}; }
};

double from_formula(std::int64_t i, std::int64_t factor, std::int64_t modulus, std::int64_t offset) {
    return static_cast<double>((i * factor + offset) % modulus) / static_cast<double>(modulus);
}

/// The two large rows, by the formulas that they name.
Columns columns_by_formula(const Json& row) {
    Columns columns;
    for (std::int64_t i = 0; i < row["formula"]["n_known"].get<std::int64_t>(); ++i) {
        const double x = from_formula(i, 7919, 10007, 3);
        const auto classes = row["classes"].get<std::int64_t>();
        columns.known.push_back(x * x);
        columns.confidence.push_back(1 - x * x / 2);
        columns.labels.push_back(static_cast<std::int32_t>(i % classes));
        columns.predicted.push_back(static_cast<std::int32_t>((31 * i) % 10 != 0 ? i % classes : (i + 1) % classes));
    }
    for (std::int64_t i = 0; i < row["formula"]["n_unknown"].get<std::int64_t>(); ++i)
        columns.unknown.push_back(std::sqrt(from_formula(i, 104729, 9973, 1)));
    return columns;
}

Columns columns_of(const Json& row) {
    Columns columns;
    if (row.contains("formula")) {
        columns = columns_by_formula(row);
    } else {
        columns.known = row["known_scores"].get<std::vector<double>>();
        columns.unknown = row["unknown_scores"].get<std::vector<double>>();
        if (row.contains("known_labels")) {
            columns.labels = row["known_labels"].get<std::vector<std::int32_t>>();
            columns.predicted = row["known_predictions"].get<std::vector<std::int32_t>>();
            columns.confidence = row["known_confidence"].get<std::vector<double>>();
        }
    }
    columns.classes = row.value("classes", 1);
    for (std::size_t i = 0; i < columns.unknown.size(); ++i)
        columns.unknown_predicted.push_back(static_cast<std::int32_t>(i) % columns.classes);
    return columns;
}

void expect_metric(const std::optional<double>& found, const Json& expected, const std::string& name,
                   double tolerance = 1e-12) {
    SCOPED_TRACE(name);
    ASSERT_EQ(found.has_value(), !expected[name].is_null());
    if (found) {
        EXPECT_NEAR(*found, expected[name].get<double>(), tolerance);
    }
}

/// The score at which a rate was found is one of the given scores, so it is exact.
void expect_rate(const std::optional<RateAt>& found, const RankedRows& rows, const Json& expected,
                 const std::string& rate, const std::string& threshold) {
    expect_metric(found ? std::optional(found->rate) : std::nullopt, expected, rate);
    if (found) {
        EXPECT_EQ(rows.scores[found->score], expected[threshold].get<double>()) << threshold;
    }
}

void check_ranking(const RankedRows& rows, const ScoreCounts& counts, const Json& expected) {
    expect_metric(auroc(counts), expected, "auroc");
    expect_metric(aupr_out(counts), expected, "aupr_out");
    expect_metric(aupr_in(counts), expected, "aupr_in");
    expect_metric(aupr_out_trapezoid(counts), expected, "aupr_out_trapezoid");
    expect_metric(aupr_in_trapezoid(counts), expected, "aupr_in_trapezoid");
    expect_rate(fpr_at_95_tpr_known(counts), rows, expected, "fpr95_known", "fpr95_known_threshold");
    expect_rate(fpr_at_95_tpr_unknown(counts), rows, expected, "fpr95_unknown", "fpr95_unknown_threshold");
    expect_rate(youden(counts), rows, expected, "youden_j", "youden_threshold");
}

void check_named(const RankedRows& rows, const ScoreCounts& counts, const Json& expected, double tolerance) {
    expect_metric(closed_set_accuracy(counts), expected, "closed_accuracy");
    expect_metric(oscr(counts), expected, "oscr");
    expect_metric(expected_calibration_error(rows.known), expected, "ece15", tolerance);
    expect_metric(aurc_known(counts), expected, "aurc_known", tolerance);
    expect_metric(aurc_open(counts), expected, "aurc_open", tolerance);

    ClassCounts classes;
    count_classes(rows, reject(rows, expected["open"]["threshold"].get<double>()), {}, classes);
    const ClassFigures unknown = figures_of_class(classes, classes.truth.size() - 1);
    expect_metric(accuracy(classes), expected["open"], "accuracy");
    expect_metric(macro_average(classes).f1, expected["open"], "macro_f1");
    expect_metric(unknown.f1, expected["open"], "f1_unknown");
    expect_metric(balanced_accuracy(classes), expected["open"], "balanced_accuracy");
}

void check_conformal(const std::vector<double>& known, const Json& expected) {
    for (const Json& one : expected["conformal"]) {
        const std::string text = one["alpha"];
        SCOPED_TRACE("conformal " + text);
        const double alpha = std::stod(text) / std::stod(text.substr(text.find('/') + 1));
        EXPECT_EQ(conformal_rank(static_cast<std::int64_t>(known.size()), alpha), one["rank"].get<std::int64_t>());
        const double threshold = conformal_threshold(known, alpha);
        EXPECT_EQ(std::isfinite(threshold), !one["threshold"].is_null());
        if (!one["threshold"].is_null()) {
            EXPECT_EQ(threshold, one["threshold"].get<double>());
        }
    }
}

/// The sweep says at each threshold what the open-set table says there.
void check_sweep(const RankedRows& rows, const Json& expected) {
    const ThresholdSweep sweep = sweep_thresholds(rows);
    const ThresholdPoint point = sweep.at(expected["open"]["threshold"].get<double>());
    expect_metric(sweep.balanced_accuracy(point), expected["open"], "balanced_accuracy");
}

void check_row(const Json& row) {
    const Json& expected = row["expected"];
    const Columns columns = columns_of(row);
    const RankedRows rows(columns.rows());
    ScoreCounts counts;
    count_scores(rows, {}, counts);
    check_ranking(rows, counts, expected);
    if (expected.contains("conformal")) check_conformal(columns.known, expected);
    if (!expected.contains("open")) return;
    check_named(rows, counts, expected, row.contains("formula") ? 1e-10 : 1e-12);
    check_sweep(rows, expected);
}

TEST(GoldenMetrics, EveryRow) {
    OPENSET_NEED_SHARED("golden/metrics.jsonl");
    const std::vector<Json> lines = golden_lines("metrics.jsonl");
    int score_sets = 0;
    for (const Json& row : lines) {
        if (!row.contains("expected")) continue;
        SCOPED_TRACE("row " + row["id"].dump() + ": " + row["name"].get<std::string>());
        check_row(row);
        ++score_sets;
    }
    EXPECT_EQ(score_sets, 44);
    ASSERT_EQ(lines.size(), 46U) << "and a row of intervals, a row of openness";
}

TEST(GoldenMetrics, EveryClopperPearsonInterval) {
    OPENSET_NEED_SHARED("golden/metrics.jsonl");
    for (const Json& row : golden_lines("metrics.jsonl")) {
        if (!row.contains("clopper_pearson")) continue;
        for (const Json& one : row["clopper_pearson"]) {
            SCOPED_TRACE(one.dump());
            const Interval interval = clopper_pearson(one["k"], one["n"], 1 - one["alpha"].get<double>());
            EXPECT_NEAR(interval.lower, one["interval"][0].get<double>(), 1e-12);
            EXPECT_NEAR(interval.upper, one["interval"][1].get<double>(), 1e-12);
        }
    }
}

TEST(GoldenMetrics, EveryOpenness) {
    OPENSET_NEED_SHARED("golden/metrics.jsonl");
    for (const Json& row : golden_lines("metrics.jsonl")) {
        if (!row.contains("openness")) continue;
        for (const Json& one : row["openness"])
            EXPECT_NEAR(openness(one["train"], one["test"], one["target"]), one["openness"].get<double>(), 1e-12)
                << one.dump();
    }
}

} // namespace
} // namespace openset::stats
