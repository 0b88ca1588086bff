#include "infer/sort_into.hpp"

#include <algorithm>
#include <ctime>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

#include "openset/base/error.hpp"
#include "temporary_folder.hpp"

namespace openset::infer {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

io::Row row_of(const fs::path& picture, io::Outcome outcome, const std::string& label) {
    io::Row row;
    row.path = picture.string();
    row.verdict = {outcome, label, std::nullopt, std::nullopt};
    if (outcome == io::Outcome::failed) row.failure = io::Failure{"truncated", "ends early"};
    return row;
}

io::Row known(const fs::path& picture, const std::string& label) { return row_of(picture, io::Outcome::known, label); }

class SortIntoFolder : public testing::Test {
protected:
    /// A picture whose bytes are its name.
    fs::path picture(const std::string& name) const {
        write_text(folder / "photos" / name, name);
        return folder / "photos" / name;
    }
    SortInto sort(bool copy = false) const { return {folder / "sorted", {"tabby", "siam"}, copy}; }

    /// Everything below `sorted`, with the text it leads to; in the order of the names.
    std::vector<std::string> sorted() const {
        std::vector<std::string> entries;
        for (const auto& entry : fs::recursive_directory_iterator(folder / "sorted")) {
            if (entry.is_directory()) continue;
            entries.push_back(entry.path().lexically_relative(folder / "sorted").string() + " = " +
                              text_of(entry.path()));
        }
        std::ranges::sort(entries);
        return entries;
    }

    TemporaryFolder folder;
};

TEST_F(SortIntoFolder, LinksEveryPictureIntoTheFolderOfItsVerdict) {
    SortInto sort_into = sort();
    sort_into.add(known(picture("a.jpg"), "tabby"), nullptr);
    sort_into.add(row_of(picture("b.jpg"), io::Outcome::unknown, "unknown"), nullptr);
    sort_into.add(row_of(picture("c.jpg"), io::Outcome::failed, "failed"), nullptr);
    EXPECT_THAT(sorted(), ElementsAre("failed/c.jpg = c.jpg", "tabby/a.jpg = a.jpg", "unknown/b.jpg = b.jpg"));
    EXPECT_EQ(fs::read_symlink(folder / "sorted/tabby/a.jpg"), folder / "photos/a.jpg");
}

TEST_F(SortIntoFolder, LinksLeadToAbsolutePathsWhereverTheyAreReadFrom) {
    sort().add(known("some/relative.jpg", "tabby"), nullptr);
    EXPECT_EQ(fs::read_symlink(folder / "sorted/tabby/relative.jpg"), fs::current_path() / "some/relative.jpg");
}

TEST_F(SortIntoFolder, CopiesAreFilesOfTheirOwn) {
    sort(true).add(known(picture("a.jpg"), "tabby"), nullptr);
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(folder / "sorted/tabby/a.jpg")));
    fs::remove(folder / "photos/a.jpg");
    EXPECT_THAT(sorted(), ElementsAre("tabby/a.jpg = a.jpg"));
    const mode_t mask = ::umask(0);
    ::umask(mask);
    EXPECT_EQ(static_cast<mode_t>(fs::status(folder / "sorted/tabby/a.jpg").permissions()), 0666U & ~mask);
}

TEST_F(SortIntoFolder, PicturesThatAreNoFilesAreWrittenAsFiles) {
    const std::vector<std::uint8_t> bytes = {'x', 'y'};
    SortInto sort_into = sort();
    sort_into.add(known("photos.tar//deep/member.jpg", "tabby"), &bytes);
    sort_into.add(known("-", "siam"), &bytes);
    EXPECT_THAT(sorted(), ElementsAre("siam/- = xy", "tabby/member.jpg = xy"));
}

TEST_F(SortIntoFolder, PicturesOfOneNameAreNumberedInTheirOrder) {
    for (const bool copy : {false, true}) {
        fs::remove_all(folder / "sorted");
        SortInto sort_into = sort(copy);
        for (const char* name : {"1/x.jpg", "2/x.jpg", "3/x.jpg", "1/plain", "2/plain", "4/x-2.jpg"})
            sort_into.add(known(picture(name), "tabby"), nullptr);
        sort_into.add(known(picture("5/x.jpg"), "siam"), nullptr);
        EXPECT_THAT(sorted(), ElementsAre("siam/x.jpg = 5/x.jpg", "tabby/plain = 1/plain", "tabby/plain-2 = 2/plain",
                                          "tabby/x-2-2.jpg = 4/x-2.jpg", "tabby/x-2.jpg = 2/x.jpg",
                                          "tabby/x-3.jpg = 3/x.jpg", "tabby/x.jpg = 1/x.jpg"));
    }
}

