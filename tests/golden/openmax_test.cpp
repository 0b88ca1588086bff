#include "openset/detect/openmax.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "golden_lines.hpp"
#include "memory_rows.hpp"
#include "openset/stats/activation.hpp"

// golden/openmax.jsonl: small stores with every setting; golden/notebook001.jsonl: the notebook's arithmetic.
namespace openset::detect {
namespace {

using io::Json;

constexpr double tolerance = 1e-9; // relative, absolute below 1

void expect_close(double found, const Json& expected, const std::string& what) {
    const double value = expected.get<double>();
    EXPECT_NEAR(found, value, tolerance * std::max(1.0, std::abs(value))) << what;
}

void expect_close(std::span<const double> found, const Json& expected, const std::string& what) {
    ASSERT_EQ(found.size(), expected.size()) << what;
    for (std::size_t i = 0; i < found.size(); ++i) expect_close(found[i], expected[i], what + " " + std::to_string(i));
}

MemoryRows rows_of(const Json& part) {
    MemoryRows rows;
    rows.logits = MemoryRows::flat(part["logits"].get<MemoryRows::Matrix>());
    rows.labels = part.contains("labels") ? part["labels"].get<std::vector<std::int64_t>>()
                                          : std::vector<std::int64_t>(part["logits"].size(), -1);
    if (part.contains("latents")) rows.extras["latents"] = MemoryRows::flat(part["latents"].get<MemoryRows::Matrix>());
    return rows;
}

/// A text or number of the golden file, as a flag would have it.
std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

OpenMaxParams params_of(const Json& golden) {
    OpenMaxParams params;
    for (const auto& [option, key] : {std::pair("tail-size", "tail_size"),
                                      {"alpha", "alpha"},
                                      {"distance", "distance"},
                                      {"alpha-weights", "alpha_weights"},
                                      {"translate", "translate"},
                                      {"space", "space"},
                                      {"negative-logits", "negative_logits"},
                                      {"without-fit", "degenerate"}}) {
        set_option(params, option, text_of(golden[key]));
    }
    return params;
}

void check_class(const OpenMax& openmax, std::int64_t index, const Json& expected) {
    const OpenMaxClass& one = openmax.classes()[static_cast<std::size_t>(index)];
    const Json& fit = expected["fits"][static_cast<std::size_t>(index)];
    const Json& mean = expected["mav"][static_cast<std::size_t>(index)];
    EXPECT_EQ(one.rows, expected["n_correct"][static_cast<std::size_t>(index)]);
    expect_close(openmax.mean(index), mean.is_null() ? Json::array() : mean, "mean");
    EXPECT_EQ(stats::to_string(one.summary().status), fit["status"]);
    EXPECT_EQ(one.summary().n_used, fit["n_used"]);
    if (fit.contains("smallest_tail")) {
        expect_close(one.summary().smallest_tail, fit["smallest_tail"], "smallest_tail");
        expect_close(one.summary().largest_tail, fit["largest_tail"], "largest_tail");
    }
    if (!one.has_fit()) return;
    const auto& law = std::get<stats::TailFit>(one.tail);
    expect_close(law.shape, fit["shape"], "shape");
    expect_close(law.scale(), fit["scale"], "scale");
    expect_close(law.log_scale_rel, fit["log_scale_rel"], "log_scale_rel");
    if (fit.contains("translate")) expect_close(law.translate, fit["translate"], "translate");
}

void check_distances(const Revision& revision, const Json& expected) {
    ASSERT_EQ(revision.distances.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_EQ(revision.distances[i].has_value(), !expected[i].is_null());
        if (revision.distances[i]) expect_close(*revision.distances[i], expected[i], "distance " + std::to_string(i));
    }
}

/// P(unknown) and what the score makes of it.
void check_score(const Revision& revision, const Json& expected) {
    expect_close(revision.p_unknown, expected, "p_unknown");
    expect_close(stats::sigmoid(revision.score), expected, "sigmoid of the score");
    EXPECT_FALSE(std::isnan(revision.score));
}

void check_row(const OpenMax& openmax, const MemoryRows& test, std::int64_t index, const Json& expected,
               double threshold) {
    const Revision revision = openmax.revise(test.activations(), index);
    check_distances(revision, expected["distances"]);
    expect_close(revision.w, expected["w"], "w");
    expect_close(revision.omega, expected["omega"], "omega");
    expect_close(revision.logits, expected["revised"].is_null() ? Json::array() : expected["revised"], "revised");
    ASSERT_EQ(revision.unknown_logit.has_value(), !expected["revised_unknown"].is_null());
    if (revision.unknown_logit) expect_close(*revision.unknown_logit, expected["revised_unknown"], "r_0");
    expect_close(revision.probabilities, expected["p_known"], "p_known");
    check_score(revision, expected["p_unknown"]);
    EXPECT_EQ(rejects_by_argmax(revision, threshold) ? -1 : revision.prediction, expected["prediction"]);

    std::vector<double> scores(test.labels.size());
    openmax.score(test.activations(), scores);
    EXPECT_EQ(scores[static_cast<std::size_t>(index)], revision.score);
}

TEST(GoldenOpenMax, EveryStore) {
    OPENSET_NEED_SHARED("golden/openmax.jsonl");
    const std::vector<Json> stores = golden_lines("openmax.jsonl");
    ASSERT_EQ(stores.size(), 49U);
    for (const Json& store : stores) {
        const std::string name = "store " + store["id"].dump() + ", " + store["name"].get<std::string>();
        SCOPED_TRACE(name);
        const MemoryRows train = rows_of(store["train"]), test = rows_of(store["test"]);
        const OpenMax openmax = OpenMax::fit(train.training(), params_of(store["params"]));
        EXPECT_EQ(openmax.method(), "openmax");
        for (std::int64_t c = 0; c < store["classes"]; ++c) {
            SCOPED_TRACE("class " + std::to_string(c));
            check_class(openmax, c, store["expected"]);
        }
        const Json& rows = store["expected"]["rows"];
        ASSERT_EQ(rows.size(), test.labels.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            SCOPED_TRACE("row " + std::to_string(i));
            check_row(openmax, test, static_cast<std::int64_t>(i), rows[i], store["params"]["threshold"]);
        }
    }
}

// ---- the notebook

/// The golden fits in place of our own: scoring is compared with less tolerance than scipy's end points allow.
io::FittedFile with_golden_fits(const OpenMax& openmax, const Json& fits, const std::string& key) {
    io::FittedFile file = *openmax.fitted();
    Json state = Json::parse(file.state_json);
    for (std::size_t c = 0; c < fits.size(); ++c) {
        const Json& fit = fits[c][key];
        EXPECT_EQ(openmax.classes()[c].rows, fits[c]["n_correct"]);
        EXPECT_EQ(openmax.classes()[c].summary().n_used, fit["n_used"]);
        EXPECT_NEAR(openmax.classes()[c].summary().loglik, fit["loglik"], 1e-4);
        state["classes"][c].update({{"shape", fit["shape"]}, {"loc", fit["loc"]}, {"scale", fit["scale"]}});
    }
    file.state_json = state.dump();
    return file;
}

void expect_within(std::span<const double> found, const Json& expected, const std::string& what) {
    ASSERT_EQ(found.size(), expected.size()) << what;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const double value = expected[i].get<double>();
        EXPECT_NEAR(found[i], value, 1e-12 * std::max(1.0, std::abs(value))) << what << " " << i;
    }
}

void check_notebook_row(const Revision& revision, const Json& expected) {
    std::vector<double> distances;
    for (const auto& distance : revision.distances) distances.push_back(distance.value());
    expect_within(distances, expected["distance"], "distance");
    expect_within(revision.w, expected["w"], "w");
    std::vector<double> logits = revision.logits, probabilities = revision.probabilities;
    logits.push_back(revision.unknown_logit.value());
    probabilities.push_back(revision.p_unknown);
    expect_within(logits, expected["revised"], "revised");
    const bool overflows = expected["p_again"][0].is_null();
    if (overflows) {
        EXPECT_TRUE(revision.twice_softmaxed.empty());
        EXPECT_EQ(revision.prediction, 0);
        EXPECT_FALSE(rejects_by_argmax(revision, 0.99));
    } else {
        expect_within(probabilities, expected["p"], "p");
        expect_within(revision.twice_softmaxed, expected["p_again"], "p_again");
    }
}

/// As the notebook decides at a threshold of q: the score is -q.
std::int64_t notebook_decision(const Revision& revision, double threshold) {
    return revision.score > -threshold ? -1 : revision.prediction;
}

double share(const std::vector<bool>& of) {
    return static_cast<double>(std::ranges::count(of, true)) / static_cast<double>(of.size());
}

void check_notebook(const OpenMax& openmax, const Json& store, const Json& expected) {
    const MemoryRows test = rows_of(store["test"]), reject = rows_of(store["reject"]);
    std::vector<Revision> of_test, of_reject;
    for (std::int64_t i = 0; i < std::ssize(test.labels); ++i) of_test.push_back(openmax.revise(test.activations(), i));
    for (std::int64_t i = 0; i < std::ssize(reject.labels); ++i) {
        of_reject.push_back(openmax.revise(reject.activations(), i));
    }
    ASSERT_EQ(expected["rows"].size(), 12U);
    for (std::size_t i = 0; i < 12; ++i) {
        SCOPED_TRACE("row " + std::to_string(i));
        check_notebook_row(i < 6 ? of_test[i] : of_reject[i - 6], expected["rows"][i]);
    }
    ASSERT_EQ(expected["sweep"].size(), 11U);
    for (const Json& point : expected["sweep"]) {
        SCOPED_TRACE("threshold " + point["threshold"].dump());
        std::vector<bool> right, rejected;
        for (std::size_t i = 0; i < of_test.size(); ++i) {
            right.push_back(notebook_decision(of_test[i], point["threshold"]) == test.labels[i]);
        }
        for (const Revision& revision : of_reject) {
            rejected.push_back(notebook_decision(revision, point["threshold"]) == -1);
        }
        EXPECT_NEAR(share(right), point["test_acc"], 1e-12);
        EXPECT_NEAR(share(rejected), point["reject_acc"], 1e-12);
    }
}

TEST(GoldenOpenMax, EveryStoreOfTheNotebook) {
    OPENSET_NEED_SHARED("golden/notebook001.jsonl");
    int stores = 0;
    for (const Json& store : golden_lines("notebook001.jsonl")) {
        if (!store.contains("train")) continue; // values of golden/weibull_test.cpp
        ++stores;
        for (const auto& [preset, key] :
             {std::pair("notebook-001", "as_written"), std::pair("notebook-001-described", "as_described")}) {
            SCOPED_TRACE(store["name"].get<std::string>() + ", " + key);
            const OpenMax own = OpenMax::fit(rows_of(store["train"]).training(), openmax_preset(preset).params);
            EXPECT_EQ(own.method(), "openmax-notebook");
            check_notebook(OpenMax::from(with_golden_fits(own, store["fits"], key)), store, store[key]);
        }
    }
    EXPECT_EQ(stores, 6);
}

} // namespace
} // namespace openset::detect
