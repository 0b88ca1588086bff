#include "openset/base/byte_sink.hpp"

#include <functional>
#include <gtest/gtest.h>

#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "temporary_folder.hpp"

namespace openset {
namespace {

TEST(AtomicFile, StandsUnderItsNameOnlyAfterCommit) {
    const TemporaryFolder folder;
    const auto path = folder / "rows.jsonl";
    const auto file = open_atomic_file(path);
    file->write("one\n");
    file->flush();
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(text_of(partial_path(path)), "one\n");
    file->commit();
    EXPECT_EQ(text_of(path), "one\n");
    EXPECT_FALSE(std::filesystem::exists(partial_path(path)));
}

TEST(AtomicFile, LeavesAnOlderResultAloneWhenItIsNotCommitted) {
    const TemporaryFolder folder;
    const auto path = folder / "rows.jsonl";
    write_file_atomically(path, "old");
    { open_atomic_file(path)->write("new"); }
    EXPECT_EQ(text_of(path), "old");
}

TEST(AtomicFile, NamesTheFileAndTheReasonWhenTheDiskIsFull) {
    const auto file = open_atomic_file("/dev/full"); // no regular file: written directly
    file->write("row");
    try {
        file->commit();
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::output);
        EXPECT_EQ(std::string(error.what()), "/dev/full: cannot write: No space left on device");
    }
}

TEST(AtomicFile, RefusesAFolderAndAPathThatDoesNotExist) {
    const TemporaryFolder folder;
    EXPECT_THROW(open_atomic_file(folder.path()), Error);
    EXPECT_THROW(open_atomic_file(folder / "no/such/folder/rows.jsonl"), Error);
}

std::string message_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::output);
        return error.what();
    }
    return "no error";
}

TEST(AtomicFile, BelongsToOneRunAtATimeAndTheSecondLeavesItAsItIs) {
    const TemporaryFolder folder;
    const auto path = folder / "rows.jsonl";
    auto first = open_atomic_file(path);
    first->write("first\n");
    first->flush();
    EXPECT_EQ(message_of([&] { open_atomic_file(path); }),
              partial_path(path).string() +
                  ": another run is writing it; wait until that one has ended, or choose another -o");
    EXPECT_NE(message_of([&] {
                  continue_atomic_file(path, [](const auto&) -> std::uint64_t {
                      ADD_FAILURE() << "asked about a file that another run is writing";
                      return 0;
                  });
              }),
              "no error");
    EXPECT_EQ(text_of(partial_path(path)), "first\n");
    first->commit();
    EXPECT_EQ(text_of(path), "first\n");
    const auto second = open_atomic_file(path);
    second->write("second\n");
    second->commit();
    EXPECT_EQ(text_of(path), "second\n");
}

TEST(AtomicFile, WhatAnInterruptedRunLeftCanBeSetAsideUnlessItIsStillBeingWritten) {
    const TemporaryFolder folder;
    const auto path = folder / "rows.jsonl";
    EXPECT_EQ(set_aside_partial(path), std::nullopt);
    {
        const auto running = open_atomic_file(path);
        running->write("rows");
        running->flush();
        EXPECT_NE(message_of([&] { set_aside_partial(path); }), "no error");
    }
    EXPECT_EQ(set_aside_partial(path), folder / "rows.jsonl.partial.old");
    EXPECT_EQ(text_of(folder / "rows.jsonl.partial.old"), "rows");
    EXPECT_FALSE(std::filesystem::exists(partial_path(path)));
}

TEST(AtomicFile, IsFreeForTheNextRunWhenTheOneThatWroteItIsGone) {
    const TemporaryFolder folder;
    const auto path = folder / "rows.jsonl";
    open_atomic_file(path)->write("a longer text than that of the next run");
    const auto next = open_atomic_file(path);
    next->write("next");
    next->commit();
    EXPECT_EQ(text_of(path), "next");
}

TEST(AtomicFile, DoesNotPassOffAnotherRunsFileAsItsOwn) {
    const TemporaryFolder folder;
    const auto path = folder / "rows.jsonl";
    const auto file = open_atomic_file(path);
    file->write("mine");
    std::filesystem::remove(partial_path(path));
    write_text(partial_path(path), "theirs");
    EXPECT_EQ(message_of([&] { file->commit(); }),
              partial_path(path).string() + ": was removed or replaced while it was being written; run again");
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ContinuedFile, KeepsTheWholeBytesCutsTheRestAndGoesOn) {
    const TemporaryFolder folder;
    const auto path = folder / "rows.jsonl";
    write_text(partial_path(path), "one\ntwo\nthr");
    const auto file = continue_atomic_file(path, [](const std::filesystem::path& partial) {
        EXPECT_EQ(text_of(partial), "one\ntwo\nthr");
        return std::uint64_t{8};
    });
    EXPECT_EQ(text_of(partial_path(path)), "one\ntwo\n");
    file->write("three\n");
    file->commit();
    EXPECT_EQ(text_of(path), "one\ntwo\nthree\n");
}

TEST(ContinuedFile, StartsOneThatIsNotThere) {
    const TemporaryFolder folder;
    const auto file = continue_atomic_file(folder / "rows.jsonl", [](const auto&) { return std::uint64_t{0}; });
    file->write("one\n");
    file->commit();
    EXPECT_EQ(text_of(folder / "rows.jsonl"), "one\n");
}

TEST(ContinuedFile, IsAsItWasWhereItsRowsAreRefused) {
    const TemporaryFolder folder;
    const auto path = folder / "rows.jsonl";
    write_text(partial_path(path), "one\n");
    EXPECT_EQ(message_of([&] {
                  continue_atomic_file(
                      path, [](const auto&) -> std::uint64_t { throw Error(ErrorKind::output, "not these rows"); });
              }),
              "not these rows");
    EXPECT_EQ(text_of(partial_path(path)), "one\n");
    EXPECT_NO_THROW(continue_atomic_file(path, [](const auto&) { return std::uint64_t{4}; }));
}

TEST(ContinuedFile, IsARegularFile) {
    EXPECT_THROW(continue_atomic_file("/dev/null", [](const auto&) { return std::uint64_t{0}; }), Error);
}

ErrorKind kind_of_reading(const std::filesystem::path& path) {
    try {
        read_file(path);
    } catch (const Error& error) {
        return error.kind();
    }
    return ErrorKind::internal;
}

TEST(ReadFile, GivesEveryByte) {
    const TemporaryFolder folder;
    std::string bytes(200'000, 'x');
    bytes[77] = '\0';
    write_text(folder / "file", bytes);
    const auto read = read_file(folder / "file");
    EXPECT_EQ(std::string(read.begin(), read.end()), bytes);
    write_text(folder / "empty", "");
    EXPECT_TRUE(read_file(folder / "empty").empty());
}

TEST(ReadFile, ReadsFilesThatTellNoSize) { EXPECT_FALSE(read_file("/proc/self/status").empty()); }

TEST(ReadFile, TellsAbsentFromUnreadable) {
    const TemporaryFolder folder;
    EXPECT_EQ(kind_of_reading(folder / "absent"), ErrorKind::not_found);
    EXPECT_EQ(kind_of_reading(folder.path()), ErrorKind::unreadable);
    EXPECT_EQ(kind_of_reading("/dev/zero"), ErrorKind::unreadable);
}

TEST(ReadFile, RefusesMoreThanItsLimit) {
    const TemporaryFolder folder;
    write_text(folder / "file", "12345");
    EXPECT_NO_THROW(read_file(folder / "file", 5));
    EXPECT_THROW(read_file(folder / "file", 4), Error);
}

} // namespace
} // namespace openset
