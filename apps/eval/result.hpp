#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eval/measure.hpp"
#include "openset/io/operating_point.hpp"
#include "scores/input.hpp"
#include "scores/unit.hpp"

namespace openset::eval {

/// Rows of infer decided already: what they did is measured, whatever made them do it.
struct OwnVerdicts {
    std::optional<double> threshold; ///< where one decided all rows
    std::string name;                ///< of what decided: `the pipeline's own threshold`
};

/// What is asked for.
struct Wanted {
    std::string threshold;                   ///< as --threshold gives it; empty: none
    std::optional<io::OperatingPoint> point; ///< as --operating-point gives it
    std::string point_file;                  ///< its name
    Bootstrap bootstrap;
    bool per_class = false, confusion = false, report = false;
    std::optional<OwnVerdicts> own{}; ///< both sides tell which rows were rejected
};

/// What eval looks at among the rows that were predicted as one class (seeds/004).
struct PerClass {
    std::string label;
    std::int64_t known = 0, unknown = 0;       ///< rows that were predicted so
    double attracted = 0;                      ///< share of all unknown rows
    std::optional<double> score_auroc;         ///< of the score among these rows
    std::optional<double> w_auroc;             ///< of the class's W-score among these rows
    std::optional<double> cut_off, cut_off_f1; ///< Youden's W-score, and F1 of unknown where w > it
    std::optional<double> median_w_known, median_w_unknown;
};

struct Confusion {
    std::vector<std::string> names;  ///< the labels that occur, then unknown
    std::vector<std::int64_t> cells; ///< [names, names] truth x verdict
};

struct ReportLine {
    std::string name;
    stats::ClassFigures figures;
};

/// One method against one set of unknown rows.
struct Result {
    std::string column, method, unknown; ///< unknown: the set's name; empty: there is none
    std::int64_t known_rows = 0, unknown_rows = 0;
    std::optional<double> threshold; ///< score; none: there is nothing to choose one from, or more than one decided
    std::string threshold_from;      ///< `youden`, `--threshold`, the operating point's file, or OwnVerdicts::name
    std::string openness_counting;   ///< which classes were counted
    Measured measured;
    std::optional<double> unknown_f1_by_argmax; ///< OpenMax's own rule, where probabilities are there
    std::vector<PerClass> per_class;
    std::optional<Confusion> confusion;
    std::vector<ReportLine> report;     ///< classes that occur, unknown, accuracy apart
    std::vector<std::string> diagnoses; ///< what the W-scores of unknown rows say, in words (methods.md 3.6)
};

/// Youden's point as a score; none where a side has no rows.
std::optional<double> youden_threshold(const stats::RankedRows& rows);

/// Rates at Youden's point have no exact intervals: that the very rows chose it makes them too good.
/// unknown  index into inputs.unknown; none: known rows alone
Result evaluate(const scores::Inputs& inputs, std::size_t method, std::optional<std::size_t> unknown,
                const Wanted& wanted);

} // namespace openset::eval
