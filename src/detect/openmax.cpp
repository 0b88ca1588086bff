#include "openset/detect/openmax.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "detect/openmax_state.hpp"
#include "openset/stats/activation.hpp"

namespace openset::detect {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A row with what OpenMax weighs it by; reused from row to row.
struct Weighed {
    std::vector<double> logits;     ///< [C]
    std::vector<double> omega;      ///< [C]
    std::vector<stats::WScore> w;   ///< [C]
    std::vector<double> row;        ///< in the space of the distances
    std::vector<std::size_t> order; ///< the classes by falling logit, as far as they count

    /// What the class gives away, and what it keeps.
    double given(std::size_t i) const { return omega[i] * w[i].w; }
    double kept(std::size_t i) const { return (1 - omega[i]) + omega[i] * w[i].rest; }
};

/// What becomes of a row: Revision without what led there.
struct Outcome {
    std::vector<double> logits; ///< [C], or empty for NegativeLogits::probability
    double unknown_logit = 0;
    std::vector<double> probabilities; ///< [C + 1], unknown last
};

double omega_of(AlphaWeights weights, std::size_t rank_from_0, std::size_t alpha) {
    const auto a = static_cast<double>(alpha), i = static_cast<double>(rank_from_0 + 1);
    switch (weights) {
    case AlphaWeights::osdn: return (a + 1 - i) / a;
    case AlphaWeights::paper: return (a - i) / a;
    case AlphaWeights::uniform: return 1;
    }
    return 0;
}

void set_omega(const OpenMaxParams& params, Weighed& weighed) {
    const std::vector<double>& logits = weighed.logits;
    const std::size_t classes = logits.size();
    const auto wanted = static_cast<std::size_t>(params.alpha.value_or(std::numeric_limits<std::int64_t>::max()));
    const std::size_t alpha = std::min(classes, wanted);
    weighed.order.resize(classes);
    std::iota(weighed.order.begin(), weighed.order.end(), std::size_t{0});
    std::partial_sort(
        weighed.order.begin(), weighed.order.begin() + static_cast<std::ptrdiff_t>(alpha), weighed.order.end(),
        [&logits](std::size_t a, std::size_t b) { return logits[a] > logits[b] || (logits[a] == logits[b] && a < b); });
    weighed.order.resize(alpha);
    weighed.omega.assign(classes, 0);
    for (std::size_t i = 0; i < alpha; ++i) {
        weighed.omega[weighed.order[i]] = omega_of(params.alpha_weights, i, alpha);
    }
}

/// What `unknown` takes its part of (NegativeLogits).
double part_of(NegativeLogits fix, double logit) {
    switch (fix) {
    case NegativeLogits::clamp: return std::max(logit, 0.0);
    case NegativeLogits::abs: return std::abs(logit);
    default: return logit;
    }
}

/// P_i = p_i (1 - a_i), P_0 = sum p_i a_i.
std::vector<double> revised_probabilities(const Weighed& weighed) {
    std::vector<double> probabilities = stats::softmax(weighed.logits);
    double unknown = 0;
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
        unknown += probabilities[i] * weighed.given(i);
        probabilities[i] *= weighed.kept(i);
    }
    probabilities.push_back(std::min(unknown, 1.0)); // rounding may add up to a little more
    return probabilities;
}

/// r_1..r_C and r_0.
void revise_logits(NegativeLogits fix, const Weighed& weighed, Outcome& outcome) {
    const double shift = fix == NegativeLogits::shift ? *std::ranges::min_element(weighed.logits) : 0;
    outcome.logits.clear();
    outcome.unknown_logit = 0;
    for (std::size_t i = 0; i < weighed.logits.size(); ++i) {
        const double logit = weighed.logits[i] - shift;
        const double given = part_of(fix, logit) * weighed.given(i);
        outcome.logits.push_back(logit - given);
        outcome.unknown_logit += given;
    }
}

