#include "stats/log_weibull.hpp"

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

namespace openset::stats {
namespace {

double mean(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double sample_deviation(std::span<const double> values, double mean) {
    double sum = 0;
    for (const double value : values) sum += (value - mean) * (value - mean);
    return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

/// The derivative of the profile likelihood, up to its sign, with z moved and stretched to [-1, 0]: it increases from
/// -infinity to -mean z > 0.
class ProfileEquation {
public:
    explicit ProfileEquation(std::span<const double> z) : z_(z), mean_(mean(z)) {}

    double operator()(double c) const {
        double sum = 0, weighted = 0;
        for (const double z : z_) {
            const double e = std::exp(c * z);
            sum += e;
            weighted += z * e;
        }
        return weighted / sum - mean_ - 1 / c;
    }

    /// Where the root would be if the sample's deviation were that of the law.
    double first_guess() const { return std::numbers::pi / (std::sqrt(6.0) * sample_deviation(z_, mean_)); }

private:
    std::span<const double> z_;
    double mean_;
};

double root(const ProfileEquation& equation) {
    double low = equation.first_guess(), high = low;
    double at_low = equation(low), at_high = at_low;
    while (at_low > 0) at_low = equation(low /= 2);
    while (at_high < 0) at_high = equation(high *= 2);
    if (at_low == 0) return low;
    if (at_high == 0) return high;
    const boost::math::tools::eps_tolerance<double> to_the_last_digit(std::numeric_limits<double>::digits);
    std::uintmax_t iterations = 200;
    const auto [a, b] =
        boost::math::tools::toms748_solve(equation, low, high, at_low, at_high, to_the_last_digit, iterations);
    return std::midpoint(a, b);
}

} // namespace

LogWeibull fit_log_weibull(std::span<const double> log_values) {
    const auto [smallest, largest] = std::ranges::minmax(log_values);
    const double span = largest - smallest;
    std::vector<double> z;
    z.reserve(log_values.size());
    for (const double value : log_values) z.push_back((value - largest) / span);
    const double shape = root(ProfileEquation(z)) / span;
    return {shape, log_scale_for(log_values, shape)};
}

double log_scale_for(std::span<const double> log_values, double shape) {
    const double largest = *std::ranges::max_element(log_values);
    double sum = 0;
    for (const double value : log_values) sum += std::exp(shape * (value - largest));
    return largest + std::log(sum / static_cast<double>(log_values.size())) / shape;
}

double log_likelihood(std::span<const double> log_values, const LogWeibull& law) {
    double sum = 0;
    for (const double value : log_values) {
        const double scaled = law.shape * (value - law.log_scale);
        sum += scaled - std::exp(scaled);
    }
    return sum + static_cast<double>(log_values.size()) * std::log(law.shape);
}

} // namespace openset::stats
