#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "openset/base/error.hpp"
#include "openset/cascade/pipeline.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/stats/activation.hpp"

namespace openset::cascade {
namespace {

// Two probabilities may round to the same double while their logits still differ (1 - 1e-20 and 1 - 1e-30),
// so every order is taken from the logits.
bool ranks_before(const StageScores& scores, std::size_t a, std::size_t b) {
    return scores.logits[a] > scores.logits[b] || (scores.logits[a] == scores.logits[b] && a < b);
}

std::size_t likeliest_of_all(const StageScores& scores) {
    return static_cast<std::size_t>(std::ranges::max_element(scores.logits) - scores.logits.begin());
}

std::size_t likeliest_accepted(const StageScores& scores, const std::vector<int>& accept) {
    auto best = static_cast<std::size_t>(accept.front());
    for (const int id : accept) {
        if (ranks_before(scores, static_cast<std::size_t>(id), best)) best = static_cast<std::size_t>(id);
    }
    return best;
}

/// 1 = likeliest.
int rank_of(const StageScores& scores, std::size_t id) {
    int rank = 1;
    for (std::size_t other = 0; other < scores.logits.size(); ++other) rank += ranks_before(scores, other, id) ? 1 : 0;
    return rank;
}

double accepted_mass(const StageScores& scores, const std::vector<int>& accept) {
    double mass = 0;
    for (const int id : accept) mass += scores.probabilities[static_cast<std::size_t>(id)];
    return std::min(mass, 1.0); // the sum of all may exceed 1 by rounding
}

/// The accepted mass of a species filter. Rows tell the likeliest label's probability alone, and a threshold that was chosen
/// from rows has to decide as it was counted there, to the last bit: of two labels, the other has what the likeliest has
/// not, where the sum of both rounded probabilities may miss 1.
double species_mass(const StageScores& scores, const std::vector<int>& accept, std::size_t likeliest) {
    const bool accepts_the_other = accept.size() == 1 && static_cast<std::size_t>(accept.front()) != likeliest;
    if (scores.probabilities.size() == 2 && accepts_the_other) return 1 - scores.probabilities[likeliest];
    return accepted_mass(scores, accept);
}

io::LabelProbability named(const StageLabels& labels, const StageScores& scores, std::size_t id) {
    return {static_cast<int>(id), labels.names[id], scores.probabilities[id]};
}

std::vector<io::LabelProbability> named_in_order(const StageLabels& labels, const StageScores& scores,
                                                 std::vector<std::size_t> ids, std::size_t count) {
    count = std::min(count, ids.size());
    std::ranges::partial_sort(ids, ids.begin() + static_cast<std::ptrdiff_t>(count),
                              [&scores](std::size_t a, std::size_t b) { return ranks_before(scores, a, b); });
    std::vector<io::LabelProbability> result;
    result.reserve(count);
    for (std::size_t i = 0; i < count; ++i) result.push_back(named(labels, scores, ids[i]));
    return result;
}

io::Verdict rejected_by(Stage stage) { return {io::Outcome::unknown, "unknown", stage, {}}; }

std::vector<double> scaled(std::vector<double> values, double factor) {
    for (double& value : values) value *= factor;
    return values;
}

void require_scores_of(const StageLabels& labels, const StageScores& scores) {
    const std::size_t count = labels.names.size();
    if (count == 0 || scores.logits.size() != count || scores.probabilities.size() != count) {
        throw Error(ErrorKind::internal, "a stage has " + std::to_string(count) + " labels, but its scores have " +
                                             std::to_string(scores.logits.size()) + " logits and " +
                                             std::to_string(scores.probabilities.size()) + " probabilities");
    }
}

StageDecision decide_gate(const Gate& gate, const StageScores& scores) {
    require_scores_of(gate.labels, scores);
    io::GateFigures figures;
    figures.likeliest = named(gate.labels, scores, likeliest_of_all(scores));
    figures.mass = accepted_mass(scores, gate.accept);
    figures.rank = rank_of(scores, likeliest_accepted(scores, gate.accept));
    figures.pass = gate.rule == GateRule::mass ? figures.mass >= gate.min_mass : figures.rank <= gate.k;
    StageDecision decision{figures, {}};
    if (!figures.pass) decision.verdict = rejected_by(Stage::gate);
    return decision;
}

StageDecision decide_species(const Species& species, const StageScores& scores) {
    require_scores_of(species.labels, scores);
    const std::size_t likeliest = likeliest_of_all(scores);
    const std::size_t accepted = likeliest_accepted(scores, species.accept);
    io::SpeciesFigures figures;
    figures.likeliest = named(species.labels, scores, likeliest);
    figures.pass = species.min_probability
                       ? species_mass(scores, species.accept, likeliest) >= (*species.min_probability)[accepted]
                       : accepted == likeliest;
    StageDecision decision{figures, {}};
    if (!figures.pass) decision.verdict = rejected_by(Stage::species);
    return decision;
}

StageDecision decide_classifier(const Classifier& classifier, const StageScores& scores, int top) {
    require_scores_of(classifier.labels, scores);
    const std::size_t likeliest = likeliest_of_all(scores);
    std::vector<std::size_t> ids(scores.logits.size());
    std::iota(ids.begin(), ids.end(), std::size_t{0});

    io::ClassifierFigures figures;
    figures.likeliest = named(classifier.labels, scores, likeliest);
    figures.max_logit = scores.logits[likeliest];
    figures.top = named_in_order(classifier.labels, scores, ids, static_cast<std::size_t>(std::max(top, 0)));

    const auto passes = [&](std::size_t id) { return scores.probabilities[id] >= classifier.min_probability[id]; };
    std::optional<io::LabelProbability> name;
    if (classifier.labels.activation == model::Activation::sigmoid) {
        std::erase_if(ids, [&](std::size_t id) { return !passes(id); });
        figures.labels = named_in_order(classifier.labels, scores, ids, ids.size());
        if (!figures.labels->empty()) name = figures.labels->front();
    } else if (passes(likeliest)) {
        name = figures.likeliest;
    }
    if (!classifier.rejects) name = figures.likeliest;

    const io::Verdict verdict = name
                                    ? io::Verdict{io::Outcome::known, name->label, Stage::classifier, name->probability}
                                    : rejected_by(Stage::classifier);
    return {std::move(figures), verdict};
}

/// As io::read_stage_scores() takes them from rows.
double gate_score(const std::string& method, const io::GateFigures& gate) {
    return method == "rank" ? gate.rank : 1 - gate.mass;
}

/// The same, of a filter with two labels, whose likeliest has at least half.
double species_score(const Species& species, const io::SpeciesFigures& figures) {
    const bool accepted = std::ranges::find(species.accept, figures.likeliest.id) != species.accept.end();
    return accepted ? 1 - figures.likeliest.probability : figures.likeliest.probability;
}

std::string percent(double share) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.4g %%", 100 * share);
    return text.data();
}

std::string rounded(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.6g", value);
    return text.data();
}

} // namespace

