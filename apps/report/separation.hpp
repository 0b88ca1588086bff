#pragma once

#include <vector>

#include "eval/result.hpp"
#include "report/content.hpp"
#include "report/pictures.hpp"
#include "scores/input.hpp"

namespace openset::report {

/// One method's known and unknown rows, and what openset eval says of them.
struct Separation {
    const scores::Inputs& inputs;      ///< with one method
    std::vector<eval::Result> results; ///< one for each set of unknown rows; one without any where there is none
    std::optional<io::OperatingPoint> point{}; ///< that was given; it may have thresholds by label
    bool by_rows = false;                      ///< what the rows decided themselves was measured
    /// One for the pictures of all sets: the threshold that was asked for, else Youden's point of all sets together.
    std::optional<double> threshold{};
};

/// Measures as openset eval does, the same code. wanted  its threshold or operating point count
Separation separate(const scores::Inputs& inputs, const eval::Wanted& wanted);

/// Every metric; histograms, ROC, precision over recall, what every threshold does, risk over coverage, scores picture by
/// picture.
Section separation_section(const Separation& separation);

/// Who was taken for what, the classes one by one, confidence held against truth, W-scores; each where its data is there.
Section classes_section(const Separation& separation);

/// The rows as pictures, all judged by one threshold, or those of an operating point by label. Needs inputs with paths.
std::vector<Judged> judged(const Separation& separation);

/// What they are judged by, in words.
std::string words_of_judged(const Separation& separation);

std::vector<std::string> summary_of(const Separation& separation);
std::vector<Fact> facts_of(const Separation& separation);

/// What the inputs lack, and what would bring it.
std::vector<std::pair<std::string, std::string>> left_out_of(const Separation& separation);

} // namespace openset::report