/// ln(P_0 / (1 - P_0)) of revised_probabilities(), where P itself may be 0 or 1 to its last digit. The largest logit is
/// taken out first: it would take the digits of the small differences with it.
double log_odds_of_probabilities(const Weighed& weighed) {
    const double largest = *std::ranges::max_element(weighed.logits);
    std::vector<double> given, kept;
    for (std::size_t i = 0; i < weighed.logits.size(); ++i) {
        given.push_back(weighed.logits[i] - largest + std::log(weighed.given(i)));
        kept.push_back(weighed.logits[i] - largest + std::log(weighed.kept(i)));
    }
    return stats::log_sum_exp(given) - stats::log_sum_exp(kept);
}

double log_odds(NegativeLogits fix, const Weighed& weighed, const Outcome& outcome) {
    return fix == NegativeLogits::probability ? log_odds_of_probabilities(weighed)
                                              : outcome.unknown_logit - stats::log_sum_exp(outcome.logits);
}

std::vector<double> with_unknown(const Outcome& outcome) {
    std::vector<double> all = outcome.logits;
    all.push_back(outcome.unknown_logit);
    return all;
}

/// exp(v) / sum exp(v) with nothing taken out: it overflows as the notebook's does, and then holds NaN.
std::vector<double> plain_softmax(std::span<const double> values) {
    std::vector<double> result;
    double sum = 0;
    for (const double value : values) sum += result.emplace_back(std::exp(value));
    for (double& value : result) value /= sum;
    return result;
}

/// q: the notebook's softmax of its softmax; empty where that is not a number.
std::vector<double> twice_softmaxed(const Outcome& outcome) {
    std::vector<double> q =
        plain_softmax(outcome.logits.empty() ? outcome.probabilities : plain_softmax(with_unknown(outcome)));
    if (std::ranges::any_of(q, [](double value) { return std::isnan(value); })) q.clear();
    return q;
}

double notebook_score(std::span<const double> q) {
    if (q.empty()) return -infinity;
    const auto largest = std::ranges::max_element(q);
    return largest == q.end() - 1 ? infinity : -*largest;
}

std::int64_t first_largest(std::span<const double> values) { return std::ranges::max_element(values) - values.begin(); }

/// Of the revised logits where there are any: they may differ where probabilities no longer do.
std::int64_t prediction_of(const Outcome& outcome) {
    const std::span<const double> known = outcome.logits.empty()
                                              ? std::span(outcome.probabilities).first(outcome.probabilities.size() - 1)
                                              : std::span(outcome.logits);
    const double unknown = outcome.logits.empty() ? outcome.probabilities.back() : outcome.unknown_logit;
    const std::int64_t best = first_largest(known);
    return unknown > known[static_cast<std::size_t>(best)] ? -1 : best;
}

/// The notebook's: arg-max of q, which is class 0 where q is not a number.
std::int64_t notebook_prediction(std::span<const double> q) {
    if (q.empty()) return 0;
    const std::int64_t best = first_largest(q);
    return best + 1 == std::ssize(q) ? -1 : best;
}

void load_row(const OpenMaxParams& params, const DistanceSpace& space, const io::Activations& activations,
              std::int64_t index, Weighed& weighed) {
    const std::span<const float> logits = activations.logits.row(index);
    weighed.logits.assign(logits.begin(), logits.end());
    set_omega(params, weighed);
    weighed.row.resize(static_cast<std::size_t>(space.columns()));
    space.gather(activations, index, weighed.row);
    weighed.w.assign(weighed.logits.size(), {});
}

Outcome revised(const OpenMaxParams& params, const Weighed& weighed) {
    Outcome outcome;
    if (params.negative_logits == NegativeLogits::probability) {
        outcome.probabilities = revised_probabilities(weighed);
    } else {
        revise_logits(params.negative_logits, weighed, outcome);
        outcome.probabilities = stats::softmax(with_unknown(outcome));
    }
    return outcome;
}

double score_of(const OpenMaxParams& params, const Weighed& weighed, const Outcome& outcome) {
    return params.decision == Decision::notebook ? notebook_score(twice_softmaxed(outcome))
                                                 : log_odds(params.negative_logits, weighed, outcome);
}

} // namespace