std::vector<Stage> stages(const Pipeline& pipeline) {
    std::vector<Stage> result;
    if (pipeline.gate) result.push_back(Stage::gate);
    if (pipeline.species) result.push_back(Stage::species);
    result.push_back(Stage::classifier);
    return result;
}

Pipeline closed_set(Pipeline pipeline) {
    pipeline.gate.reset();
    pipeline.species.reset();
    pipeline.unknown.reset();
    pipeline.calibration.reset();
    pipeline.classifier.rejects = false;
    return pipeline;
}

StageScores score(const StageLabels& labels, std::span<const float> logits) {
    const bool single_logit = logits.size() == 1 && labels.names.size() == 2;
    if (!single_logit && (logits.empty() || logits.size() != labels.names.size())) {
        throw Error(ErrorKind::model, "the network gave " + std::to_string(logits.size()) +
                                          " logits a picture, expected one for each of its " +
                                          std::to_string(labels.names.size()) + " labels");
    }
    StageScores scores;
    if (single_logit) scores.logits.push_back(0);
    scores.logits.insert(scores.logits.end(), logits.begin(), logits.end());

    const std::vector<double> values(scores.logits.begin(), scores.logits.end());
    if (single_logit || labels.activation == model::Activation::softmax) {
        scores.probabilities = stats::softmax(scaled(values, labels.inverse_temperature));
    } else {
        for (const double value : values) scores.probabilities.push_back(stats::sigmoid(value));
    }
    return scores;
}

