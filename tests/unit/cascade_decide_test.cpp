#include <gtest/gtest.h>

#include <cmath>

#include "openset/base/error.hpp"
#include "openset/cascade/pipeline.hpp"
#include "openset/stats/activation.hpp"

namespace openset::cascade {
namespace {

using io::Outcome;
using io::Verdict;

const StageLabels abc{{"a", "b", "c"}, model::Activation::softmax};
const StageLabels abc_sigmoid{{"a", "b", "c"}, model::Activation::sigmoid};

Pipeline classifier_only(StageLabels labels, double min_probability) {
    Pipeline pipeline;
    pipeline.classifier.min_probability.assign(labels.names.size(), min_probability);
    pipeline.classifier.labels = std::move(labels);
    return pipeline;
}

Pipeline with_gate(Gate gate) {
    Pipeline pipeline = classifier_only(abc, 0);
    pipeline.gate = std::move(gate);
    return pipeline;
}

Pipeline with_species(Species species) {
    Pipeline pipeline = classifier_only(abc, 0);
    pipeline.species = std::move(species);
    return pipeline;
}

/// Scores with these probabilities, and logits in the same order.
StageScores probabilities(std::vector<double> values) {
    StageScores scores;
    for (const double p : values) scores.logits.push_back(static_cast<float>(p));
    scores.probabilities = std::move(values);
    return scores;
}

const Verdict unknown_by_gate{Outcome::unknown, "unknown", Stage::gate, {}};
const Verdict unknown_by_species{Outcome::unknown, "unknown", Stage::species, {}};
const Verdict unknown_by_classifier{Outcome::unknown, "unknown", Stage::classifier, {}};

// Every vector of three logits out of 0, 1, 2, with the likeliest label and the rank of label 1, by hand: larger first,
// ties to the lower id (methods.md, conventions and 1.4).
struct Ranked {
    std::vector<float> logits;
    int likeliest, rank_of_1;
};
const std::vector<Ranked> every_order{
    {{0, 0, 0}, 0, 2}, {{0, 0, 1}, 2, 3}, {{0, 0, 2}, 2, 3}, {{0, 1, 0}, 1, 1}, {{0, 1, 1}, 1, 1}, {{0, 1, 2}, 2, 2},
    {{0, 2, 0}, 1, 1}, {{0, 2, 1}, 1, 1}, {{0, 2, 2}, 1, 1}, {{1, 0, 0}, 0, 2}, {{1, 0, 1}, 0, 3}, {{1, 0, 2}, 2, 3},
    {{1, 1, 0}, 0, 2}, {{1, 1, 1}, 0, 2}, {{1, 1, 2}, 2, 3}, {{1, 2, 0}, 1, 1}, {{1, 2, 1}, 1, 1}, {{1, 2, 2}, 1, 1},
    {{2, 0, 0}, 0, 2}, {{2, 0, 1}, 0, 3}, {{2, 0, 2}, 0, 3}, {{2, 1, 0}, 0, 2}, {{2, 1, 1}, 0, 2}, {{2, 1, 2}, 0, 3},
    {{2, 2, 0}, 0, 2}, {{2, 2, 1}, 0, 2}, {{2, 2, 2}, 0, 2},
};

TEST(Gate, TopKPassesWhenAnAcceptedLabelIsAmongTheKLikeliest) {
    ASSERT_EQ(every_order.size(), 27U);
    for (const Ranked& row : every_order) {
        for (const int k : {1, 2, 3, 1000}) {
            const Pipeline pipeline = with_gate({abc, {1}, GateRule::top_k, k, 0.5});
            const StageDecision decision = decide(pipeline, Stage::gate, score(abc, row.logits));
            const auto& figures = std::get<io::GateFigures>(decision.figures);
            const std::string where = testing::PrintToString(row.logits) + " k " + std::to_string(k);
            EXPECT_EQ(figures.likeliest.id, row.likeliest) << where;
            EXPECT_EQ(figures.rank, row.rank_of_1) << where;
            EXPECT_EQ(figures.pass, row.rank_of_1 <= k) << where;
            EXPECT_EQ(decision.verdict, figures.pass ? std::nullopt : std::optional(unknown_by_gate)) << where;
        }
    }
}

TEST(Gate, TheRankIsThatOfTheBestAcceptedLabel) {
    const Pipeline pipeline = with_gate({abc, {0, 2}, GateRule::top_k, 1, 0.5});
    const std::pair<std::vector<float>, int> cases[] = {{{3, 2, 1}, 1}, {{1, 2, 3}, 1}, {{2, 3, 1}, 2},
                                                        {{1, 3, 2}, 2}, {{1, 1, 1}, 1}, {{0, 1, 1}, 2}};
    for (const auto& [logits, rank] : cases) {
        const StageDecision decision = decide(pipeline, Stage::gate, score(abc, logits));
        EXPECT_EQ(std::get<io::GateFigures>(decision.figures).rank, rank) << testing::PrintToString(logits);
        EXPECT_EQ(decision.verdict.has_value(), rank > 1);
    }
}

// Every way to share 1 among three labels in quarters: the mass of the labels 0 and 2, and whether it reaches a half.
TEST(Gate, MassPassesWhenTheAcceptedProbabilitiesSumToTheThresholdOrMore) {
    const Pipeline pipeline = with_gate({abc, {0, 2}, GateRule::mass, 5, 0.5});
    const struct {
        std::vector<double> p;
        double mass;
        int likeliest, rank;
        bool pass;
    } table[] = {
        {{0, 0, 1}, 1, 2, 1, true},        {{0, .25, .75}, .75, 2, 1, true},  {{0, .5, .5}, .5, 1, 2, true},
        {{0, .75, .25}, .25, 1, 2, false}, {{0, 1, 0}, 0, 1, 2, false},       {{.25, 0, .75}, 1, 2, 1, true},
        {{.25, .25, .5}, .75, 2, 1, true}, {{.25, .5, .25}, .5, 1, 2, true},  {{.25, .75, 0}, .25, 1, 2, false},
        {{.5, 0, .5}, 1, 0, 1, true},      {{.5, .25, .25}, .75, 0, 1, true}, {{.5, .5, 0}, .5, 0, 1, true},
        {{.75, 0, .25}, 1, 0, 1, true},    {{.75, .25, 0}, .75, 0, 1, true},  {{1, 0, 0}, 1, 0, 1, true},
    };
    for (const auto& row : table) {
        const StageDecision decision = decide(pipeline, Stage::gate, probabilities(row.p));
        const auto& figures = std::get<io::GateFigures>(decision.figures);
        const std::string where = testing::PrintToString(row.p);
        EXPECT_EQ(figures.mass, row.mass) << where;
        EXPECT_EQ(figures.likeliest.id, row.likeliest) << where;
        EXPECT_EQ(figures.likeliest.label, abc.names[static_cast<std::size_t>(row.likeliest)]) << where;
        EXPECT_EQ(figures.rank, row.rank) << where;
        EXPECT_EQ(figures.pass, row.pass) << where;
        EXPECT_EQ(decision.verdict, row.pass ? std::nullopt : std::optional(unknown_by_gate)) << where;
    }
}

TEST(Gate, TheLikeliestLabelIsNamedAcceptedOrNot) {
    const StageDecision decision =
        decide(with_gate({abc, {0}, GateRule::top_k, 1, 0.5}), Stage::gate, probabilities({.25, .75, 0}));
    const auto& figures = std::get<io::GateFigures>(decision.figures);
    EXPECT_EQ(figures.likeliest.label, "b");
    EXPECT_EQ(figures.likeliest.probability, .75);
    EXPECT_EQ(figures.mass, .25);
}

TEST(Species, WithoutAThresholdAnAcceptedLabelMustBeTheLikeliest) {
    const Pipeline pipeline = with_species({abc, {1}, {}});
    int passed = 0;
    for (const Ranked& row : every_order) {
        const StageDecision decision = decide(pipeline, Stage::species, score(abc, row.logits));
        const bool pass = row.likeliest == 1;
        EXPECT_EQ(std::get<io::SpeciesFigures>(decision.figures).pass, pass) << testing::PrintToString(row.logits);
        EXPECT_EQ(std::get<io::SpeciesFigures>(decision.figures).likeliest.id, row.likeliest);
        EXPECT_EQ(decision.verdict, pass ? std::nullopt : std::optional(unknown_by_species));
        passed += pass ? 1 : 0;
    }
    EXPECT_EQ(passed, 8);
}

// methods.md 1.1: an exact tie goes to index 0.
TEST(Species, AnExactTieGoesToTheFirstLabel) {
    const StageLabels labels{{"NOT_CAT", "CAT"}, model::Activation::softmax};
    const std::vector<float> tie{1.5F, 1.5F};
    EXPECT_TRUE(decide(with_species({labels, {1}, {}}), Stage::species, score(labels, tie)).verdict);
    EXPECT_FALSE(decide(with_species({labels, {0}, {}}), Stage::species, score(labels, tie)).verdict);
}

// Two of three labels are accepted, label 0 with the threshold 0.5 and label 2 with 0.75.
TEST(Species, TheMassMustReachTheThresholdOfTheLikeliestAcceptedLabel) {
    const Pipeline pipeline = with_species({abc, {0, 2}, std::vector<double>{0.5, 0, 0.75}});
    const struct {
        std::vector<double> p;
        bool pass;
    } table[] = {
        {{0, 0, 1}, true},        {{0, .25, .75}, true}, {{0, .5, .5}, false},   {{0, .75, .25}, false},
        {{0, 1, 0}, false},       {{.25, 0, .75}, true}, {{.25, .25, .5}, true}, {{.25, .5, .25}, true},
        {{.25, .75, 0}, false},   {{.5, 0, .5}, true},   {{.5, .25, .25}, true}, {{.5, .5, 0}, true},
        {{.75, 0, .25}, true},    {{.75, .25, 0}, true}, {{1, 0, 0}, true},      {{.125, .5, .375}, false},
        {{.375, .5, .125}, true},
    };
    for (const auto& row : table) {
        const StageDecision decision = decide(pipeline, Stage::species, probabilities(row.p));
        EXPECT_EQ(std::get<io::SpeciesFigures>(decision.figures).pass, row.pass) << testing::PrintToString(row.p);
        EXPECT_EQ(decision.verdict.has_value(), !row.pass);
    }
}

// The other way round: sweep --stage species, as io::read_stage_scores() has it.
TEST(Species, APointChosenFromARowPassesThatRow) {
    const StageLabels labels{{"other", "cat"}, model::Activation::softmax};
    for (int step = -4000; step <= 4000; ++step) {
        const StageScores scores = score(labels, std::vector<float>{0, static_cast<float>(step) * 0.0037F});
        const std::size_t likeliest = step > 0 ? 1 : 0;
        const double probability = scores.probabilities[likeliest]; // what the row tells
        const double of_row = likeliest == 1 ? 1 - probability : probability;
        for (const bool passes : {true, false}) {
            const double threshold = passes ? of_row : std::nextafter(of_row, -1);
            const std::vector<double> mass(2, mass_at_threshold(threshold));
            const auto decision = decide(with_species({labels, {1}, mass}), Stage::species, scores);
            EXPECT_EQ(std::get<io::SpeciesFigures>(decision.figures).pass, passes) << step;
        }
    }
}

TEST(Species, AThresholdMayPassALabelThatIsNotTheLikeliest) {
    const Pipeline pipeline = with_species({abc, {1}, std::vector<double>{0, 0.25, 0}});
    EXPECT_FALSE(decide(pipeline, Stage::species, probabilities({.75, .25, 0})).verdict);
    EXPECT_TRUE(decide(pipeline, Stage::species, probabilities({.75, .125, .125})).verdict);
}

TEST(Classifier, WithoutThresholdsTheLikeliestLabelIsTheVerdict) {
    const Pipeline pipeline = classifier_only(abc, 0);
    for (const Ranked& row : every_order) {
        const StageScores scores = score(abc, row.logits);
        const StageDecision decision = decide(pipeline, Stage::classifier, scores);
        const auto likeliest = static_cast<std::size_t>(row.likeliest);
        EXPECT_EQ(decision.verdict,
                  (Verdict{Outcome::known, abc.names[likeliest], Stage::classifier, scores.probabilities[likeliest]}));
        const auto& figures = std::get<io::ClassifierFigures>(decision.figures);
        EXPECT_EQ(figures.likeliest.id, row.likeliest);
        EXPECT_EQ(figures.max_logit, row.logits[likeliest]);
        EXPECT_FALSE(figures.labels) << "one label a picture";
    }
}

TEST(Classifier, EachLabelHasItsOwnThresholdWhichItMustReach) {
    Pipeline pipeline = classifier_only(abc, 0);
    pipeline.classifier.min_probability = {0.75, 0.5, 0};
    const struct {
        std::vector<double> p;
        const char* verdict;
    } table[] = {
        {{.75, .25, 0}, "a"},  {{.5, .25, .25}, "unknown"},    {{1, 0, 0}, "a"},
        {{.25, .5, .25}, "b"}, {{.25, .375, .375}, "unknown"}, {{0, 1, 0}, "b"},
        {{.25, .25, .5}, "c"}, {{0, .375, .625}, "c"},         {{.5, .5, 0}, "unknown"},
    };
    for (const auto& row : table) {
        const auto verdict = decide(pipeline, Stage::classifier, probabilities(row.p)).verdict;
        ASSERT_TRUE(verdict);
        EXPECT_EQ(verdict->label, row.verdict) << testing::PrintToString(row.p);
        EXPECT_EQ(verdict->decided_by, Stage::classifier);
        EXPECT_EQ(verdict->outcome, verdict->label == "unknown" ? Outcome::unknown : Outcome::known);
        EXPECT_EQ(verdict->probability.has_value(), verdict->outcome == Outcome::known);
    }
}

// Three labels, each 0.25 or 0.75, or 0.95 at the threshold: which are given, and in what order (methods.md 1.5).
TEST(MultiLabel, EveryLabelThatReachesTheThresholdIsGivenLikeliestFirst) {
    const Pipeline pipeline = classifier_only(abc_sigmoid, 0.75);
    using Ids = std::vector<int>;
    const struct {
        std::vector<double> p;
        Ids labels;
    } table[] = {
        {{.25, .25, .25}, {}},     {{.25, .25, .75}, {2}},       {{.25, .25, .95}, {2}},
        {{.25, .75, .25}, {1}},    {{.25, .75, .75}, {1, 2}},    {{.25, .75, .95}, {2, 1}},
        {{.25, .95, .25}, {1}},    {{.25, .95, .75}, {1, 2}},    {{.25, .95, .95}, {1, 2}},
        {{.75, .25, .25}, {0}},    {{.75, .25, .75}, {0, 2}},    {{.75, .25, .95}, {2, 0}},
        {{.75, .75, .25}, {0, 1}}, {{.75, .75, .75}, {0, 1, 2}}, {{.75, .75, .95}, {2, 0, 1}},
        {{.75, .95, .25}, {1, 0}}, {{.75, .95, .75}, {1, 0, 2}}, {{.75, .95, .95}, {1, 2, 0}},
        {{.95, .25, .25}, {0}},    {{.95, .25, .75}, {0, 2}},    {{.95, .25, .95}, {0, 2}},
        {{.95, .75, .25}, {0, 1}}, {{.95, .75, .75}, {0, 1, 2}}, {{.95, .75, .95}, {0, 2, 1}},
        {{.95, .95, .25}, {0, 1}}, {{.95, .95, .75}, {0, 1, 2}}, {{.95, .95, .95}, {0, 1, 2}},
    };
    for (const auto& row : table) {
        const StageDecision decision = decide(pipeline, Stage::classifier, probabilities(row.p));
        const auto& figures = std::get<io::ClassifierFigures>(decision.figures);
        const std::string where = testing::PrintToString(row.p);
        ASSERT_TRUE(figures.labels) << where;
        Ids ids;
        for (const io::LabelProbability& label : *figures.labels) ids.push_back(label.id);
        EXPECT_EQ(ids, row.labels) << where;
        if (ids.empty()) {
            EXPECT_EQ(decision.verdict, unknown_by_classifier) << where;
        } else {
            const auto first = static_cast<std::size_t>(ids.front());
            EXPECT_EQ(decision.verdict, (Verdict{Outcome::known, abc.names[first], Stage::classifier, row.p[first]}))
                << where;
        }
    }
}

TEST(MultiLabel, WithOwnThresholdsTheLikeliestOfThoseThatPassIsTheVerdict) {
    Pipeline pipeline = classifier_only(abc_sigmoid, 0);
    pipeline.classifier.min_probability = {0.95, 0.5, 0.5};
    const StageDecision decision = decide(pipeline, Stage::classifier, probabilities({.875, .5, .25}));
    EXPECT_EQ(decision.verdict, (Verdict{Outcome::known, "b", Stage::classifier, .5}));
    EXPECT_EQ(std::get<io::ClassifierFigures>(decision.figures).likeliest.label, "a");
}

TEST(MultiLabel, LabelsWhoseProbabilitiesRoundToOneKeepTheOrderOfTheirLogits) {
    const Pipeline pipeline = classifier_only(abc_sigmoid, 0.95);
    const StageScores scores = score(abc_sigmoid, std::vector<float>{50, 80, 60});
    ASSERT_EQ(scores.probabilities, (std::vector<double>{1, 1, 1}));
    const StageDecision decision = decide(pipeline, Stage::classifier, scores);
    EXPECT_EQ(decision.verdict->label, "b");
    EXPECT_EQ(std::get<io::ClassifierFigures>(decision.figures).top[1].label, "c");
}

TEST(ClosedSet, RunsTheClassifierAloneAndNamesEveryPicture) {
    for (const StageLabels& labels : {abc, abc_sigmoid}) {
        Pipeline pipeline = classifier_only(labels, 0.99);
        pipeline.gate = Gate{abc, {0}, GateRule::top_k, 1, 0.5};
        pipeline.species = Species{abc, {0}, {}};
        EXPECT_EQ(stages(pipeline), (std::vector{Stage::gate, Stage::species, Stage::classifier}));
        pipeline = closed_set(pipeline);
        EXPECT_EQ(stages(pipeline), std::vector{Stage::classifier});
        EXPECT_EQ(decide(pipeline, Stage::classifier, probabilities({.25, .5, .25})).verdict,
                  (Verdict{Outcome::known, "b", Stage::classifier, .5}));
    }
}

TEST(Top, ListsAsManyLabelsAsAskedForOrThereAre) {
    const Pipeline pipeline = classifier_only(abc, 0);
    const std::pair<int, std::string> cases[] = {{0, ""}, {1, "b"}, {2, "ba"}, {3, "bac"}, {5, "bac"}, {1000, "bac"}};
    for (const auto& [top, expected] : cases) {
        std::string listed;
        const StageDecision decision = decide(pipeline, Stage::classifier, probabilities({.25, .5, .25}), top);
        for (const auto& label : std::get<io::ClassifierFigures>(decision.figures).top) listed += label.label;
        EXPECT_EQ(listed, expected);
    }
}

TEST(Score, SoftmaxOfEqualLogitsIsExact) {
    EXPECT_EQ(score({{"a", "b"}, model::Activation::softmax}, std::vector<float>{7, 7}).probabilities,
              (std::vector<double>{.5, .5}));
    EXPECT_EQ(
        score({{"a", "b", "c", "d"}, model::Activation::softmax}, std::vector<float>{-3, -3, -3, -3}).probabilities,
        (std::vector<double>{.25, .25, .25, .25}));
}

TEST(Score, HugeLogitsNeitherOverflowNorVanish) {
    const StageScores scores = score(abc, std::vector<float>{3e38F, -3e38F, 3e38F});
    EXPECT_EQ(scores.probabilities, (std::vector<double>{.5, 0, .5}));
    const StageScores small = score(abc, std::vector<float>{0, -700, 0});
    EXPECT_NEAR(small.probabilities[1], 0.5 * std::exp(-700.0), 1e-318);
    EXPECT_GT(small.probabilities[1], 0);
}

TEST(Score, ProbabilitiesAreComputedInDouble) {
    const StageScores scores = score(abc, std::vector<float>{1, 2, 3});
    // softmax(1, 2, 3) to 16 digits
    EXPECT_NEAR(scores.probabilities[0], 0.09003057317038046, 1e-16);
    EXPECT_NEAR(scores.probabilities[1], 0.24472847105479764, 1e-16);
    EXPECT_NEAR(scores.probabilities[2], 0.6652409557748219, 2e-16);
}

TEST(Score, SigmoidKeepsItsDigitsOnBothSides) {
    EXPECT_EQ(stats::sigmoid(0), .5);
    EXPECT_NEAR(stats::sigmoid(-40) / 4.248354255291589e-18, 1, 1e-15);
    EXPECT_EQ(stats::sigmoid(-800), 0);
    EXPECT_EQ(stats::sigmoid(800), 1);
    EXPECT_NEAR(stats::sigmoid(1) + stats::sigmoid(-1), 1, 1e-16);
}

TEST(Score, ASingleLogitOverTwoLabelsIsTheLogOddsOfTheSecond) {
    for (const auto activation : {model::Activation::softmax, model::Activation::sigmoid}) {
        const StageScores scores = score({{"NOT_CAT", "CAT"}, activation}, std::vector<float>{3});
        EXPECT_EQ(scores.logits, (std::vector<float>{0, 3}));
        EXPECT_NEAR(scores.probabilities[0], 0.04742587317756678, 1e-16);
        EXPECT_NEAR(scores.probabilities[1], 0.9525741268224333, 2e-16);
    }
    const StageLabels labels{{"NOT_CAT", "CAT"}, model::Activation::softmax};
    const Pipeline pipeline = with_species({labels, {1}, {}});
    EXPECT_FALSE(decide(pipeline, Stage::species, score(labels, std::vector<float>{0.001F})).verdict);
    EXPECT_TRUE(decide(pipeline, Stage::species, score(labels, std::vector<float>{0})).verdict);
    EXPECT_TRUE(decide(pipeline, Stage::species, score(labels, std::vector<float>{-1})).verdict);
}

TEST(Score, AsManyLogitsAsLabels) {
    EXPECT_THROW(score(abc, std::vector<float>{1, 2}), Error);
    EXPECT_THROW(score(abc, std::vector<float>{1}), Error);
    EXPECT_THROW(score(abc, std::vector<float>{}), Error);
}

TEST(Decide, AStageThatIsNotThereIsOurMistake) {
    EXPECT_THROW(decide(classifier_only(abc, 0), Stage::gate, probabilities({1, 0, 0})), Error);
    EXPECT_THROW(decide(classifier_only(abc, 0), Stage::classifier, probabilities({1, 0})), Error);
}

Gate gate_of(std::size_t labels, std::size_t accepted, GateRule rule, int k, double min_mass) {
    Gate gate;
    gate.labels.names.assign(labels, "x");
    for (std::size_t i = 0; i < accepted; ++i) gate.accept.push_back(static_cast<int>(i));
    gate.rule = rule;
    gate.k = k;
    gate.min_mass = min_mass;
    return gate;
}

// methods.md 1.4
TEST(ChanceLevel, IsTheHypergeometricShareAndTheShareOfLabels) {
    const auto top_k = [](std::size_t accepted, int k) {
        return chance_level(gate_of(1000, accepted, GateRule::top_k, k, 0.5)).top_k;
    };
    EXPECT_NEAR(top_k(5, 70), 0.305, 5e-4);
    EXPECT_NEAR(top_k(7, 5), 0.035, 5e-4);
    EXPECT_NEAR(top_k(118, 5), 0.467, 5e-4);
    EXPECT_EQ(top_k(1000, 1), 1);
    EXPECT_EQ(top_k(1, 5000), 1);
    EXPECT_EQ(chance_level(gate_of(1000, 5, GateRule::mass, 5, 0.007)).uniform_mass, 0.005);
    EXPECT_EQ(chance_level(gate_of(4, 1, GateRule::top_k, 2, 0.5)).top_k, 0.5);
}

TEST(LooseGate, IsWarnedAboutWithTheFigure) {
    EXPECT_EQ(loose_gate_warning(gate_of(1000, 118, GateRule::top_k, 5, 0.5)), std::nullopt);
    EXPECT_EQ(loose_gate_warning(gate_of(4, 1, GateRule::top_k, 2, 0.5)), std::nullopt) << "not more often than not";
    EXPECT_EQ(loose_gate_warning(gate_of(1000, 118, GateRule::top_k, 70, 0.5)),
              "the gate accepts 118 of 1000 labels and passes when one of them is among the 70 likeliest: that happens "
              "by chance in 99.99 % of pictures; lower k, accept fewer labels or use the rule \"mass\"");
    EXPECT_EQ(loose_gate_warning(gate_of(1000, 5, GateRule::mass, 5, 0.007)), std::nullopt);
    EXPECT_EQ(loose_gate_warning(gate_of(1000, 5, GateRule::mass, 5, 0.005)),
              "the gate accepts 5 of 1000 labels and passes a mass of 0.005, but 0.005 is what a network without any "
              "opinion gives them; raise min_mass or accept fewer labels");
}

// ---- unknown

/// A detector whose score is the first feature.
class FirstFeature : public detect::Detector {
public:
    explicit FirstFeature(bool log_odds = false) : log_odds_(log_odds) {}
    std::string_view method() const override { return "first-feature"; }
    detect::Needs needs() const override { return {.classes = 2, .features = 1}; }
    void score(const io::Activations& activations, std::span<double> scores) const override {
        for (std::int64_t i = 0; i < activations.rows; ++i)
            scores[static_cast<std::size_t>(i)] = static_cast<double>(activations.features.row(i)[0]);
    }
    bool score_is_log_odds() const override { return log_odds_; }

private:
    bool log_odds_;
};

UnknownDecision judge(float score, const Unknown& unknown, const std::vector<float>& logits = {2, 1}) {
    const StageScores scores = cascade::score({{"a", "b"}, model::Activation::softmax}, logits);
    const io::Activations activations{1, {1, 2, logits.data()}, {1, 1, &score}, {}};
    return decide_unknown(unknown, activations, 0, scores, {Outcome::known, "a", Stage::classifier, 0.7});
}

TEST(DecideUnknown, AScoreAboveTheThresholdOfTheLikeliestLabelRejects) {
    const Unknown unknown{std::make_shared<FirstFeature>(), {0.5, 3}, 0};
    EXPECT_EQ(judge(0.5F, unknown).verdict, (Verdict{Outcome::known, "a", Stage::classifier, 0.7})) << "not above it";
    EXPECT_EQ(judge(0.51F, unknown).verdict, (Verdict{Outcome::unknown, "unknown", Stage::unknown, {}}));
    EXPECT_TRUE(judge(0.51F, unknown, {1, 2}).figures.pass) << "b has its own threshold";
    EXPECT_FALSE(judge(INFINITY, unknown).figures.pass);
    EXPECT_TRUE(judge(INFINITY, {std::make_shared<FirstFeature>(), {INFINITY, 0}, 0}).figures.pass);
}

TEST(DecideUnknown, TheFiguresSayWhatWasCompared) {
    const auto figures = judge(0, {std::make_shared<FirstFeature>(true), {1, 1}, 0}).figures;
    EXPECT_EQ(figures.method, "first-feature");
    EXPECT_EQ(figures.score, 0);
    EXPECT_EQ(figures.p_unknown, 0.5);
    EXPECT_EQ(figures.threshold, 1);
    EXPECT_FALSE(judge(0, {std::make_shared<FirstFeature>(false), {1, 1}, 0}).figures.p_unknown);
}

TEST(DecideUnknown, AMassThresholdIsTheSmallestMassThatPasses) {
    for (const double mass : {0.0, 1e-300, 1e-17, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 0.999999, 1.0}) {
        const double threshold = 1 - mass, smallest = mass_at_threshold(threshold);
        EXPECT_LE(1 - smallest, threshold) << mass;
        EXPECT_LE(smallest, mass) << "the picture that the threshold was set by passes";
        if (smallest > 0) {
            EXPECT_GT(1 - std::nextafter(smallest, 0), threshold) << mass;
        }
    }
    EXPECT_GT(mass_at_threshold(-1), 1) << "nothing passes";
}

} // namespace
} // namespace openset::cascade
