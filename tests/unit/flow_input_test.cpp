#include "openset/flow/input.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "error_of.hpp"
#include "memory_source.hpp"
#include "pipe.hpp"
#include "temporary_folder.hpp"

namespace openset::flow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Cancellation never;

std::vector<std::string> names_in(const std::string& bytes, char separator = '\n') {
    NameList list(in_memory(bytes), "the list", separator);
    std::vector<std::string> names;
    while (auto name = list.next(never)) names.push_back(*name);
    return names;
}

std::vector<std::string> paths_of(InputSource& source) {
    std::vector<std::string> paths;
    while (auto input = source.next()) paths.push_back(input->path);
    return paths;
}

TEST(NameList, TakesOneNameALine) {
    EXPECT_THAT(names_in("a.jpg\n\n-x.jpg\r\n with spaces .jpg\nlast.jpg"),
                ElementsAre("a.jpg", "", "-x.jpg", " with spaces .jpg", "last.jpg"));
    EXPECT_THAT(names_in("a.jpg\nb.jpg\n"), ElementsAre("a.jpg", "b.jpg"));
    EXPECT_THAT(names_in(""), IsEmpty());
}

TEST(NameList, WithNulBetweenThemNamesMayHoldAnyOtherByte) {
    EXPECT_THAT(names_in(std::string("two\nlines\0ends in\r\0\0\xFF\xFE\0last", 28), '\0'),
                ElementsAre("two\nlines", "ends in\r", "", "\xFF\xFE", "last"));
}

TEST(NameList, NamesMayBeLongerThanWhatIsReadAtOnce) {
    const std::string longer(100'000, 'n');
    EXPECT_THAT(names_in(longer + "\nb\n" + longer), ElementsAre(longer, "b", longer));
}

TEST(NameList, WhatIsNoListIsNotReadIntoMemory) {
    EXPECT_THAT(error_of([] { names_in(std::string(2'000'000, 'x')); }),
                ::testing::AllOf(HasSubstr("unreadable: the list: "), HasSubstr("is it a list of names?")));
}

TEST(NameList, DoesNotTakeAReadErrorForTheEnd) {
    NameList list(in_memory("a\nhalf a na", "the disk is gone"), "the list names.txt");
    EXPECT_EQ(list.next(never), "a");
    EXPECT_EQ(error_of([&] { list.next(never); }), "unreadable: the list names.txt: the disk is gone");
}

TEST(NameList, GivesANameAsSoonAsItsLineHasEnded) {
    const Pipe pipe;
    NameList list(open_any_file(pipe.reader_name()), "the list");
    pipe.write("a.jpg\nb.j");
    EXPECT_EQ(list.next(never), "a.jpg");
    pipe.write("pg\n");
    EXPECT_EQ(list.next(never), "b.jpg");
}

TEST(NameList, ASignalOrAnotherThreadEndsTheWaitForTheNextName) {
    const Pipe pipe;
    pipe.write("half a na");
    NameList list(open_any_file(pipe.reader_name()), "the list");
    Cancellation cancellation;
    std::jthread another([&] { cancellation.request(); });
    EXPECT_FALSE(list.next(cancellation));
}

TEST(ScanList, LeavesOutEmptyNames) {
    EXPECT_THAT(paths_of(*scan_list(NameList(in_memory("\na\n\r\n\nb\n\n"), "the list"))), ElementsAre("a", "b"));
}

TEST(ScanList, TakesADashForANameLikeAnyOther) {
    const auto input = scan_list(NameList(in_memory("-\n"), "the list"))->next();
    ASSERT_TRUE(input);
    EXPECT_EQ(input->path, "-");
    EXPECT_FALSE(input->bytes) << "standard input may be the list itself";
}

TEST(ScanList, FoldersStandForTheirPictures) {
    const TemporaryFolder folder;
    const std::string name = folder.path().string();
    write_text(folder / "b.jpg", "");
    write_text(folder / "a.jpg", "");
    EXPECT_THAT(paths_of(*scan_list(NameList(in_memory(name + '\0' + "x.jpg"), "the list", '\0'))),
                ElementsAre(name + "/a.jpg", name + "/b.jpg", "x.jpg"));
}

TEST(ScanList, IsStoppedWhileItWaitsForANameAndByACancellation) {
    const Pipe silent;
    Cancellation interrupted;
    const auto list = [&silent] { return NameList(open_any_file(silent.reader_name()), "the list"); };
    const auto stopped = scan_list(list());
    const auto cancelled = scan_list(list(), {&interrupted});
    std::jthread another([&] {
        stopped->stop();
        interrupted.request();
    });
    EXPECT_FALSE(stopped->next());
    EXPECT_FALSE(cancelled->skip());
}

TEST(StreamNames, EveryNameIsOneInput) {
    const TemporaryFolder folder;
    const std::string name = folder.path().string();
    write_text(folder / "a.jpg", "");
    const auto source = stream_names(NameList(in_memory(name + "\n\nx.jpg\r\n" + name + "/a.jpg"), "the list"));
    EXPECT_EQ(source->next()->path, name);
    const auto empty = source->next();
    EXPECT_EQ(empty->path, "");
    ASSERT_TRUE(empty->failure);
    EXPECT_EQ(empty->failure->kind, "not-found");
    EXPECT_EQ(empty->failure->message, "an empty line, expected a path");
    EXPECT_EQ(source->skip(), "x.jpg");
    EXPECT_EQ(source->next()->path, name + "/a.jpg");
    EXPECT_FALSE(source->next());
}

TEST(StreamNames, IsStoppedWhileItWaits) {
    const Pipe silent;
    const auto source = stream_names(NameList(open_any_file(silent.reader_name()), "the list"));
    std::jthread another([&source] { source->stop(); });
    EXPECT_FALSE(source->next());
}

std::unique_ptr<InputSource> letters(const std::string& some) {
    std::vector<std::string> paths;
    for (const char letter : some) paths.emplace_back(1, letter);
    return scan(paths);
}

TEST(Shard, TakesEveryNthInputByPosition) {
    EXPECT_THAT(paths_of(*take_shard(letters("abcdefg"), {0, 3})), ElementsAre("a", "d", "g"));
    EXPECT_THAT(paths_of(*take_shard(letters("abcdefg"), {1, 3})), ElementsAre("b", "e"));
    EXPECT_THAT(paths_of(*take_shard(letters("abcdefg"), {2, 3})), ElementsAre("c", "f"));
    EXPECT_THAT(paths_of(*take_shard(letters("ab"), {2, 3})), IsEmpty());
    EXPECT_THAT(paths_of(*take_shard(letters("abc"), {0, 1})), ElementsAre("a", "b", "c"));
}

TEST(Shard, SkipsWithinItsPart) {
    const auto source = take_shard(letters("abcdefg"), {1, 2});
    EXPECT_EQ(source->skip(), "b");
    EXPECT_EQ(source->next()->path, "d");
    EXPECT_EQ(source->skip(), "f");
    EXPECT_FALSE(source->skip());
}

TEST(Shard, StopsItsSource) {
    const Pipe silent;
    const auto source = take_shard(scan_list(NameList(open_any_file(silent.reader_name()), "the list")), {1, 2});
    std::jthread another([&source] { source->stop(); });
    EXPECT_FALSE(source->next());
}

} // namespace
} // namespace openset::flow
