#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <set>

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

/// The share of unknown rows that are accepted where 95 % of the known ones are; of the known ones that are rejected where
/// 95 % of the unknown ones are.
std::pair<double, double> false_positive_rates(std::vector<double> known, std::vector<double> unknown) {
    std::ranges::sort(known);
    std::ranges::sort(unknown, std::greater<>());
    const auto at_95_percent = [](const std::vector<double>& sorted) {
        return sorted[(19 * sorted.size() + 19) / 20 - 1];
    };
    const double accepts = at_95_percent(known), detects = at_95_percent(unknown);
    const auto share = [](auto count, const std::vector<double>& of) {
        return static_cast<double>(count) / static_cast<double>(of.size());
    };
    return {share(std::ranges::count_if(unknown, [=](double score) { return score <= accepts; }), unknown),
            share(std::ranges::count_if(known, [=](double score) { return score >= detects; }), known)};
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
        const auto [fpr95_known, fpr95_unknown] = false_positive_rates(of_known, of_unknown);
        EXPECT_EQ(fpr95_known, expected["fpr95_known"]);
        EXPECT_EQ(fpr95_unknown, expected["fpr95_unknown"]);
    }
    EXPECT_EQ(seen, 6);
}

/// A line of the golden file as a method and its parameters; the name begins with the method's.
struct Setting {
    std::string method;
    Parameters parameters;
};

Setting setting_of(const std::string& name, const Json& params) {
    Setting setting;
    for (const Method& method : methods()) {
        const bool is_variant = name == method.name || name.starts_with(method.name + "-");
        if (is_variant && method.name.size() > setting.method.size()) setting.method = method.name;
    }
    const std::map<std::string, std::string> names = {{"temperature", "temperature"},
                                                      {"gamma", "gamma"},
                                                      {"M", "m"},
                                                      {"k", "k"},
                                                      {"dim", "dim"},
                                                      {"percentile", "percentile"},
                                                      {"alpha", "alpha"},
                                                      {"bank_fraction", "share"}};
    for (const auto& [key, value] : params.items()) {
        const auto known = names.find(key);
        if (known != names.end() && setting.method != "gradnorm")
            setting.parameters.emplace_back(known->second, value.dump());
    }
    if (name == "fdbd-norm") setting.parameters = {{"normalizer", "norm"}};
    return setting;
}

std::unique_ptr<Detector> detector_of(const Setting& setting, const io::ActivationStore& train) {
    const Method& method = method_named(setting.method);
    if (method.fit) return fit_detector(method, training_rows(train), setting.parameters);
    return method.make(train.classes(), setting.parameters);
}

/// What a golden setting says of its fit, and where the fit says it.
void expect_diagnostics(const Detector& detector, const Json& fitted) {
    if (!detector.fitted()) return;
    const Json found = Json::parse(detector.fitted()->diagnostics_json);
    for (const auto& [golden, key] : {std::pair("rank", "rank"),
                                      {"rank_background", "background_rank"},
                                      {"temperature", "temperature"},
                                      {"nll_before", "log_loss_before"},
                                      {"nll_after", "log_loss_after"}}) {
        if (!fitted.contains(golden)) continue;
        EXPECT_NEAR(found.at(key).get<double>(), fitted[golden].get<double>(), 1e-9) << golden;
    }
    if (fitted.contains("eigenvalue_32")) {
        EXPECT_NEAR(found.at("eigenvalues_at_dim").at(0).get<double>(), fitted["eigenvalue_32"].get<double>(), 1e-9);
    }
}

TEST(GoldenDetectors, EverySettingOfEveryMethod) {
    OPENSET_NEED_SHARED("golden/store/detectors.json");
    const auto folder = shared_data() / "golden/store";
    std::ifstream file(folder / "detectors.json");
    const Json golden = Json::parse(file)["detectors"];
    const io::ActivationStore train(folder / "train"), known(folder / "test_known"), unknown(folder / "test_unknown");
    std::set<std::string> methods_seen;
    int seen = 0;
    for (const auto& [name, expected] : golden.items()) {
        if (name.starts_with("openmax")) continue; // above
        SCOPED_TRACE(name);
        ++seen;
        const Setting setting = setting_of(name, expected["params"]);
        methods_seen.insert(setting.method);
        const auto detector = detector_of(setting, train);
        expect_diagnostics(*detector, expected["fitted"]);
        const std::vector<double> of_known = scores_of(*detector, known), of_unknown = scores_of(*detector, unknown);
        const double tolerance =
            expected["tolerance"].get<double>() *
            std::max(largest_magnitude(expected["known_first50"]), largest_magnitude(expected["unknown_first50"]));
        expect_scores(of_known, expected["known_first50"], tolerance);
        expect_scores(of_unknown, expected["unknown_first50"], tolerance);
        EXPECT_NEAR(mean(of_known), expected["mean_known"], tolerance);
        EXPECT_NEAR(mean(of_unknown), expected["mean_unknown"], tolerance);
        EXPECT_NEAR(auroc(of_known, of_unknown), expected["auroc"], 1e-9);
        const auto [fpr95_known, fpr95_unknown] = false_positive_rates(of_known, of_unknown);
        EXPECT_EQ(fpr95_known, expected["fpr95_known"]);
        EXPECT_EQ(fpr95_unknown, expected["fpr95_unknown"]);
    }
    EXPECT_EQ(seen + 6, 34);
    EXPECT_EQ(methods_seen.size() + 2, methods().size()) << "a method has no golden setting";
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
