#include "openset/base/file_bytes.hpp"

#include <atomic>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "error_of.hpp"
#include "temporary_folder.hpp"

namespace openset {
namespace {

std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

TEST(ReadFile, GivesEveryByte) {
    const TemporaryFolder folder;
    std::string bytes(200'000, 'x');
    bytes[77] = '\0';
    write_text(folder / "file", bytes);
    EXPECT_EQ(text_of(read_file(folder / "file")), bytes);
    write_text(folder / "empty", "");
    EXPECT_TRUE(read_file(folder / "empty").empty());
}

TEST(ReadFile, ReadsFilesThatTellNoSize) { EXPECT_FALSE(read_file("/proc/self/status").empty()); }

TEST(ReadFile, TellsAbsentFromUnreadable) {
    const TemporaryFolder folder;
    const std::string no_regular_file = "unreadable: is no regular file (a FIFO, socket or device)";
    ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
    EXPECT_EQ(error_of([&] { read_file(folder / "absent"); }), "not-found: no such file");
    EXPECT_EQ(error_of([&] { read_file(folder.path()); }), "unreadable: is a folder, expected a file");
    EXPECT_EQ(error_of([&] { read_file(folder / "fifo"); }), no_regular_file) << "nobody writes to it";
    EXPECT_EQ(error_of([&] { read_file("/dev/zero"); }), no_regular_file);
    EXPECT_EQ(error_of([&] { read_file(folder / std::string(300, 'n')); }),
              "unreadable: cannot open: File name too long");
}

TEST(ReadFile, RefusesMoreThanItsLimit) {
    const TemporaryFolder folder;
    write_text(folder / "file", "12345");
    EXPECT_NO_THROW(read_file(folder / "file", 5));
    EXPECT_EQ(error_of([&] { read_file(folder / "file", 4); }), "too-large: 5 bytes, expected at most 4");
}

TEST(ReadFile, TellsAReadErrorByItsName) {
    // The memory of this process, which has nothing at address 0.
    EXPECT_EQ(error_of([] { read_file("/proc/self/mem"); }), "unreadable: cannot read: Input/output error");
}

TEST(ReadFile, AFileThatChangesItsSizeAllTheTimeGivesSomeOfItsBytes) {
    const TemporaryFolder folder;
    const std::string name = folder / "log";
    const std::string more(100'000, 'x');
    write_text(name, more);
    std::atomic<bool> done = false;
    std::jthread writer([&] {
        const int log = ::open(name.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
        for (int i = 0; !done; ++i) {
            if (::write(log, more.data(), more.size()) < 0 || (i % 16 == 0 && ::ftruncate(log, 0) != 0)) break;
        }
        ::close(log);
    });
    for (int i = 0; i < 200; ++i) {
        const auto bytes = read_file(name);
        EXPECT_LE(bytes.size(), 17 * more.size());
        // A cut in the middle of a read may show as zeros, never as anything else.
        EXPECT_EQ(text_of(bytes).find_first_not_of(std::string_view("x\0", 2)), std::string::npos);
    }
    done = true;
}

TEST(ReadFile, AFileThatVanishesIsReadOrNotFound) {
    const TemporaryFolder folder;
    const std::string name = folder / "a.jpg";
    std::atomic<bool> done = false;
    std::jthread writer([&] {
        while (!done) {
            write_text(name, "picture");
            std::filesystem::remove(name);
        }
    });
    for (int i = 0; i < 500; ++i) {
        std::string text;
        const std::string error = error_of([&] { text = text_of(read_file(name)); });
        EXPECT_TRUE(error == "not-found: no such file" || (error == "none" && (text.empty() || text == "picture")))
            << error << text;
    }
    done = true;
}

} // namespace
} // namespace openset
