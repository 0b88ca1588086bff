#include "pictures/batch_sizes.hpp"

#include <cstdlib>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace openset::pictures {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class BatchSizesFileTest : public ::testing::Test {
protected:
    void write(const std::string& text) { std::ofstream(file) << text; }

    TemporaryFolder folder;
    std::filesystem::path file = folder / "sizes.json";
};

TEST_F(BatchSizesFileTest, WhatWasRememberedIsKnownOnThatMachineOnly) {
    remember_batch_sizes(file, "mine", {{"aa", 8}, {"bb", 32}});
    EXPECT_THAT(read_batch_sizes(file, "mine"), ElementsAre(Pair("aa", 8), Pair("bb", 32)));
    EXPECT_THAT(read_batch_sizes(file, "another"), IsEmpty());
}

TEST_F(BatchSizesFileTest, WhatIsNewStandsBesideOrInPlaceOfWhatIsKnown) {
    remember_batch_sizes(file, "mine", {{"aa", 8}, {"bb", 32}});
    remember_batch_sizes(file, "mine", {{"bb", 2}});
    remember_batch_sizes(file, "another", {{"aa", 1}});
    EXPECT_THAT(read_batch_sizes(file, "mine"), ElementsAre(Pair("aa", 8), Pair("bb", 2)));
}

TEST_F(BatchSizesFileTest, ASizeThatIsToBeForgottenIsKnownNoLonger) {
    remember_batch_sizes(file, "mine", {{"aa", 8}, {"bb", 32}});
    remember_batch_sizes(file, "mine", {{"aa", forget_batch_size}, {"cc", forget_batch_size}});
    EXPECT_THAT(read_batch_sizes(file, "mine"), ElementsAre(Pair("bb", 32)));
}

TEST_F(BatchSizesFileTest, ADamagedFileKnowsNothingAndIsReplaced) {
    for (const char* damaged : {"", "{", "[]", "3", R"({"format": "openset-batch-sizes/1", "machines": 3})",
                                R"({"format": "another", "machines": {"mine": {"aa": 8}}})", "\xFF"}) {
        write(damaged);
        EXPECT_THAT(read_batch_sizes(file, "mine"), IsEmpty()) << damaged;
        remember_batch_sizes(file, "mine", {{"aa", 8}});
        EXPECT_THAT(read_batch_sizes(file, "mine"), ElementsAre(Pair("aa", 8))) << damaged;
    }
}

TEST_F(BatchSizesFileTest, SizesThatMakeNoSenseAreNotTaken) {
    write(R"({"format": "openset-batch-sizes/1",
              "machines": {"mine": {"a": 0, "b": -3, "c": 5000, "d": "8", "e": null, "f": 2.5, "g": 16}}})");
    EXPECT_THAT(read_batch_sizes(file, "mine"), ElementsAre(Pair("g", 16)));
    write(R"({"format": "openset-batch-sizes/1", "machines": {"mine": [8]}})");
    EXPECT_THAT(read_batch_sizes(file, "mine"), IsEmpty());
    remember_batch_sizes(file, "mine", {{"aa", 8}});
    EXPECT_THAT(read_batch_sizes(file, "mine"), ElementsAre(Pair("aa", 8)));
}

TEST_F(BatchSizesFileTest, APlaceThatCannotBeWrittenIsNoError) {
    write("a file");
    EXPECT_NO_THROW(remember_batch_sizes(file / "below" / "sizes.json", "mine", {{"aa", 8}}));
    EXPECT_NO_THROW(remember_batch_sizes("", "mine", {{"aa", 8}}));
    EXPECT_THAT(read_batch_sizes("", "mine"), IsEmpty());
}

TEST_F(BatchSizesFileTest, LiesWhereTheXdgStandardSays) {
    ::setenv("HOME", "/people/me", 1);
    ::setenv("XDG_CACHE_HOME", "/var/tmp/caches", 1);
    EXPECT_EQ(batch_sizes_file(), "/var/tmp/caches/openset/batch_sizes.json");
    ::setenv("XDG_CACHE_HOME", "relative", 1);
    EXPECT_EQ(batch_sizes_file(), "/people/me/.cache/openset/batch_sizes.json");
    ::unsetenv("XDG_CACHE_HOME");
    EXPECT_EQ(batch_sizes_file(), "/people/me/.cache/openset/batch_sizes.json");
    ::unsetenv("HOME");
    EXPECT_EQ(batch_sizes_file(), "");
}

} // namespace
} // namespace openset::pictures
