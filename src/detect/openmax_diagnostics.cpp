#include "detect/openmax_diagnostics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>

#include "detect/openmax_params.hpp"
#include "io/checked_json.hpp"

namespace openset::detect {
namespace {

constexpr double near_zero_w = 0.05;

/// Few digits, for a sentence.
std::string in_short(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3g", value);
    return text.data();
}

std::string percent(double share) { return in_short(100 * share) + " %"; }

std::string counted(std::int64_t count, const std::string& noun) {
    const std::string ending = count == 1 ? "" : noun.ends_with("s") ? "es" : "s";
    return std::to_string(count) + " " + noun + ending;
}

// ---- diagnostics

io::Json json_of_law(const stats::TailFit& fit) {
    return {{"scale", fit.scale()},
            {"scale_over_shape", fit.scale() / fit.shape},
            {"ci95_shape", fit.shape_interval()},
            {"ci95_scale", fit.scale_interval()},
            {"se_log_shape", fit.se_log_shape},
            {"se_log_scale", fit.se_log_scale}};
}

io::Json json_of_law(const stats::WeibullMaxFit&) { return io::Json::object(); }

bool is_tight(const OpenMaxClass& one) {
    const auto* fit = std::get_if<stats::TailFit>(&one.tail);
    return fit != nullptr && fit->tight;
}

io::Json json_of_class(const OpenMaxClass& one, std::size_t index, const OpenMaxObservations& seen) {
    const stats::TailSummary& summary = one.summary();
    io::Json json = {
        {"label", one.label},    {"rows", seen.rows_of_class[index]}, {"correct", seen.correct[index]},
        {"fitted_on", one.rows}, {"tail_used", summary.n_used},       {"status", stats::to_string(summary.status)}};
    std::vector<std::string> flags;
    if (summary.tail_clipped) flags.emplace_back("tail_clipped");
    if (is_tight(one)) flags.emplace_back("tight");
    json["flags"] = flags;
    if (!one.has_fit()) return json;
    json.update(std::visit([](const auto& fit) { return json_of_law(fit); }, one.tail));
    json["loglik"] = summary.loglik;
    json["ks"] = summary.ks;
    json["unit_sensitivity"] = seen.unit_sensitivity[index];
    json["share_w_below_0.05"] = seen.fitted[index].share();
    return json;
}

PredictedW sum(const std::vector<PredictedW>& parts) {
    PredictedW all;
    for (const PredictedW& part : parts) {
        all.rows += part.rows;
        all.near_zero += part.near_zero;
    }
    return all;
}

double share_of_block(const OpenMaxObservations& seen) {
    return seen.squared_distance > 0 ? seen.squared_distance_of_block / seen.squared_distance : 0;
}

/// JSON has no infinity: a figure that overflowed stands there as null, as nlohmann writes it.
std::string dumped(const io::Json& json) { return json.dump(-1, ' ', false, io::Json::error_handler_t::replace); }

// ---- warnings

/// The same sentence about many classes: the first few are named.
void warn_of_classes(std::vector<std::string>& warnings, const std::vector<std::string>& sentences,
                     const std::string& of_the_others) {
    constexpr std::size_t named = 5;
    const std::size_t count = sentences.size() <= named + 1 ? sentences.size() : named;
    for (std::size_t i = 0; i < count; ++i) warnings.push_back(sentences[i]);
    if (count < sentences.size()) {
        warnings.push_back(std::to_string(sentences.size() - count) + " more classes " + of_the_others);
    }
}

/// What the class's rows are called in a sentence.
std::string rows_in_words(const OpenMaxParams& params, std::int64_t count) {
    return counted(count, params.fit_rows == FitRows::correct ? "correct picture" : "picture");
}

std::string consequence(const OpenMaxClass& one, WithoutFit policy) {
    switch (policy) {
    case WithoutFit::zero: return "--without-fit zero: it never gives a reason to reject";
    case WithoutFit::one: return "--without-fit one: its W-score is 1 for every picture";
    default:
        return one.summary().has_tail()
                   ? "--without-fit step: its W-score is 0 up to the largest distance seen, 1 beyond"
                   : "--without-fit step: having seen none, its W-score is 1 for every picture";
    }
}

std::string reason_without_fit(const OpenMaxParams& params, const OpenMaxClass& one) {
    switch (one.summary().status) {
    case stats::TailStatus::empty:
    case stats::TailStatus::too_few:
        if (params.tail_size < 3)
            return "--tail-size " + std::to_string(params.tail_size) + " is fewer than the 3 that a fit needs";
        return rows_in_words(params, one.rows) + ", fewer than the 3 that a fit needs";
    case stats::TailStatus::constant: return "all distances of its tail are equal";
    default: return "distances that no number holds";
    }
}

void warn_of_missing_fits(const OpenMaxState& state, std::vector<std::string>& warnings) {
    std::vector<std::string> sentences;
    for (const OpenMaxClass& one : state.classes) {
        if (one.has_fit()) continue;
        sentences.push_back("class " + one.label + " has no fit (" + reason_without_fit(state.params, one) + "); " +
                            consequence(one, state.params.without_fit));
    }
    warn_of_classes(warnings, sentences, "have no fit either; the diagnostics name them");
}

void warn_of_short_tails(const OpenMaxState& state, std::vector<std::string>& warnings) {
    std::vector<std::string> sentences;
    for (const OpenMaxClass& one : state.classes) {
        if (!one.has_fit() || !one.summary().tail_clipped) continue;
        sentences.push_back("class " + one.label + " has " + rows_in_words(state.params, one.rows) +
                            ", fewer than --tail-size " + std::to_string(state.params.tail_size) + ": used " +
                            std::to_string(one.summary().n_used));
    }
    warn_of_classes(warnings, sentences, "have fewer than that too");
}

void warn_of_tight_tails(const OpenMaxState& state, std::vector<std::string>& warnings) {
    const auto tight = std::ranges::count_if(state.classes, is_tight);
    if (tight == 0) return;
    const auto& one = *std::ranges::find_if(state.classes, is_tight);
    const auto& fit = std::get<stats::TailFit>(one.tail);
    warnings.push_back(
        (tight == 1 ? "1 class" : std::to_string(tight) + " classes") + " with a shape above 1000 (class " + one.label +
        ": " + in_short(fit.shape) + "): its distances spread over " + in_short(fit.largest_tail - fit.smallest_tail) +
        ", little beside --translate " + in_short(fit.translate) +
        "; no fault, the W-score rises within that spread, and --translate auto gives shapes that can be "
        "compared");
}

void warn_of_alpha(const OpenMaxState& state, std::vector<std::string>& warnings) {
    const OpenMaxParams& params = state.params;
    const auto classes = static_cast<std::int64_t>(state.classes.size());
    // A preset's alpha is cut by design; one that was asked for is not what was meant.
    const bool asked_for = params.alpha != openmax_preset(params.preset).params.alpha;
    if (asked_for && params.alpha && *params.alpha > classes) {
        warnings.push_back("--alpha " + std::to_string(*params.alpha) + " cut to " + std::to_string(classes) +
                           ", the number of classes");
    }
    if (params.alpha_weights == AlphaWeights::paper && std::min(params.alpha.value_or(classes), classes) == 1) {
        warnings.emplace_back("--alpha-weights paper gives the largest of one logit the weight 0: nothing is ever "
                              "rejected; take a larger --alpha, or --alpha-weights osdn");
    }
}

void warn_of_logits(const OpenMaxState& state, const OpenMaxObservations& seen, std::vector<std::string>& warnings) {
    if (state.params.negative_logits == NegativeLogits::none && seen.without_positive_logit > 0) {
        warnings.push_back("every logit is negative in " + std::to_string(seen.without_positive_logit) + " of " +
                           counted(seen.labelled + seen.unlabelled, "row") +
                           ": there the published rule works backwards, the farther the less unknown; "
                           "--negative-logits probability is free of that");
    }
    if (state.origin.activation == "sigmoid") {
        warnings.emplace_back(
            "the network's labels do not exclude each other (sigmoid): OpenMax is made for a softmax; "
            "look at sigmoid-max too");
    }
}

void warn_of_block(const OpenMaxState& state, const OpenMaxObservations& seen, std::vector<std::string>& warnings) {
    constexpr double negligible = 0.01;
    if (!state.space.has_block_behind_logits() || share_of_block(seen) >= negligible) return;
    warnings.push_back("the columns behind the logits in --space " + state.params.space + " make " +
                       percent(share_of_block(seen)) +
                       " of the squared distance to the class means: they add nothing; scale them, or take --space "
                       "logits");
}

/// Of rows without a class alone: rows that a class was fitted on have a W-score near 0 where all is well.
void warn_of_w(const OpenMaxObservations& seen, std::vector<std::string>& warnings) {
    constexpr double half = 0.5;
    if (seen.unknown.share() <= half) return;
    warnings.push_back(
        percent(seen.unknown.share()) + " of the rows without a class have a W-score below " + in_short(near_zero_w) +
        " in the class they are predicted as: the arg-max rule will hardly reject; use a threshold, or a "
        "larger --tail-size");
}

void warn_of_units(const OpenMaxState& state, const OpenMaxObservations& seen, std::vector<std::string>& warnings) {
    constexpr double much = 0.2;
    const auto largest = std::ranges::max_element(seen.unit_sensitivity);
    if (largest == seen.unit_sensitivity.end() || *largest < much) return;
    const auto index = static_cast<std::size_t>(largest - seen.unit_sensitivity.begin());
    warnings.push_back(
        "the W-scores depend on the unit of the distances: one ten times larger or smaller moves them by up "
        "to " +
        in_short(*largest) + " (class " + state.classes[index].label +
        "); --tail-family weibull-min with --translate auto is free of it");
}

} // namespace

void PredictedW::add(double w) {
    ++rows;
    near_zero += w < near_zero_w ? 1 : 0;
}

std::variant<stats::TailFit, stats::WeibullMaxFit> fit_tail(const OpenMaxParams& params, std::span<const double> tail) {
    switch (params.tail_family) {
    case TailFamily::weibull_max: return stats::fit_weibull_max(tail, params.tail_size);
    case TailFamily::weibull_max_scipy: return stats::fit_weibull_max_like_scipy(tail, params.tail_size);
    default: return stats::fit_weibull_tail(tail, {params.tail_size, params.translate});
    }
}

double unit_sensitivity(const OpenMaxParams& params, std::span<const double> tail, const OpenMaxClass& one) {
    const bool unit_free = params.tail_family == TailFamily::weibull_max ||
                           (params.tail_family == TailFamily::weibull_min && !params.translate);
    if (unit_free || !one.has_fit()) return 0;
    double largest = 0;
    for (const double factor : {0.1, 10.0}) {
        std::vector<double> scaled;
        for (const double distance : tail) scaled.push_back(distance * factor);
        const OpenMaxClass other{.label = {}, .rows = one.rows, .tail = fit_tail(params, scaled)};
        for (std::size_t i = 0; i < tail.size(); ++i) {
            const double change =
                w_score(other, params.without_fit, scaled[i]).w - w_score(one, params.without_fit, tail[i]).w;
            largest = std::max(largest, std::abs(change));
        }
    }
    return largest;
}

std::string diagnostics_json(const OpenMaxState& state, const OpenMaxObservations& seen) {
    io::Json json = {{"rows", seen.labelled + seen.unlabelled},
                     {"rows_without_class", seen.unlabelled},
                     {"rows_without_positive_logit", seen.without_positive_logit},
                     {"share_w_below_0.05", sum(seen.fitted).share()},
                     {"warnings", state.warnings}};
    if (seen.unknown.rows > 0) json["share_w_below_0.05_without_class"] = seen.unknown.share();
    if (state.space.has_block_behind_logits()) json["share_of_block"] = share_of_block(seen);
    for (std::size_t i = 0; i < state.classes.size(); ++i) {
        json["classes"].push_back(json_of_class(state.classes[i], i, seen));
    }
    return dumped(json);
}

std::vector<std::string> warnings_of(const OpenMaxState& state, const OpenMaxObservations& seen) {
    std::vector<std::string> warnings;
    warn_of_missing_fits(state, warnings);
    warn_of_short_tails(state, warnings);
    warn_of_alpha(state, warnings);
    warn_of_logits(state, seen, warnings);
    warn_of_block(state, seen, warnings);
    warn_of_w(seen, warnings);
    warn_of_tight_tails(state, warnings);
    warn_of_units(state, seen, warnings);
    return warnings;
}

} // namespace openset::detect