StageDecision decide(const Pipeline& pipeline, Stage stage, const StageScores& scores, int top) {
    if (stage == Stage::gate && pipeline.gate) return decide_gate(*pipeline.gate, scores);
    if (stage == Stage::species && pipeline.species) return decide_species(*pipeline.species, scores);
    if (stage == Stage::classifier) return decide_classifier(pipeline.classifier, scores, top);
    throw Error(ErrorKind::internal, "a stage was asked for that the pipeline does not have");
}

UnknownDecision decide_unknown(const Unknown& unknown, const io::Activations& activations, std::int64_t row,
                               const StageScores& scores, const io::Verdict& classified) {
    io::UnknownFigures figures;
    figures.method = unknown.detector->method();
    if (unknown.threshold.empty()) {
        const auto revision = dynamic_cast<const detect::OpenMax&>(*unknown.detector).revise(activations, row);
        figures.score = revision.score;
        figures.pass = !detect::rejects_by_argmax(revision, unknown.epsilon);
    } else {
        unknown.detector->score(io::one_row(activations, row), {&figures.score, 1});
        figures.threshold = unknown.threshold[likeliest_of_all(scores)];
        figures.pass = !(figures.score > *figures.threshold);
    }
    if (unknown.detector->score_is_log_odds()) figures.p_unknown = stats::sigmoid(figures.score);
    return {figures, figures.pass ? classified : rejected_by(Stage::unknown)};
}

double p_value(const Pipeline& pipeline, const io::Row& row, bool named) {
    if (!named) return pipeline.calibration->p_value(0);
    double least = 1;
    for (const io::StageCalibration& stage : pipeline.calibration->stages()) {
        const double score = stage.stage == Stage::gate      ? gate_score(stage.method, *row.gate)
                             : stage.stage == Stage::species ? species_score(*pipeline.species, *row.species)
                                                             : row.unknown->score;
        least =
            std::min(least, pipeline.calibration->stage_share(stage.stage, score, row.classifier->likeliest.label));
    }
    return pipeline.calibration->p_value(least);
}

double mass_at_threshold(double threshold) {
    if (threshold >= 1) return 0;
    if (threshold < 0) return 2; // no mass is that large
    // 1 - mass rounds: the mass is found for which it still is not above the threshold, among the doubles from 0 to 1.
    double rejected = 0, passes = 1;
    while (std::nextafter(rejected, 1) < passes) {
        const double middle = std::midpoint(rejected, passes);
        (1 - middle > threshold ? rejected : passes) = middle;
    }
    return passes;
}

ChanceLevel chance_level(const Gate& gate) {
    const std::size_t labels = gate.labels.names.size();
    const std::size_t others = labels - gate.accept.size();
    const std::size_t draws = std::min(static_cast<std::size_t>(std::max(gate.k, 0)), labels);
    double miss = 1;
    for (std::size_t i = 0; i < draws && miss > 0; ++i) {
        miss *= i < others ? static_cast<double>(others - i) / static_cast<double>(labels - i) : 0;
    }
    return {1 - miss, static_cast<double>(gate.accept.size()) / static_cast<double>(labels)};
}

std::optional<std::string> loose_gate_warning(const Gate& gate) {
    const ChanceLevel chance = chance_level(gate);
    const std::string accepted = "the gate accepts " + std::to_string(gate.accept.size()) + " of " +
                                 std::to_string(gate.labels.names.size()) + " labels";
    if (gate.rule == GateRule::mass) {
        if (gate.min_mass > chance.uniform_mass) return {};
        return accepted + " and passes a mass of " + rounded(gate.min_mass) + ", but " + rounded(chance.uniform_mass) +
               " is what a network without any opinion gives them; raise min_mass or accept fewer labels";
    }
    if (chance.top_k <= 0.5) return {};
    return accepted + " and passes when one of them is among the " + std::to_string(gate.k) +
           " likeliest: that happens by chance in " + percent(chance.top_k) +
           " of pictures; lower k, accept fewer labels or use the rule \"mass\"";
}

} // namespace openset::cascade
