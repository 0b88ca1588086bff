#include "openset/base/byte_sink.hpp"

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
