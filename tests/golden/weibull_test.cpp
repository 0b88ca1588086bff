#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "golden_lines.hpp"
#include "openset/stats/weibull.hpp"
#include "openset/stats/weibull_max.hpp"

// golden/weibull_tails.jsonl: one tail a line; golden/notebook001.jsonl: stores and values with scipy's fits.
namespace openset::stats {
namespace {

using io::Json;

/// A number, or one of the strings that stand for what JSON has no number for.
double number(const Json& value) {
    if (value.is_number()) return value.get<double>();
    if (value == "inf") return std::numeric_limits<double>::infinity();
    if (value == "-inf") return -std::numeric_limits<double>::infinity();
    return std::numeric_limits<double>::quiet_NaN();
}

std::vector<double> numbers(const Json& values) {
    std::vector<double> result;
    for (const Json& value : values) result.push_back(number(value));
    return result;
}

void expect_relative(double found, double expected, double tolerance, const std::string& what) {
    EXPECT_NEAR(found, expected, tolerance * std::abs(expected)) << what;
}

std::vector<std::string> flags(const TailFit& fit) {
    std::vector<std::string> result;
    if (fit.tail_clipped) result.emplace_back("tail_clipped");
    if (fit.tight) result.emplace_back("tight");
    return result;
}

void expect_parameters(const TailFit& fit, const Json& row) {
    expect_relative(fit.shape, row["shape"], 1e-10, "shape");
    expect_relative(fit.log_scale_rel, row["log_scale_rel"], 1e-10, "log_scale_rel");
    expect_relative(fit.scale(), row["scale"], 1e-12, "scale");
    EXPECT_NEAR(fit.loglik, row["loglik"], std::max(1e-9, 1e-10 * std::abs(row["loglik"].get<double>())));
    EXPECT_NEAR(fit.ks, row["ks"], 1e-10);
    expect_relative(fit.se_log_shape, row["se_log_shape"], 1e-8, "se_log_shape");
    expect_relative(fit.se_log_scale, row["se_log_scale"], 1e-8, "se_log_scale");
    for (const std::size_t end : {0U, 1U}) {
        expect_relative(fit.shape_interval().at(end), row["ci95_shape"][end], 1e-8, "ci95_shape");
        expect_relative(fit.scale_interval().at(end), row["ci95_scale"][end], 1e-8, "ci95_scale");
    }
    for (const Json& point : row["cdf_at"]) {
        const WScore score = fit.w_score(point[0]);
        EXPECT_NEAR(score.w, point[1], 1e-10) << "at " << point[0];
        EXPECT_NEAR(score.rest, 1 - point[1].get<double>(), 1e-10) << "at " << point[0];
    }
}

TEST(GoldenWeibull, EveryTailFit) {
    OPENSET_NEED_SHARED("golden/weibull_tails.jsonl");
    const std::vector<Json> rows = golden_lines("weibull_tails.jsonl");
    ASSERT_EQ(rows.size(), 126U);
    for (const Json& row : rows) {
        SCOPED_TRACE("row " + row["id"].dump() + ", " + row["kind"].get<std::string>());
        const TailFit fit = fit_weibull_tail(numbers(row["distances"]),
                                             {row["tail_size"].get<std::int64_t>(), number(row["translate"])});
        EXPECT_EQ(to_string(fit.status), row["status"]);
        EXPECT_EQ(fit.n_used, row["n_used"]);
        EXPECT_EQ(flags(fit), row["flags"].get<std::vector<std::string>>());
        EXPECT_EQ(fit.has_tail(), row.contains("smallest_tail"));
        if (fit.has_tail()) {
            EXPECT_EQ(fit.smallest_tail, row["smallest_tail"]);
            EXPECT_EQ(fit.largest_tail, row["largest_tail"]);
        }
        if (fit.ok()) expect_parameters(fit, row);
    }
}

TEST(GoldenWeibull, TheSpanAsTranslateIsWhatAutoMeans) {
    OPENSET_NEED_SHARED("golden/weibull_tails.jsonl");
    int seen = 0;
    for (const Json& row : golden_lines("weibull_tails.jsonl")) {
        if (row["kind"] != "translate-span") continue;
        SCOPED_TRACE("row " + row["id"].dump());
        const TailFit fit = fit_weibull_tail(numbers(row["distances"]), {row["tail_size"].get<std::int64_t>(), {}});
        EXPECT_EQ(fit.translate, row["translate"]);
        expect_parameters(fit, row);
        ++seen;
    }
    EXPECT_GE(seen, 3);
}

// ---- the notebook's fits

/// A class's squared distances to its mean, in the order of the rows, as the notebook has them.
std::vector<double> notebook_distances(const Json& store, std::size_t label) {
    const auto logits = store["train"]["logits"].get<std::vector<std::vector<double>>>();
    const auto labels = store["train"]["labels"].get<std::vector<std::size_t>>();
    const auto mean = store["class_means"][label].get<std::vector<double>>();
    std::vector<double> distances;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const auto predicted = static_cast<std::size_t>(std::ranges::max_element(logits[i]) - logits[i].begin());
        if (labels[i] != label || predicted != label) continue;
        double sum = 0;
        for (std::size_t j = 0; j < mean.size(); ++j) sum += (logits[i][j] - mean[j]) * (logits[i][j] - mean[j]);
        distances.push_back(sum);
    }
    return distances;
}

void check_both_fits(std::span<const double> values, const Json& expected) {
    const auto n = static_cast<std::int64_t>(values.size());
    const WeibullMaxFit like_scipy = fit_weibull_max_like_scipy(values, n);
    ASSERT_TRUE(like_scipy.ok());
    EXPECT_EQ(like_scipy.largest_tail, expected["max"]);
    EXPECT_NEAR(like_scipy.loglik, expected["loglik"], 1e-4);
    if (expected["shape"] < 1000) { // beyond, where it stops depends on the last bit of every sum
        expect_relative(like_scipy.shape, expected["shape"], 1e-6, "shape");
        expect_relative(like_scipy.loc, expected["loc"], 1e-6, "loc");
        expect_relative(like_scipy.scale, expected["scale"], 1e-6, "scale");
    }

    const Json& best = expected["best_regular"];
    const WeibullMaxFit regular = fit_weibull_max(values, n);
    ASSERT_TRUE(regular.ok());
    const double loglik = best["loglik"];
    EXPECT_GE(regular.loglik, loglik - std::max(1e-6, 1e-9 * std::abs(loglik)));
    EXPECT_GE(regular.loglik, like_scipy.loglik - 1e-6);
    EXPECT_EQ(regular.gumbel_limit, best["kind"] == "gumbel-limit");
    if (regular.gumbel_limit) {
        expect_relative(regular.mode, best["mode"], 1e-6, "mode");
        expect_relative(regular.beta, best["beta"], 1e-6, "beta");
    } else {
        expect_relative(regular.shape, best["shape"], 1e-3, "shape");
        EXPECT_LE(regular.loglik, loglik + 1e-4);
    }
}

TEST(GoldenWeibull, EveryFitOfTheNotebook) {
    OPENSET_NEED_SHARED("golden/notebook001.jsonl");
    const std::vector<Json> rows = golden_lines("notebook001.jsonl");
    ASSERT_EQ(rows.size(), 14U);
    int fits = 0;
    for (const Json& row : rows) {
        if (row.contains("values")) {
            SCOPED_TRACE(row["name"].get<std::string>());
            check_both_fits(row["values"].get<std::vector<double>>(), row);
            ++fits;
            continue;
        }
        for (std::size_t label = 0; label < row["fits"].size(); ++label) {
            SCOPED_TRACE(row["name"].get<std::string>() + ", class " + std::to_string(label));
            std::vector<double> distances = notebook_distances(row, label);
            const Json& expected = row["fits"][label];
            ASSERT_EQ(distances.size(), expected["n_correct"]);
            const auto n = std::min<std::size_t>(distances.size(), row["tail"]);
            check_both_fits(std::span(distances).last(n), expected["as_written"]);
            std::ranges::sort(distances);
            check_both_fits(std::span(distances).last(n), expected["as_described"]);
            fits += 2;
        }
    }
    EXPECT_EQ(fits, 54);
}

} // namespace
} // namespace openset::stats
