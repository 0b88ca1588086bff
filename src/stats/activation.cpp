#include "openset/stats/activation.hpp"

#include <algorithm>
#include <cmath>

namespace openset::stats {

std::vector<double> softmax(std::span<const double> values) {
    const double largest = *std::ranges::max_element(values);
    std::vector<double> result;
    result.reserve(values.size());
    double sum = 0;
    for (const double value : values) {
        result.push_back(std::exp(value - largest));
        sum += result.back();
    }
    for (double& probability : result) probability /= sum;
    return result;
}

double sigmoid(double value) {
    // Of a large negative value exp(-value) would overflow, and lose the digits of a small result before that.
    const double e = std::exp(-std::abs(value));
    return value >= 0 ? 1 / (1 + e) : e / (1 + e);
}

double log_sum_exp(std::span<const double> values) {
    const double largest = *std::ranges::max_element(values);
    if (std::isinf(largest)) return largest;
    double sum = 0;
    for (const double value : values) sum += std::exp(value - largest);
    return largest + std::log(sum);
}

} // namespace openset::stats
