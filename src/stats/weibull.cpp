#include "openset/stats/weibull.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "stats/log_weibull.hpp"
#include "stats/tail_selection.hpp"

namespace openset::stats {
namespace {

constexpr double normal_97_5 = 1.959963984540054;

std::array<double, 2> interval(double value, double standard_error_of_log) {
    const double factor = std::exp(normal_97_5 * standard_error_of_log);
    return {value / factor, value * factor};
}

/// Standard errors from the observed information in (ln scale, 1 / shape).
/// log_values  ln(x / translate)
void set_standard_errors(TailFit& fit, std::span<const double> log_values) {
    double h11 = 0, h12 = 0, h22 = 0;
    for (const double value : log_values) {
        const double z = fit.shape * (value - fit.log_scale_rel);
        const double e = std::exp(z);
        h11 += e;
        h12 += (z + 1) * e - 1;
        h22 += z * (z + 2) * e - 2 * z - 1;
    }
    const double determinant = h11 * h22 - h12 * h12;
    fit.se_log_shape = std::sqrt(h11 / determinant);
    fit.se_log_scale = std::sqrt(h22 / determinant) / fit.shape;
}

double ks_distance(const TailFit& fit, std::span<const double> tail) {
    std::vector<double> w;
    w.reserve(tail.size());
    for (const double distance : tail) w.push_back(fit.w(distance));
    std::ranges::sort(w);
    return kolmogorov_smirnov(w);
}

} // namespace

std::string_view to_string(TailStatus status) {
    switch (status) {
    case TailStatus::bad_parameter: return "bad_parameter";
    case TailStatus::empty: return "empty";
    case TailStatus::non_finite: return "non_finite";
    case TailStatus::too_few: return "too_few";
    case TailStatus::constant: return "constant";
    case TailStatus::ok: return "ok";
    }
    return "";
}

double TailFit::scale() const { return translate * std::exp(log_scale_rel); }

std::array<double, 2> TailFit::shape_interval() const { return interval(shape, se_log_shape); }

std::array<double, 2> TailFit::scale_interval() const { return interval(scale(), se_log_scale); }

WScore TailFit::w_score(double distance) const {
    const double beyond = (distance - smallest_tail) / translate;
    if (beyond <= -1) return {0, 1};
    const double hazard = std::exp(shape * (std::log1p(beyond) - log_scale_rel));
    return {-std::expm1(-hazard), std::exp(-hazard)};
}

TailFit fit_weibull_tail(std::span<const double> distances, const TailParams& params) {
    TailFit fit;
    if (params.translate && !(std::isfinite(*params.translate) && *params.translate > 0)) {
        fit.status = TailStatus::bad_parameter;
        return fit;
    }
    const SelectedTail tail = select_tail(distances, params.tail_size);
    static_cast<TailSummary&>(fit) = tail.summary;
    if (!fit.ok()) return fit;

    fit.translate = params.translate.value_or(fit.largest_tail - fit.smallest_tail);
    std::vector<double> log_values; // ln(x / translate): log1p keeps the digits of tight tails
    log_values.reserve(tail.values.size());
    for (const double distance : tail.values) {
        log_values.push_back(std::log1p((distance - fit.smallest_tail) / fit.translate));
    }
    // A span that overflows, or is lost beside translate.
    if (!std::isnormal(log_values.front())) {
        fit.status = std::isinf(log_values.front()) || std::isnan(log_values.front()) ? TailStatus::non_finite
                                                                                      : TailStatus::constant;
        return fit;
    }
    const LogWeibull law = fit_log_weibull(log_values);
    if (!std::isfinite(law.shape)) {
        fit.status = TailStatus::constant;
        return fit;
    }
    fit.shape = law.shape;
    fit.log_scale_rel = law.log_scale;
    fit.tight = fit.shape > TailFit::tight_shape;
    fit.loglik = log_likelihood(log_values, law) - std::accumulate(log_values.begin(), log_values.end(), 0.0) -
                 static_cast<double>(log_values.size()) * std::log(fit.translate);
    fit.ks = ks_distance(fit, tail.values);
    set_standard_errors(fit, log_values);
    return fit;
}

} // namespace openset::stats