TEST_F(SortIntoFolder, ASecondRunChangesNothing) {
    const std::vector<std::uint8_t> bytes = {'x', 'y'};
    for (const bool copy : {false, true}) {
        fs::remove_all(folder / "sorted");
        const auto run = [&] {
            SortInto sort_into = sort(copy);
            for (const char* name : {"1/x.jpg", "2/x.jpg", "3/x.jpg", "2/x.jpg"})
                sort_into.add(known(picture(name), "tabby"), nullptr);
            sort_into.add(known("photos.tar//x.jpg", "tabby"), &bytes);
        };
        run();
        const auto once = sorted();
        run();
        EXPECT_EQ(sorted(), once);
        EXPECT_EQ(once.size(), 5U);
    }
}

TEST_F(SortIntoFolder, NothingThatExistsIsReplaced) {
    write_text(folder / "sorted/tabby/a.jpg", "mine");
    fs::create_symlink("nowhere", (folder / "sorted/tabby") / "a-2.jpg");
    fs::create_directories(folder / "sorted/tabby/a-3.jpg");
    for (const bool copy : {false, true}) sort(copy).add(known(picture("a.jpg"), "tabby"), nullptr);
    EXPECT_EQ(text_of(folder / "sorted/tabby/a.jpg"), "mine");
    EXPECT_EQ(fs::read_symlink(folder / "sorted/tabby/a-2.jpg"), "nowhere");
    EXPECT_TRUE(fs::is_directory(folder / "sorted/tabby/a-3.jpg"));
    EXPECT_EQ(fs::read_symlink(folder / "sorted/tabby/a-4.jpg"), folder / "photos/a.jpg");
    EXPECT_EQ(text_of(folder / "sorted/tabby/a-5.jpg"), "a.jpg");
}

TEST_F(SortIntoFolder, FailedPicturesAreLeftOutWhereThereAreNone) {
    io::Row absent = row_of("absent.jpg", io::Outcome::failed, "failed");
    absent.failure->kind = "not-found";
    sort().add(absent, nullptr);
    EXPECT_FALSE(fs::exists(folder / "sorted"));
    // A folder that could not be entered is there, but cannot be copied.
    fs::create_directories(folder / "photos/locked");
    sort(true).add(row_of(folder / "photos/locked/", io::Outcome::failed, "failed"), nullptr);
    EXPECT_EQ(fs::read_symlink(folder / "sorted/failed/locked"), folder / "photos/locked/");
}

TEST_F(SortIntoFolder, WhatCannotBeWrittenIsAnErrorOfTheOutput) {
    const auto message_of = [this](const io::Row& row, bool copy) {
        try {
            sort(copy).add(row, nullptr);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::output);
            return std::string(error.what());
        }
        return std::string("no error");
    };
    EXPECT_THAT(message_of(known(folder / "gone.jpg", "tabby"), true),
                HasSubstr("gone.jpg: cannot be copied: no such file"));
    write_text(folder / "sorted/siam", "a file");
    EXPECT_THAT(message_of(known(picture("a.jpg"), "siam"), false), HasSubstr("sorted/siam: cannot be made: "));
}

TEST_F(SortIntoFolder, LongNamesAreShortenedToMakeRoomForANumber) {
    const std::string name = std::string(251, 'n') + ".jpg";
    SortInto sort_into = sort();
    for (const char* below : {"1/", "2/"}) sort_into.add(known(picture(below + name), "tabby"), nullptr);
    EXPECT_THAT(sorted(),
                ElementsAre("tabby/" + std::string(249, 'n') + "-2.jpg = 2/" + name, "tabby/" + name + " = 1/" + name));
}

