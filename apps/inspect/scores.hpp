#pragma once

#include <filesystem>

#include "inspect/kind.hpp"

/// What inspect says of scores, of what made them, and of a threshold that was chosen from them.
namespace openset::inspect {

/// On standard output: columns with the range of their scores, how many rows are rightly named, what made them. Throws as
/// io::read_scores and io::read_score_run.
void print_scores(const std::filesystem::path& file, const Wanted& wanted);

/// On standard output: how many thresholds from where to where, and the best balanced accuracy. Throws Error(corrupt) where
/// a line is not one of `openset sweep`.
void print_sweep(const std::filesystem::path& file, const Wanted& wanted);

/// On standard output: what a record of `openset score` says. Throws as io::parse_score_run.
void print_score_run(const std::filesystem::path& file, const Wanted& wanted);

/// On standard output: threshold, rule, and what was measured with it. Throws as io::read_operating_point.
void print_operating_point(const std::filesystem::path& file, const Wanted& wanted);

/// On standard output: budget, the threshold of each stage, and what was measured. Throws as io::read_calibration.
void print_calibration(const std::filesystem::path& file, const Wanted& wanted);

} // namespace openset::inspect
