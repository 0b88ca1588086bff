#include "openset/stats/k_means.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "openset/base/random.hpp"

namespace openset::stats {
namespace {

using Groups = std::vector<int>;

/// Rows around (0, 0), (10, 0), (0, 10)... in turn.
std::vector<float> heaps(int number, int rows, double spread) {
    Random random(3);
    std::vector<float> values;
    for (int i = 0; i < rows; ++i) {
        const int heap = i % number;
        values.push_back(static_cast<float>((heap % 2) * 10 + spread * random.normal()));
        values.push_back(static_cast<float>((heap / 2) * 10 + spread * random.normal()));
    }
    return values;
}

TEST(KMeans, FindsTheMeansOfHeapsThatLieApart) {
    const std::vector<float> values = {0, 0, 10, 0, 0, 1, 10, 1};
    const auto found = k_means({values, 2}, 2, 1);
    EXPECT_EQ(found.group, (Groups{0, 1, 0, 1}));
    EXPECT_EQ(found.centres, (std::vector<double>{0, 0.5, 10, 0.5}));
    EXPECT_DOUBLE_EQ(found.squares, 1);
}

TEST(KMeans, GivesEveryGroupARowAlsoWhereRowsAreEqual) {
    const std::vector<float> values(10, 1.0F);
    auto groups = k_means({values, 2}, 3, 1).group;
    std::ranges::sort(groups);
    EXPECT_EQ(std::unique(groups.begin(), groups.end()) - groups.begin(), 3);
}

TEST(KMeans, OfOneGroupIsTheMean) {
    const std::vector<float> values = {1, 2, 3, 6};
    EXPECT_EQ(k_means({values, 1}, 1, 0).centres, (std::vector<double>{3}));
}

TEST(AdjustedRandIndex, IsOneForTheSameGroupsByOtherNumbersAndNoughtByChance) {
    EXPECT_DOUBLE_EQ(adjusted_rand_index(Groups{0, 0, 1, 1}, Groups{7, 7, 2, 2}), 1);
    EXPECT_DOUBLE_EQ(adjusted_rand_index(Groups{0, 0, 1, 1}, Groups{0, 1, 0, 1}), -0.5);
    EXPECT_NEAR(adjusted_rand_index(Groups{0, 0, 1, 2}, Groups{0, 0, 1, 1}), 0.5714285714285715, 1e-15); // scikit-learn
    EXPECT_DOUBLE_EQ(adjusted_rand_index(Groups{0, 0, 0}, Groups{1, 1, 1}), 1);
}

TEST(Silhouette, IsNearOneForGroupsThatLieApart) {
    const std::vector<float> values = {0, 1, 10, 11};
    // a is 1 for all; b is 10.5 for the outer and 9.5 for the inner ones
    EXPECT_NEAR(mean_silhouette({values, 1}, Groups{0, 0, 1, 1}, 2), ((1 - 1 / 10.5) + (1 - 1 / 9.5)) / 2, 1e-14);
    EXPECT_LT(mean_silhouette({values, 1}, Groups{0, 1, 0, 1}, 2), 0);
}

TEST(Stability, IsHighestForTheNumberOfHeapsThatThereAre) {
    const auto values = heaps(3, 90, 0.7);
    const Points points{values, 2};
    const double right = clustering_stability(points, 3, 1);
    EXPECT_GT(right, 0.99);
    EXPECT_LT(clustering_stability(points, 5, 1), 0.9);
    EXPECT_GT(mean_silhouette(points, k_means(points, 3, 1).group, 3),
              mean_silhouette(points, k_means(points, 4, 1).group, 4));
}

} // namespace
} // namespace openset::stats