const stats::TailSummary& OpenMaxClass::summary() const {
    return std::visit([](const auto& fit) -> const stats::TailSummary& { return fit; }, tail);
}

stats::WScore w_score(const OpenMaxClass& one, WithoutFit policy, double distance) {
    constexpr stats::WScore inside{.w = 0, .rest = 1}, outside{.w = 1, .rest = 0};
    if (one.has_fit()) return std::visit([distance](const auto& fit) { return fit.w_score(distance); }, one.tail);
    switch (policy) {
    case WithoutFit::zero: return inside;
    case WithoutFit::one: return outside;
    default: return one.summary().has_tail() && distance <= one.summary().largest_tail ? inside : outside;
    }
}

bool rejects_by_argmax(const Revision& revision, double epsilon) {
    if (revision.prediction < 0) return true;
    if (revision.decision != Decision::notebook) return *std::ranges::max_element(revision.probabilities) < epsilon;
    return !revision.twice_softmaxed.empty() && *std::ranges::max_element(revision.twice_softmaxed) < epsilon;
}

OpenMax OpenMax::fit(const io::ActivationStore& store, const OpenMaxParams& params) {
    return fit(training_rows(store), params);
}

std::string_view OpenMax::method() const {
    return state_->params.decision == Decision::notebook ? "openmax-notebook" : "openmax";
}

Needs OpenMax::needs() const { return state_->space.needs(); }

const OpenMaxParams& OpenMax::params() const { return state_->params; }

const std::vector<OpenMaxClass>& OpenMax::classes() const { return state_->classes; }

std::span<const double> OpenMax::mean(std::int64_t index) const {
    const auto i = static_cast<std::size_t>(index);
    return state_->classes[i].rows > 0 ? state_->mean(i) : std::span<const double>();
}

const std::vector<std::string>& OpenMax::warnings() const { return state_->warnings; }

void OpenMax::score(const io::Activations& activations, std::span<double> scores) const {
    const OpenMaxState& state = *state_;
    Weighed weighed;
    for (std::int64_t index = 0; index < activations.rows; ++index) {
        load_row(state.params, state.space, activations, index, weighed);
        for (const std::size_t i : weighed.order) { // the others have omega 0
            const double to_mean = distance(state.params.distance, weighed.row, state.mean(i));
            weighed.w[i] = w_score(state.classes[i], state.params.without_fit, to_mean);
        }
        const Outcome outcome = revised(state.params, weighed);
        scores[static_cast<std::size_t>(index)] = score_of(state.params, weighed, outcome);
    }
}

Revision OpenMax::revise(const io::Activations& activations, std::int64_t row) const {
    const OpenMaxState& state = *state_;
    Weighed weighed;
    load_row(state.params, state.space, activations, row, weighed);

    Revision revision;
    for (std::size_t i = 0; i < state.classes.size(); ++i) {
        const double to_mean = distance(state.params.distance, weighed.row, state.mean(i));
        revision.distances.push_back(state.classes[i].rows > 0 ? std::optional(to_mean) : std::nullopt);
        weighed.w[i] = w_score(state.classes[i], state.params.without_fit, to_mean);
        revision.w.push_back(weighed.w[i].w);
    }
    const Outcome outcome = revised(state.params, weighed);
    revision.omega = weighed.omega;
    revision.logits = outcome.logits;
    if (!outcome.logits.empty()) revision.unknown_logit = outcome.unknown_logit;
    revision.probabilities.assign(outcome.probabilities.begin(), outcome.probabilities.end() - 1);
    revision.p_unknown = outcome.probabilities.back();
    revision.score = score_of(state.params, weighed, outcome);
    revision.prediction = prediction_of(outcome);
    revision.decision = state.params.decision;
    if (revision.decision == Decision::notebook) {
        revision.twice_softmaxed = twice_softmaxed(outcome);
        revision.prediction = notebook_prediction(revision.twice_softmaxed);
    }
    return revision;
}

} // namespace openset::detect
