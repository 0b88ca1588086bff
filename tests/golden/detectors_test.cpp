#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "io/checked_json.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/stats/activation.hpp"
#include "openset/stats/metrics.hpp"
#include "shared_data.hpp"

// golden/store: a synthetic store, and the scores of detectors that were fitted on its training part.
namespace openset::detect {
namespace {

using io::Json;

std::vector<double> scores_of(const Detector& detector, const io::ActivationStore& store) {
    std::vector<double> scores(static_cast<std::size_t>(store.rows()));
    detector.score(store.all(), scores);
    return scores;
}

OpenMaxParams params_of(const Json& golden) {
    OpenMaxParams params;
    for (const auto& [option, key] : {std::pair("tail-size", "tail_size"),
                                      {"alpha", "alpha"},
                                      {"distance", "distance"},
                                      {"alpha-weights", "alpha_weights"},
                                      {"translate", "translate"},
                                      {"space", "space"},
                                      {"negative-logits", "negative_logits"}}) {
        set_option(params, option, golden[key].is_string() ? golden[key].get<std::string>() : golden[key].dump());
    }
    return params;
}

double largest_magnitude(const Json& values) {
    double largest = 0;
    for (const Json& value : values) largest = std::max(largest, std::abs(value.get<double>()));
    return largest;
}

void expect_scores(const std::vector<double>& found, const Json& expected, double tolerance) {
    ASSERT_EQ(expected.size(), 50U);
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], tolerance) << "row " << i;
}

void expect_probabilities(const std::vector<double>& scores, const Json& expected) {
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(stats::sigmoid(scores[i]), expected[i], 1e-9);
}

double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

double auroc(const std::vector<double>& known, const std::vector<double>& unknown) {
    stats::OpenSetRows columns;
    columns.known_scores = known;
    columns.unknown_scores = unknown;
    const stats::RankedRows ranked(columns);
    stats::ScoreCounts counts;
    stats::count_scores(ranked, {}, counts);
    return stats::auroc(counts).value();
}

void expect_fit(const OpenMax& openmax, const Json& fitted) {
    for (std::size_t c = 0; c < openmax.classes().size(); ++c) {
        const OpenMaxClass& one = openmax.classes()[c];
        const auto& fit = std::get<stats::TailFit>(one.tail);
        if (fitted.contains("n_correct")) {
            EXPECT_EQ(one.rows, fitted["n_correct"][c]);
        }
        if (fitted.contains("shape")) {
            EXPECT_NEAR(fit.shape, fitted["shape"][c], 1e-9);
        }
        if (fitted.contains("scale")) {
            EXPECT_NEAR(fit.scale(), fitted["scale"][c], 1e-9);
        }
        if (fitted.contains("translate")) {
            EXPECT_NEAR(fit.translate, fitted["translate"][c], 1e-9);
        }
        if (fitted.contains("smallest_tail")) {
            EXPECT_NEAR(fit.smallest_tail, fitted["smallest_tail"][c], 1e-9);
        }
    }
}

TEST(GoldenDetectors, EveryOpenMax) {
    OPENSET_NEED_SHARED("golden/store/detectors.json");
    const auto folder = shared_data() / "golden/store";
    std::ifstream file(folder / "detectors.json");
    const Json golden = Json::parse(file)["detectors"];
    const io::ActivationStore train(folder / "train"), known(folder / "test_known"), unknown(folder / "test_unknown");
    int seen = 0;
    for (const auto& [name, expected] : golden.items()) {
        if (!name.starts_with("openmax")) continue;
        SCOPED_TRACE(name);
        ++seen;
        const OpenMax openmax = OpenMax::fit(train, params_of(expected["params"]));
        expect_fit(openmax, expected["fitted"]);
        const std::vector<double> of_known = scores_of(openmax, known), of_unknown = scores_of(openmax, unknown);
        const double tolerance =
            expected["tolerance"].get<double>() *
            std::max(largest_magnitude(expected["known_first50"]), largest_magnitude(expected["unknown_first50"]));
        expect_scores(of_known, expected["known_first50"], tolerance);
        expect_scores(of_unknown, expected["unknown_first50"], tolerance);
        expect_probabilities(of_known, expected["p_unknown_of_known_first50"]);
        expect_probabilities(of_unknown, expected["p_unknown_of_unknown_first50"]);
        EXPECT_NEAR(mean(of_known), expected["mean_known"], tolerance);
        EXPECT_NEAR(mean(of_unknown), expected["mean_unknown"], tolerance);
        EXPECT_NEAR(auroc(of_known, of_unknown), expected["auroc"], 1e-9);
    }
    EXPECT_EQ(seen, 6);
}

TEST(GoldenDetectors, EveryMethodWithoutAFit) {
    OPENSET_NEED_SHARED("golden/store/detectors.json");
    const auto folder = shared_data() / "golden/store";
    std::ifstream file(folder / "detectors.json");
    const Json golden = Json::parse(file)["detectors"];
    const io::ActivationStore known(folder / "test_known"), unknown(folder / "test_unknown");
    int seen = 0;
    for (const Method& method : methods()) {
        if (method.make == nullptr) continue;
        SCOPED_TRACE(method.name);
        ++seen;
        const Json expected = golden[std::string(method.name)];
        const auto detector = method.make(known.classes(), {});
        const std::vector<double> of_known = scores_of(*detector, known), of_unknown = scores_of(*detector, unknown);
        const double tolerance =
            expected["tolerance"].get<double>() *
            std::max(largest_magnitude(expected["known_first50"]), largest_magnitude(expected["unknown_first50"]));
        expect_scores(of_known, expected["known_first50"], tolerance);
        expect_scores(of_unknown, expected["unknown_first50"], tolerance);
        EXPECT_NEAR(mean(of_known), expected["mean_known"], tolerance);
        EXPECT_NEAR(mean(of_unknown), expected["mean_unknown"], tolerance);
        EXPECT_NEAR(auroc(of_known, of_unknown), expected["auroc"], 1e-9);
    }
    EXPECT_EQ(seen, 4);
}

// Memory apart, it makes no difference how the rows come.
TEST(GoldenDetectors, AStoreInBlocksFitsAsOneInMemory) {
    OPENSET_NEED_SHARED("golden/store/train");
    const io::ActivationStore train(shared_data() / "golden/store/train");
    TrainingRows in_blocks = training_rows(train);
    in_blocks.for_each_block = [&train](const auto& receive) { train.for_each_block(receive, 7); };
    const auto at_once = training_rows(train.all(), train.labels());
    EXPECT_EQ(OpenMax::fit(in_blocks, {}).fitted()->state_json, OpenMax::fit(at_once, {}).fitted()->state_json);
}

} // namespace
} // namespace openset::detect
