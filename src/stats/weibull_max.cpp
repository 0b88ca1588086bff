#include "openset/stats/weibull_max.hpp"

#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "stats/log_weibull.hpp"
#include "stats/tail_selection.hpp"

namespace openset::stats {
namespace {

double mean(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Of the population: divided by n.
double deviation(std::span<const double> values) {
    const double centre = mean(values);
    double sum = 0;
    for (const double value : values) sum += (value - centre) * (value - centre);
    return std::sqrt(sum / static_cast<double>(values.size()));
}

/// tail  descending, so that the W-scores are
void set_ks(WeibullMaxFit& fit, std::span<const double> tail) {
    std::vector<double> w;
    w.reserve(tail.size());
    for (const double distance : tail) w.push_back(fit.w(distance));
    std::ranges::sort(w);
    fit.ks = kolmogorov_smirnov(w);
}

// ---- the best regular fit

/// A law with loc at a certain distance above the largest value.
struct ProfilePoint {
    LogWeibull law; ///< of ln((loc - d) / offset)
    double offset = 0;
    double loglik = 0;
};

/// The likelihood with loc = largest + offset, maximised over scale and shape >= 1: loc - d is a Weibull variable then.
/// below  largest - d
ProfilePoint profile(std::span<const double> below, double offset) {
    std::vector<double> log_values;
    log_values.reserve(below.size());
    for (const double value : below) log_values.push_back(std::log1p(value / offset));
    LogWeibull law = fit_log_weibull(log_values);
    if (law.shape < 1) law = {1, log_scale_for(log_values, 1)};
    const double jacobian = std::accumulate(log_values.begin(), log_values.end(), 0.0) +
                            static_cast<double>(below.size()) * std::log(offset);
    return {law, offset, log_likelihood(log_values, law) - jacobian};
}

/// The best point of the profile with loc above the largest value. The profile is not concave: a grid finds the hill.
ProfilePoint best_interior(std::span<const double> below, double deviation) {
    constexpr int steps = 200;
    const double from = std::log(1e-6 * deviation), to = std::log(1e5 * deviation), step = (to - from) / steps;
    double best = from, best_loglik = -std::numeric_limits<double>::infinity();
    for (int i = 0; i <= steps; ++i) {
        const double at = from + i * step;
        const double loglik = profile(below, std::exp(at)).loglik;
        if (loglik > best_loglik) {
            best = at;
            best_loglik = loglik;
        }
    }
    const auto loss = [below](double at) { return -profile(below, std::exp(at)).loglik; };
    const auto [refined, refined_loss] =
        boost::math::tools::brent_find_minima(loss, best - step, best + step, std::numeric_limits<double>::digits / 2);
    return profile(below, std::exp(-refined_loss > best_loglik ? refined : best));
}

/// Shape 1 with loc on the largest value itself: the edge that the profile runs to where shape is held at 1.
double loglik_of_exponential(std::span<const double> below) {
    return -static_cast<double>(below.size()) * (std::log(mean(below)) + 1);
}

// ---- scipy's end point

struct Point {
    double shape = 0, loc = 0, scale = 0;
};

Point combine(double a, const Point& p, double b, const Point& q) {
    return {a * p.shape + b * q.shape, a * p.loc + b * q.loc, a * p.scale + b * q.scale};
}

/// scipy's penalised negative log-likelihood: a value outside of the support, or without a finite density, costs
/// 100 ln(DBL_MAX).
class PenalisedLoss {
public:
    explicit PenalisedLoss(std::span<const double> values) : values_(values) {}

    double operator()(const Point& at) {
        ++calls_;
        if (!(at.shape > 0) || at.scale <= 0) return std::numeric_limits<double>::infinity();
        double sum = 0;
        double outside = 0;
        for (const double value : values_) {
            const double z = (value - at.loc) / at.scale;
            const double term =
                z < 0 ? std::log(at.shape) + (at.shape - 1) * std::log(-z) - std::pow(-z, at.shape) : NAN;
            if (std::isfinite(term)) {
                sum += term;
            } else {
                ++outside;
            }
        }
        static const double penalty = 100 * std::log(std::numeric_limits<double>::max());
        return -sum + outside * penalty + static_cast<double>(values_.size()) * std::log(at.scale);
    }

    int calls() const { return calls_; }

private:
    std::span<const double> values_;
    int calls_ = 0;
};

/// scipy's weibull_max._fitstart.
Point scipy_start(std::span<const double> values) {
    const auto [smallest, largest] = std::ranges::minmax(values);
    const double spread = deviation(values), loc = mean(values) + spread;
    if (largest < loc) return {1, loc, spread};
    return {1, largest + 0.1 * (largest - smallest), 1};
}

struct Vertex {
    Point at;
    double loss = 0;
};

/// scipy.optimize.fmin with its defaults, for three parameters: the operations in its order, so that the rounding is
/// its too.
class ScipySimplex {
public:
    ScipySimplex(PenalisedLoss& loss, const Point& start) : loss_(loss) {
        for (double Point::*coordinate :
             {static_cast<double Point::*>(nullptr), &Point::shape, &Point::loc, &Point::scale}) {
            Point at = start;
            if (coordinate != nullptr) at.*coordinate = at.*coordinate != 0 ? 1.05 * at.*coordinate : 0.00025;
            vertices_.push_back({at, loss_(at)});
        }
        sort();
    }

    Vertex minimise() {
        constexpr int limit = 600;
        for (int iteration = 1; loss_.calls() < limit && iteration < limit; ++iteration) {
            if (converged()) break;
            if (!improve_worst()) shrink();
            sort();
        }
        return vertices_.front();
    }

private:
    bool converged() const {
        constexpr double tolerance = 1e-4;
        const Vertex& best = vertices_.front();
        return std::all_of(vertices_.begin() + 1, vertices_.end(), [&best](const Vertex& vertex) {
            return std::abs(vertex.at.shape - best.at.shape) <= tolerance &&
                   std::abs(vertex.at.loc - best.at.loc) <= tolerance &&
                   std::abs(vertex.at.scale - best.at.scale) <= tolerance &&
                   std::abs(vertex.loss - best.loss) <= tolerance;
        });
    }

    Vertex evaluated(const Point& at) { return {at, loss_(at)}; }

    /// False: nothing better was found along the line through the worst vertex and the centre of the others.
    bool improve_worst() {
        Vertex& worst = vertices_[3];
        const Point sum = combine(1, combine(1, vertices_[0].at, 1, vertices_[1].at), 1, vertices_[2].at);
        const Point centre = {sum.shape / 3, sum.loc / 3, sum.scale / 3};
        const Vertex reflected = evaluated(combine(2, centre, -1, worst.at));
        if (reflected.loss < vertices_[0].loss) {
            const Vertex expanded = evaluated(combine(3, centre, -2, worst.at));
            worst = expanded.loss < reflected.loss ? expanded : reflected;
            return true;
        }
        if (reflected.loss < vertices_[2].loss) {
            worst = reflected;
            return true;
        }
        const bool outside = reflected.loss < worst.loss;
        const Vertex contracted =
            evaluated(outside ? combine(1.5, centre, -0.5, worst.at) : combine(0.5, centre, 0.5, worst.at));
        const bool better = outside ? contracted.loss <= reflected.loss : contracted.loss < worst.loss;
        if (better) worst = contracted;
        return better;
    }

    void shrink() {
        const Point& best = vertices_.front().at;
        for (std::size_t i = 1; i < vertices_.size(); ++i) {
            vertices_[i] = evaluated(combine(1, best, 0.5, combine(1, vertices_[i].at, -1, best)));
        }
    }

    void sort() { std::ranges::stable_sort(vertices_, {}, &Vertex::loss); }

    PenalisedLoss& loss_;
    std::vector<Vertex> vertices_; ///< 4, the best first
};

} // namespace

WScore WeibullMaxFit::w_score(double distance) const {
    double hazard = 0; // -ln w
    if (gumbel_limit) {
        hazard = std::exp(-(distance - mode) / beta);
    } else if (distance < loc) {
        hazard = std::pow((loc - distance) / scale, shape);
    }
    return {std::exp(-hazard), -std::expm1(-hazard)};
}

WeibullMaxFit fit_weibull_max(std::span<const double> distances, std::int64_t tail_size) {
    const SelectedTail tail = select_tail(distances, tail_size);
    WeibullMaxFit fit;
    static_cast<TailSummary&>(fit) = tail.summary;
    if (!fit.ok()) return fit;

    const double span = fit.largest_tail - fit.smallest_tail;
    if (!std::isfinite(span)) {
        fit.status = TailStatus::non_finite;
        return fit;
    }
    std::vector<double> below; // in units of the span, where nothing overflows
    below.reserve(tail.values.size());
    for (const double value : tail.values) below.push_back((fit.largest_tail - value) / span);
    const ProfilePoint interior = best_interior(below, deviation(below));
    const double exponential_loglik = loglik_of_exponential(below);
    // Mirrored, the Gumbel law of maxima is that of minima, which is what a Weibull law is in logarithms.
    const LogWeibull gumbel = fit_log_weibull(below);
    const double gumbel_loglik = log_likelihood(below, gumbel);

    constexpr double negligible = 1e-6;
    if (gumbel_loglik >= std::max(interior.loglik, exponential_loglik) - negligible) {
        fit.gumbel_limit = true;
        fit.mode = fit.largest_tail - gumbel.log_scale * span;
        fit.beta = span / gumbel.shape;
        fit.loglik = gumbel_loglik;
    } else if (exponential_loglik > interior.loglik) {
        fit.shape = 1;
        fit.loc = fit.largest_tail;
        fit.scale = mean(below) * span;
        fit.loglik = exponential_loglik;
    } else {
        fit.shape = interior.law.shape;
        fit.loc = fit.largest_tail + interior.offset * span;
        fit.scale = interior.offset * std::exp(interior.law.log_scale) * span;
        fit.loglik = interior.loglik;
    }
    fit.loglik -= static_cast<double>(below.size()) * std::log(span);
    set_ks(fit, tail.values);
    return fit;
}

WeibullMaxFit fit_weibull_max_like_scipy(std::span<const double> distances, std::int64_t tail_size) {
    const SelectedTail tail = select_tail(distances, tail_size);
    WeibullMaxFit fit;
    static_cast<TailSummary&>(fit) = tail.summary;
    if (!fit.ok()) return fit;

    // As given where all are used: sums in another order would round differently.
    std::vector<double> values(tail.values.rbegin(), tail.values.rend());
    if (values.size() == distances.size()) values.assign(distances.begin(), distances.end());
    PenalisedLoss loss(values);
    const Vertex end = ScipySimplex(loss, scipy_start(values)).minimise();
    fit.shape = end.at.shape;
    fit.loc = end.at.loc;
    fit.scale = end.at.scale;
    fit.loglik = -end.loss;
    if (!std::isfinite(fit.loc) || !std::isfinite(fit.scale) || !std::isfinite(fit.loglik)) {
        fit.status = TailStatus::non_finite;
        return fit;
    }
    set_ks(fit, tail.values);
    return fit;
}

} // namespace openset::stats
