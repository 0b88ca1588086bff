#include "flow/batch_sizes.hpp"

#include <functional>
#include <gtest/gtest.h>
#include <vector>

namespace openset::flow {
namespace {

/// Runs passes of whatever size is wanted until the search ends; how many pictures that took.
int run_until_found(BatchSizes& sizes, const std::function<double(int)>& seconds_a_picture) {
    int pictures = 0;
    while (sizes.found(0) == 0 && pictures < 10'000) {
        const int size = sizes.of(0);
        sizes.measured(0, size, size * seconds_a_picture(size));
        pictures += size;
    }
    return pictures;
}

TEST(BatchSizesTest, AKnownSizeStays) {
    BatchSizes sizes({5}, 32);
    for (int i = 0; i < 50; ++i) sizes.measured(0, 5, 1);
    EXPECT_EQ(sizes.of(0), 5);
    EXPECT_EQ(sizes.found(0), 0);
}

TEST(BatchSizesTest, TheFastestSizeAPictureIsFound) {
    for (const int best : {1, 2, 4, 8, 16, 32}) {
        BatchSizes sizes({0}, 32);
        run_until_found(sizes, [best](int size) {
            return 1 + 0.1 * (size > best ? static_cast<double>(size) / best : static_cast<double>(best) / size);
        });
        EXPECT_EQ(sizes.found(0), best);
        EXPECT_EQ(sizes.of(0), best);
    }
}

TEST(BatchSizesTest, WhereSizesAreEqualTheFirstIsKeptAfterSomeHundredPictures) {
    BatchSizes sizes({0}, 32);
    EXPECT_LE(run_until_found(sizes, [](int size) { return size == 16 ? 0.99 : 1.0; }), 160);
    EXPECT_EQ(sizes.found(0), 8);
}

TEST(BatchSizesTest, LessHasToBeFasterByMoreThanMoreHas) {
    BatchSizes less({0}, 32), more({0}, 32);
    run_until_found(less, [](int size) { return size < 8 ? 0.96 : 1.0; });
    run_until_found(more, [](int size) { return size > 8 ? 0.96 : 1.0; });
    EXPECT_EQ(less.found(0), 8);
    EXPECT_EQ(more.found(0), 16);
}

TEST(BatchSizesTest, TheSearchStartsWhereItIsTold) {
    BatchSizes sizes({0}, 256, 64);
    EXPECT_EQ(sizes.of(0), 64);
    run_until_found(sizes, [](int) { return 1.0; });
    EXPECT_EQ(sizes.found(0), 64);
}

TEST(BatchSizesTest, ASlowPassNowAndThenMisleadsNobody) {
    BatchSizes sizes({0}, 32);
    int pass = 0;
    run_until_found(sizes, [&pass](int size) { return (size == 16 ? 0.8 : 1.0) * (pass++ % 3 == 0 ? 5 : 1); });
    EXPECT_EQ(sizes.found(0), 16);
}

TEST(BatchSizesTest, NoMoreIsTriedThanIsAllowed) {
    BatchSizes sizes({0}, 4);
    EXPECT_EQ(sizes.of(0), 4);
    run_until_found(sizes, [](int size) {
        EXPECT_LE(size, 4);
        return 1.0 / size;
    });
    EXPECT_EQ(sizes.found(0), 4);
}

TEST(BatchSizesTest, MoreIsNotTriedWhereLessIsFaster) {
    BatchSizes sizes({0}, 32);
    run_until_found(sizes, [](int size) {
        EXPECT_LE(size, 8); // more takes memory
        return 1.0 + size;
    });
    EXPECT_EQ(sizes.found(0), 1);
}

TEST(BatchSizesTest, SizesAlternateSoThatABusyMinuteMeetsBoth) {
    BatchSizes sizes({0}, 32);
    std::vector<int> tried;
    for (int i = 0; i < 6; ++i) {
        tried.push_back(sizes.of(0));
        sizes.measured(0, tried.back(), 1.0);
    }
    EXPECT_EQ(tried, (std::vector{8, 4, 8, 4, 8, 4}));
}

TEST(BatchSizesTest, PassesOfAnotherSizeTeachNothing) {
    BatchSizes sizes({0}, 32);
    for (int i = 0; i < 100; ++i) sizes.measured(0, 3, 1);
    EXPECT_EQ(sizes.of(0), 8);
}

TEST(BatchSizesTest, ASizeThatFindsNoMemoryIsNotTriedAgain) {
    BatchSizes sizes({0}, 32);
    int pictures = 0;
    while (sizes.found(0) == 0 && pictures < 1000) {
        const int size = sizes.of(0);
        pictures += size;
        if (size > 12)
            sizes.lower(0, size / 2);
        else
            sizes.measured(0, size, 1.0);
    }
    EXPECT_EQ(sizes.found(0), 8);
    EXPECT_EQ(sizes.of(0), 8);
}

TEST(BatchSizesTest, AFoundSizeThatFindsNoMemoryIsNotRemembered) {
    BatchSizes sizes({0}, 32);
    for (int pictures = 0; sizes.found(0) == 0 && pictures < 1000; pictures += sizes.of(0))
        sizes.measured(0, sizes.of(0), 1.0);
    ASSERT_GT(sizes.found(0), 1);
    sizes.lower(0, sizes.found(0) / 2);
    EXPECT_EQ(sizes.found(0), 0);
    EXPECT_TRUE(sizes.outgrown(0));
}

TEST(BatchSizesTest, AKnownSizeThatFindsNoMemoryIsKnownNoLonger) {
    BatchSizes sizes({16}, 32);
    EXPECT_FALSE(sizes.outgrown(0));
    sizes.lower(0, 8);
    EXPECT_EQ(sizes.of(0), 8);
    EXPECT_TRUE(sizes.outgrown(0));
    EXPECT_EQ(sizes.found(0), 0) << "what is left is no fastest size";
    sizes.lower(0, 12); // of a batch that was larger when it began
    EXPECT_EQ(sizes.of(0), 8);
}

TEST(BatchSizesTest, EachNetworkHasItsOwn) {
    BatchSizes sizes({4, 0, 16}, 32);
    EXPECT_EQ(sizes.of(0), 4);
    EXPECT_EQ(sizes.of(1), 8);
    EXPECT_EQ(sizes.largest(), 16);
}

} // namespace
} // namespace openset::flow
