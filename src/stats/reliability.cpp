#include "openset/stats/reliability.hpp"

#include <algorithm>
#include <cmath>

namespace openset::stats {
namespace {

constexpr int bins = Reliability::bin_count;

/// A value on an edge lies in the bin below: where its product with the number of bins rounds, the edge decides.
int bin_of(double confidence) {
    int bin = std::clamp(static_cast<int>(confidence * bins), 0, bins - 1);
    while (bin > 0 && confidence <= static_cast<double>(bin) / bins) --bin;
    while (bin + 1 < bins && confidence > static_cast<double>(bin + 1) / bins) ++bin;
    return bin;
}

} // namespace

void Reliability::add(double confidence, bool right, std::int64_t times) {
    Bin& bin = bins_[static_cast<std::size_t>(bin_of(confidence))];
    bin.confidence.add(static_cast<double>(times) * confidence);
    bin.rows += times;
    if (right) bin.right += times;
    rows_ += times;
}

double Reliability::expected_calibration_error() const {
    if (rows_ == 0) return 0;
    double sum = 0;
    for (const Bin& bin : bins_) sum += std::abs(bin.confidence.value() - static_cast<double>(bin.right));
    return sum / static_cast<double>(rows_);
}

} // namespace openset::stats
