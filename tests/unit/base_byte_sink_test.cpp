#include "openset/base/byte_sink.hpp"

#include <gtest/gtest.h>

#include "openset/base/error.hpp"
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

} // namespace
} // namespace openset
