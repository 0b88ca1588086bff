#include "openset/stats/fusion.hpp"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <numeric>
#include <vector>

namespace openset::stats {
namespace {

/// From 0, ties at their mean.
std::vector<double> ranks(std::span<const double> values) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
    std::vector<double> result(values.size());
    for (std::size_t first = 0; first < order.size();) {
        std::size_t end = first + 1;
        while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
        for (std::size_t i = first; i < end; ++i) result[order[i]] = static_cast<double>(first + end - 1) / 2;
        first = end;
    }
    return result;
}

} // namespace

double fisher_score(std::span<const double> p) {
    double sum = 0;
    for (const double each : p) sum += std::log(each);
    return -2 * sum;
}

double stouffer_score(std::span<const double> p, double step) {
    const boost::math::normal standard;
    double sum = 0;
    for (const double each : p)
        sum += boost::math::quantile(boost::math::complement(standard, std::min(each, 1 - step / 2)));
    return sum / std::sqrt(static_cast<double>(p.size()));
}

double mean_rank_score(std::span<const double> p) {
    double sum = 0;
    for (const double each : p) sum += 1 - each;
    return sum / static_cast<double>(p.size());
}

double spearman_correlation(std::span<const double> one, std::span<const double> other) {
    const std::vector<double> a = ranks(one), b = ranks(other);
    const double mean = (static_cast<double>(a.size()) - 1) / 2;
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        ab += (a[i] - mean) * (b[i] - mean);
        aa += (a[i] - mean) * (a[i] - mean);
        bb += (b[i] - mean) * (b[i] - mean);
    }
    return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

} // namespace openset::stats
