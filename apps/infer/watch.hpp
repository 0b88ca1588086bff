#pragma once

#include <optional>
#include <string>

#include "openset/cascade/chain_calibration.hpp"
#include "openset/io/row.hpp"
#include "openset/stats/rate_watch.hpp"

namespace openset::infer {

/// Warns when the share of rejected pictures in a run leaves what is expected (--watch-rate).
class Watch {
public:
    /// expected     `auto`, a share such as 0.1, or a range such as 0.05:0.15. auto: where the calibration's own share lies, as far as was
    ///              measured when it was made (ChainCalibration::rejection_range), which takes half of the false alarms.
    /// calibration  of the pipeline; may be null
    /// significance that the run rejects at
    /// Throws Error(usage): text that is none of these; auto without a calibration that was measured at this significance.
    Watch(const std::string& expected, double false_alarm, const cascade::ChainCalibration* calibration,
          std::optional<double> significance);

    /// The rows in their order; failed ones are none.
    void add(io::Outcome outcome);

    /// JSON object for the run record: what was expected, and the alarms.
    std::string record() const;

private:
    double false_alarm_;
    stats::RateRange expected_;
    std::optional<stats::RateWatch> watch_;
    std::vector<stats::RateWatch::Alarm> alarms_;
};

} // namespace openset::infer
