#include "openset/base/output_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"
#include "temporary_folder.hpp"

namespace openset {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::span<const std::uint8_t> bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

const std::string first = "first", second = "second";

void write_whole(const fs::path& path, const std::string& text) {
    OutputFolder folder(path, "record.csv");
    folder.write("a/b/file", bytes_of(text));
    folder.commit("its record\n");
}

TEST(OutputFolder, StandsUnderItsNameWhenItIsWhole) {
    const TemporaryFolder home;
    {
        OutputFolder folder(home / "out/", "record.csv");
        folder.write("a/b/file", bytes_of(first));
        EXPECT_FALSE(fs::exists(home / "out"));
        EXPECT_TRUE(fs::exists(home / "out.partial/a/b/file"));
        folder.commit("its record\n");
    }
    EXPECT_EQ(text_of(home / "out/a/b/file"), first);
    EXPECT_EQ(text_of(home / "out/record.csv"), "its record\n");
    EXPECT_FALSE(fs::exists(home / "out.partial"));
}

TEST(OutputFolder, LeavesNothingBehindWithoutCommit) {
    const TemporaryFolder home;
    { OutputFolder(home / "out", "record.csv").write("file", bytes_of(first)); }
    EXPECT_TRUE(fs::is_empty(home.path()));
}

TEST(OutputFolder, ReplacesOneOfItsOwnInOneStep) {
    const TemporaryFolder home;
    write_whole(home / "out", first);
    write_text(home / "out/a/more", "of before");
    write_whole(home / "out", second);
    EXPECT_EQ(text_of(home / "out/a/b/file"), second);
    EXPECT_FALSE(fs::exists(home / "out/a/more"));
    EXPECT_FALSE(fs::exists(home / "out.partial"));
}

TEST(OutputFolder, TakesTheNameOfAnEmptyFolder) {
    const TemporaryFolder home;
    fs::create_directory(home / "out");
    EXPECT_FALSE(check_place_for_output_folder(home / "out", "record.csv"));
    write_whole(home / "out", first);
    EXPECT_EQ(text_of(home / "out/a/b/file"), first);
    EXPECT_TRUE(check_place_for_output_folder(home / "out", "record.csv"));
}

TEST(OutputFolder, TouchesNoFolderWithoutItsRecord) {
    const TemporaryFolder home;
    for (const std::string name : {"out", "out.partial"}) {
        write_text(home / name / "photo.jpg", "mine");
        EXPECT_THAT(error_of([&] { OutputFolder(home / "out", "record.csv"); }),
                    HasSubstr(name + ": holds files but no record.csv"));
        EXPECT_EQ(text_of(home / name / "photo.jpg"), "mine");
        fs::remove_all(home / name);
    }
}

TEST(OutputFolder, RefusesWhatIsNoFolderAndPlacesThatAreNotThere) {
    const TemporaryFolder home;
    write_text(home / "file", "mine");
    fs::create_directory(home / "folder");
    fs::create_directory_symlink(home / "folder", home / "link");
    EXPECT_THAT(error_of([&] { OutputFolder(home / "file", "r"); }), HasSubstr("is a file"));
    EXPECT_THAT(error_of([&] { OutputFolder(home / "link", "r"); }), HasSubstr("is a link"));
    EXPECT_THAT(error_of([&] { OutputFolder(home / "no/where", "r"); }), HasSubstr("no such folder; make it"));
}

TEST(OutputFolder, BeginsAnewWhereAKilledRunLeftSomething) {
    const TemporaryFolder home;
    write_text(home / "out.partial/record.csv", "");
    write_text(home / "out.partial/a/left", "over");
    write_whole(home / "out", first);
    EXPECT_FALSE(fs::exists(home / "out/a/left"));
}

TEST(OutputFolder, IsWrittenByOneRunAtATime) {
    const TemporaryFolder home;
    OutputFolder folder(home / "out", "record.csv");
    EXPECT_THAT(error_of([&] { OutputFolder(home / "out", "record.csv"); }), HasSubstr("another run is writing it"));
    folder.write("file", bytes_of(first));
    EXPECT_NO_THROW(folder.commit(""));
}

} // namespace
} // namespace openset