TEST_F(SortIntoFolder, ManyPicturesOfOneNameTakeTimeInProportion) {
    // Of the processor: on a busy machine the clock on the wall says little.
    const auto ticks = [&](int pictures) {
        fs::remove_all(folder / "sorted");
        SortInto sort_into = sort();
        const std::clock_t start = std::clock();
        for (int i = 0; i < pictures; ++i)
            sort_into.add(known("/photos/" + std::to_string(i) + "/x.jpg", "tabby"), nullptr);
        return std::clock() - start;
    };
    ticks(100); // the first call pays for what is needed once
    const std::clock_t few = ticks(500);
    std::clock_t many = ticks(5000);
    // Now and then a busy machine's caches and journal cost ticks too.
    for (int tries = 0; tries < 3 && many >= 60 * few; ++tries) many = std::min(many, ticks(5000));
    EXPECT_LT(many, 60 * few) << "ten times as many; a hundred times as long where each is tried after all others";
}

TEST(NumberedName, PutsTheNumberBeforeTheEnding) {
    EXPECT_EQ(numbered_name("a.jpg", 1), "a.jpg");
    EXPECT_EQ(numbered_name("a.jpg", 2), "a-2.jpg");
    EXPECT_EQ(numbered_name("a.tar.gz", 3), "a.tar-3.gz");
    EXPECT_EQ(numbered_name("plain", 10), "plain-10");
    EXPECT_EQ(numbered_name(".hidden", 2), ".hidden-2");
    EXPECT_EQ(numbered_name("a." + std::string(40, 'b'), 2), "a." + std::string(40, 'b') + "-2");
    EXPECT_EQ(numbered_name(std::string(300, 'a'), 1).size(), 255U);
    // é is two bytes: none is left alone.
    EXPECT_EQ(numbered_name(std::string(252, 'a') + "\xC3\xA9" + ".jpg", 2), std::string(249, 'a') + "-2.jpg");
    EXPECT_EQ(numbered_name(std::string(248, 'a') + "\xC3\xA9" + ".jpg", 2), std::string(248, 'a') + "-2.jpg");
}

std::string folder_of(const std::string& label) { return label_folders({label}).at(label); }

TEST(LabelFolders, AreTheLabelsWhereverTheseAreNames) {
    for (const char* label : {"tabby", "tiger cat", "Egyptian_cat", "\xC3\xA9toile", "a.b", "-"}) {
        EXPECT_EQ(folder_of(label), label);
    }
}

TEST(LabelFolders, AreNamesWhateverTheLabelIs) {
    EXPECT_EQ(folder_of("cat/dog"), "cat_dog");
    EXPECT_EQ(folder_of("../../etc"), "_._.._etc");
    EXPECT_EQ(folder_of("."), "_");
    EXPECT_EQ(folder_of(".."), "_.");
    EXPECT_EQ(folder_of(".hidden"), "_hidden");
    EXPECT_EQ(folder_of(""), "_");
    EXPECT_EQ(folder_of(std::string("a\0b\nc\x7F", 6)), "a_b_c_");
    const std::string long_name = folder_of(std::string(400, 'x'));
    EXPECT_EQ(long_name.size(), 255U);
    EXPECT_NE(long_name, folder_of(std::string(401, 'x')));
}

TEST(LabelFolders, AreNeverThoseOfTheRejected) {
    EXPECT_EQ(folder_of("unknown"), "unknown_");
    EXPECT_EQ(folder_of("failed"), "failed_");
    EXPECT_EQ(folder_of("unknown_"), "unknown__");
    EXPECT_EQ(folder_of("unknown cat"), "unknown cat");
}

TEST(LabelFolders, KeepLabelsApartTheSameWayInAnyOrder) {
    std::vector<std::string> labels = {
        "a_b", "a/b", "a\nb", "unknown", "unknown_", "unknown/", std::string(400, 'x'), std::string(400, 'x') + "y"};
    const auto names = label_folders(labels);
    EXPECT_EQ(names.at("a_b"), "a_b");
    EXPECT_THAT(names.at("a/b"), testing::StartsWith("a_b-"));
    EXPECT_EQ(names.at("unknown"), "unknown_");
    std::set<std::string> distinct;
    for (const auto& [label, name] : names) distinct.insert(name);
    EXPECT_EQ(distinct.size(), labels.size());
    std::ranges::reverse(labels);
    EXPECT_EQ(label_folders(labels), names);
}

} // namespace
} // namespace openset::infer
