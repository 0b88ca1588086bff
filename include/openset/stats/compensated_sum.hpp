#pragma once

#include <cmath>

namespace openset::stats {

/// A sum of many numbers without the rounding errors of as many additions, so that their order hardly shows (Neumaier
/// 1974).
class CompensatedSum {
public:
    void add(double value) {
        const double next = sum_ + value;
        error_ += std::abs(sum_) >= std::abs(value) ? (sum_ - next) + value : (value - next) + sum_;
        sum_ = next;
    }
    double value() const { return sum_ + error_; }

private:
    double sum_ = 0, error_ = 0;
};

} // namespace openset::stats
