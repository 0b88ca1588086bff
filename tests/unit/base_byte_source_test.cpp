#include "openset/base/byte_source.hpp"

#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "error_of.hpp"
#include "pipe.hpp"
#include "temporary_folder.hpp"

namespace openset {
namespace {

const Cancellation never;

std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

TEST(ByteSource, GivesWhatAPipeHasWithoutWaitingForMore) {
    const Pipe pipe;
    const auto source = open_any_file(pipe.reader_name());
    pipe.write("line\n");
    std::uint8_t room[100];
    EXPECT_EQ(source->read(room, never), 5);
}

TEST(ByteSource, IsReadToItsEndThroughAPipe) {
    Pipe pipe;
    const auto source = open_any_file(pipe.reader_name());
    const std::string all(300'000, 'x');
    std::jthread writer([&] {
        pipe.write(all);
        pipe.close_writer();
    });
    EXPECT_EQ(text_of(*read_to_end({'a', 'b'}, *source, 1'000'000, never)), "ab" + all);
}

TEST(ByteSource, EndsWhereAStopIsRequestedWhileItWaits) {
    const Pipe silent;
    silent.write("half a pic");
    const auto source = open_any_file(silent.reader_name());
    Cancellation cancellation;
    std::jthread another([&] { cancellation.request(); });
    EXPECT_FALSE(read_to_end({}, *source, 1'000'000, cancellation));
}

TEST(ByteSource, OfAFolderIsRefused) {
    const TemporaryFolder folder;
    EXPECT_EQ(error_of([&] { open_any_file(folder.path()); }), "unreadable: is a folder, expected a file");
    EXPECT_EQ(error_of([&] { open_regular_file(folder.path()); }), "unreadable: is a folder, expected a file");
}

TEST(ByteSource, AnEndlessOneIsBounded) {
    class Endless : public ByteSource {
        std::optional<std::size_t> read(std::span<std::uint8_t> room, const Cancellation&) override {
            return room.size();
        }
    } endless;
    EXPECT_EQ(error_of([&] { read_to_end({}, endless, 1'000'000, never); }),
              "too-large: more than 1000000 bytes: not read");
}

} // namespace
} // namespace openset
