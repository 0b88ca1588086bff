#include "openset/base/byte_source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <unistd.h>
#include <utility>

#include "base/descriptor.hpp"
#include "openset/base/error.hpp"

namespace openset {
namespace {

std::optional<std::size_t> read_descriptor(int descriptor, std::span<std::uint8_t> room,
                                           const Cancellation& cancellation) {
    while (cancellation.wait_readable(descriptor)) {
        const ssize_t count = ::read(descriptor, room.data(), room.size());
        if (count >= 0) return static_cast<std::size_t>(count);
        // EAGAIN: whoever gave us the descriptor made it non-blocking, and another reader was faster.
        if (errno != EINTR && errno != EAGAIN)
            throw Error(ErrorKind::unreadable, std::string("cannot read: ") + std::strerror(errno));
    }
    return std::nullopt;
}

class FileSource : public ByteSource {
public:
    explicit FileSource(Descriptor file) : file_(std::move(file)) {}

    std::optional<std::size_t> read(std::span<std::uint8_t> room, const Cancellation& cancellation) override {
        return read_descriptor(file_.value(), room, cancellation);
    }

private:
    Descriptor file_;
};

class StandardInput : public ByteSource {
public:
    std::optional<std::size_t> read(std::span<std::uint8_t> room, const Cancellation& cancellation) override {
        return read_descriptor(STDIN_FILENO, room, cancellation);
    }
};

} // namespace

std::unique_ptr<ByteSource> open_regular_file(const std::filesystem::path& path) {
    return source_of(open_regular(path).descriptor);
}

std::unique_ptr<ByteSource> open_any_file(const std::filesystem::path& path) { return source_of(open_any(path)); }

std::unique_ptr<ByteSource> source_of(Descriptor file) { return std::make_unique<FileSource>(std::move(file)); }

std::unique_ptr<ByteSource> standard_input() { return std::make_unique<StandardInput>(); }

std::optional<std::size_t> read_fully(ByteSource& source, std::span<std::uint8_t> room,
                                      const Cancellation& cancellation) {
    std::size_t filled = 0;
    while (filled < room.size()) {
        const auto count = source.read(room.subspan(filled), cancellation);
        if (!count) return std::nullopt;
        if (*count == 0) break;
        filled += *count;
    }
    return filled;
}

std::optional<std::vector<std::uint8_t>> read_to_end(std::vector<std::uint8_t> begin, ByteSource& source,
                                                     std::uint64_t max_bytes, const Cancellation& cancellation) {
    std::vector<std::uint8_t> bytes = std::move(begin);
    while (true) {
        const std::size_t filled = bytes.size();
        bytes.resize(filled + std::max<std::size_t>(filled, 1 << 16));
        const auto count = read_fully(source, std::span(bytes).subspan(filled), cancellation);
        if (!count) return std::nullopt;
        const bool ended = filled + *count < bytes.size();
        bytes.resize(filled + *count);
        if (bytes.size() > max_bytes)
            throw Error(ErrorKind::too_large, "more than " + std::to_string(max_bytes) + " bytes: not read");
        if (ended) return bytes;
    }
}

} // namespace openset
