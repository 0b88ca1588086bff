#include <gtest/gtest.h>

#include <fstream>

#include "io/checked_json.hpp"
#include "openset/cascade/pipeline.hpp"
#include "openset/stats/activation.hpp"
#include "shared_data.hpp"

// golden/gates.jsonl: the id sets and the formula of the logits, one gate case a line, then the multi-label cases.
namespace openset::cascade {
namespace {

using io::Json;

constexpr double tolerance = 1e-12;

std::vector<Json> golden_lines() {
    std::ifstream file(shared_data() / "golden/gates.jsonl");
    std::vector<Json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
    return lines;
}

/// The row's logits by the formula of the file's first line.
std::vector<double> formula_logits(const Json& row) {
    const auto seed = row["seed"].get<long>();
    const auto levels = row["levels"].get<int>();
    std::vector<double> logits;
    for (long i = 0; i < 1000; ++i) {
        double x = static_cast<double>((7919 * i + 104729 * seed) % 10007) / 10007;
        if (levels > 0) x = static_cast<double>(static_cast<int>(x * levels)) / levels;
        logits.push_back(x * row["scale"].get<double>());
    }
    return logits;
}

/// The golden logits are doubles; a network's are float, which keeps their order but not their last digits.
StageScores scores_of(const std::vector<double>& logits, std::vector<double> probabilities) {
    return {std::vector<float>(logits.begin(), logits.end()), std::move(probabilities)};
}

StageLabels numbered_labels(std::size_t count, model::Activation activation) {
    StageLabels labels;
    for (std::size_t i = 0; i < count; ++i) labels.names.push_back(std::to_string(i));
    labels.activation = activation;
    return labels;
}

io::GateFigures figures_of(const Gate& gate, const StageScores& scores) {
    Pipeline pipeline;
    pipeline.gate = gate;
    return std::get<io::GateFigures>(decide(pipeline, Stage::gate, scores).figures);
}

void check_gate_row(const Json& row, std::vector<int> accept) {
    const Json& expected = row["expected"];
    const std::vector<double> logits = formula_logits(row);
    const StageScores scores = scores_of(logits, stats::softmax(logits));
    std::ranges::sort(accept);
    Gate gate{numbered_labels(1000, model::Activation::softmax), accept, GateRule::top_k, 5, 0.5};

    const io::GateFigures top_5 = figures_of(gate, scores);
    EXPECT_EQ(top_5.pass, expected["pass_top5"]);
    EXPECT_EQ(top_5.rank, expected["best_rank"]);
    EXPECT_EQ(top_5.likeliest.id, expected["top5"][0]);
    EXPECT_NEAR(top_5.likeliest.probability, expected["top1_probability"], tolerance);
    EXPECT_NEAR(top_5.mass, expected["summed_probability"], tolerance);
    EXPECT_NEAR(scores.probabilities[expected["best_listed"].get<std::size_t>()], expected["best_probability"],
                tolerance);
    EXPECT_NEAR(chance_level(gate).top_k, expected["chance_top5"], tolerance);

    gate.k = 70;
    EXPECT_EQ(figures_of(gate, scores).pass, expected["pass_top70"]);
    EXPECT_NEAR(chance_level(gate).top_k, expected["chance_top70"], tolerance);

    gate.rule = GateRule::mass;
    gate.min_mass = 0.007;
    EXPECT_EQ(figures_of(gate, scores).pass, expected["pass_sum_0.007"]);

    // The five likeliest, and the best accepted one, as a classifier over the same scores lists them.
    Pipeline pipeline;
    pipeline.classifier = {gate.labels, std::vector<double>(1000, 0.0), true};
    const StageDecision decision = decide(pipeline, Stage::classifier, scores, 1000);
    const auto& top = std::get<io::ClassifierFigures>(decision.figures).top;
    ASSERT_EQ(top.size(), 1000U);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(top[i].id, expected["top5"][i]);
    EXPECT_EQ(top[expected["best_rank"].get<std::size_t>() - 1].id, expected["best_listed"]);

    // A network's float logits decide the same.
    const StageScores from_float = score(gate.labels, scores.logits);
    gate.rule = GateRule::top_k;
    EXPECT_EQ(figures_of(gate, from_float).rank, expected["best_rank"]);
    EXPECT_NEAR(figures_of(gate, from_float).mass, expected["summed_probability"], 1e-6);
}

TEST(GoldenGates, EveryGateRow) {
    OPENSET_NEED_SHARED("golden/gates.jsonl");
    const std::vector<Json> lines = golden_lines();
    ASSERT_GE(lines.size(), 3U) << "a line of sets, gate rows, a line of multi-label rows";
    for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
        const Json& row = lines[i];
        SCOPED_TRACE("line " + std::to_string(i + 1) + ": set " + row["set"].dump() + ", seed " + row["seed"].dump());
        check_gate_row(row, lines[0]["sets"][row["set"].get<std::string>()].get<std::vector<int>>());
    }
}

TEST(GoldenGates, EveryMultiLabelRow) {
    OPENSET_NEED_SHARED("golden/gates.jsonl");
    const std::vector<Json> lines = golden_lines();
    ASSERT_FALSE(lines.empty());
    const Json& rows = lines.back()["multi_label"];
    ASSERT_FALSE(rows.empty());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        SCOPED_TRACE("multi_label row " + std::to_string(i) + ": " + rows[i]["logits"].dump());
        const Json& expected = rows[i]["expected"];
        const auto logits = rows[i]["logits"].get<std::vector<double>>();
        std::vector<double> probabilities;
        for (const double logit : logits) probabilities.push_back(stats::sigmoid(logit));
        for (std::size_t id = 0; id < logits.size(); ++id) {
            EXPECT_NEAR(probabilities[id], expected["probability"][id], tolerance);
        }

        Pipeline pipeline;
        pipeline.classifier.labels = numbered_labels(logits.size(), model::Activation::sigmoid);
        pipeline.classifier.min_probability.assign(logits.size(), rows[i]["threshold"].get<double>());
        const StageDecision decision = decide(pipeline, Stage::classifier, scores_of(logits, probabilities));
        const auto& figures = std::get<io::ClassifierFigures>(decision.figures);
        std::vector<int> ids;
        for (const auto& label : figures.labels.value()) ids.push_back(label.id);
        EXPECT_EQ(ids, expected["labels"].get<std::vector<int>>());
        EXPECT_NEAR(-figures.likeliest.probability, expected["score"], tolerance);
        ASSERT_TRUE(decision.verdict);
        EXPECT_EQ(decision.verdict->outcome, ids.empty() ? io::Outcome::unknown : io::Outcome::known);
        if (!ids.empty()) {
            EXPECT_EQ(decision.verdict->label, std::to_string(ids.front()));
        }
    }
}

} // namespace
} // namespace openset::cascade
