#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "openset/io/row.hpp"

/// A calibration: the scores of held-out known pictures at every stage of a chain, against which p-values of other pictures
/// are taken (format openset-calibration/1). `openset calibrate` writes it, a pipeline config names it.
namespace openset::io {

/// One stage that rejects by a score, larger = more unknown. What ties it to the stage is told as in OperatingPoint.
struct StageCalibration {
    Stage stage = Stage::unknown; ///< or gate, species
    std::string method;           ///< gate: mass or rank; species: mass; unknown: the detector's
    std::string fitted_sha256, network_sha256, accept;
    std::vector<double>
        scores; ///< of all rows; with scores by label, of those predicted as none of these labels. Any order
    /// Of the rows that the classifier predicts to have this label; the stage unknown only.
    std::map<std::string, std::vector<double>> scores_by_label;
};

struct Calibration {
    double budget = 0.05; ///< share of known pictures that may be rejected by all stages together, 0 to 1
    std::vector<StageCalibration> stages; ///< one or more, in the order of the chain, none twice
    /// Of further known rows, disjoint from those of the stages: the least of a row's shares over the stages
    /// (cascade::ChainCalibration), 0 where the classifier itself rejects it. None: one stage alone, whose p-value needs no
    /// second ranking.
    std::optional<std::vector<double>> least_shares;
    std::string calibrated_on = "{}";   ///< JSON object for people: file, hash, numbers of rows, seed of the split
    std::int64_t measured_rows = 0;     ///< held-out known rows that the budget was measured on; 0: it was not
    std::int64_t measured_rejected = 0; ///< of these
    /// Of these, each was held out of a calibration of its own: they tell of calibrations like this one, not of this one.
    bool measured_in_folds = false;
    std::string measured = "{}"; ///< JSON object for people: how it was measured, rates with their intervals
};

std::string to_json(const Calibration& calibration);

/// name  of the document in messages. Throws Error(corrupt) with everything that is wrong with it.
Calibration parse_calibration(std::string_view json, const std::string& name);

/// Throws as parse_calibration(), and Error(not_found, unreadable), naming the file.
Calibration read_calibration(const std::filesystem::path& path);

} // namespace openset::io
