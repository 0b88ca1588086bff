#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "openset/cascade/chain_calibration.hpp"

namespace openset::calibrate {

/// How many known rows that nothing was calibrated on are rejected, and by what.
struct Measured {
    std::int64_t rows = 0; ///< 0: nothing was measured
    std::map<cascade::RejectedBy, std::int64_t> rejected;
    /// Each row was held out of a calibration of its own on nine tenths of the others; false: rows of another file.
    bool by_folds = false;

    std::int64_t all_rejected() const;
};

/// What the calibration does to other known rows.
Measured measure(const cascade::ChainCalibration& calibration, const cascade::ChainRows& held_out);

/// What calibrations like this one do: the rows in ten parts, each judged by a calibration on the nine others. Nothing is
/// measured where those are too few for one.
Measured measure_by_folds(const cascade::ChainRows& rows, double budget, bool by_label, std::uint64_t seed);

nlohmann::ordered_json to_json(const Measured& measured);

/// Sentences for people.
std::vector<std::string> told(const Measured& measured);

} // namespace openset::calibrate
