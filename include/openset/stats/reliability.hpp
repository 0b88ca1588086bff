#pragma once

#include <array>
#include <cstdint>

#include "openset/stats/compensated_sum.hpp"

namespace openset::stats {

/// How far a classifier's confidence is what comes true: rows in 15 equal bins of confidence, a value on an edge in the bin
/// below (Guo et al. 2017, On Calibration of Modern Neural Networks).
class Reliability {
public:
    static constexpr int bin_count = 15;

    struct Bin {
        CompensatedSum confidence; ///< over the rows
        std::int64_t rows = 0, right = 0;
    };

    /// confidence  0 to 1
    /// times       how often the row counts
    void add(double confidence, bool right, std::int64_t times = 1);

    /// The expected calibration error: |mean confidence - share rightly named| of a bin, weighted with its rows. 0 to 1; 0
    /// without rows.
    double expected_calibration_error() const;

    const std::array<Bin, bin_count>& bins() const { return bins_; }
    std::int64_t rows() const { return rows_; }

private:
    std::array<Bin, bin_count> bins_{};
    std::int64_t rows_ = 0;
};

} // namespace openset::stats
