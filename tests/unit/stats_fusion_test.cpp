#include "openset/stats/fusion.hpp"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace openset::stats {
namespace {

using Values = std::vector<double>;

TEST(Fusion, FisherAddsLogarithms) {
    EXPECT_NEAR(fisher_score(Values{0.5, 0.1}), -2 * std::log(0.05), 1e-14);
    EXPECT_EQ(fisher_score(Values{1, 1}), 0);
}

TEST(Fusion, StoufferAddsNormalQuantiles) {
    EXPECT_NEAR(stouffer_score(Values{0.5, 0.5}, 0.01), 0, 1e-14);
    EXPECT_NEAR(stouffer_score(Values{0.025}, 0.005), 1.959963984540054, 1e-12);
    EXPECT_NEAR(stouffer_score(Values{0.025, 0.025}, 0.005), 1.959963984540054 * std::sqrt(2), 1e-12);
    EXPECT_NEAR(stouffer_score(Values{1}, 0.05), -1.959963984540054, 1e-12); // as 0.975
}

TEST(Fusion, MeanRankIsTheMeanOfWhatLiesBelow) { EXPECT_DOUBLE_EQ(mean_rank_score(Values{0.25, 0.75}), 0.5); }

TEST(Spearman, LooksAtTheOrderAlone) {
    EXPECT_DOUBLE_EQ(spearman_correlation(Values{1, 2, 3, 4}, Values{10, 20, 400, 401}), 1);
    EXPECT_DOUBLE_EQ(spearman_correlation(Values{1, 2, 3, 4}, Values{4, 3, 2, 1}), -1);
    EXPECT_DOUBLE_EQ(spearman_correlation(Values{1, 2, 3}, Values{5, 5, 5}), 0);
    EXPECT_NEAR(spearman_correlation(Values{1, 2, 3, 4}, Values{1, 3, 3, 4}), 0.9486832980505138, 1e-14); // SciPy
}

} // namespace
} // namespace openset::stats
