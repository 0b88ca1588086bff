#include "openset/base/file_bytes.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "openset/base/error.hpp"

namespace openset {
namespace {

class Descriptor {
public:
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    int value() const { return value_; }

private:
    int value_;
};

std::vector<std::uint8_t> read_to_end(int descriptor, std::size_t expected_size, std::uint64_t max_bytes) {
    std::vector<std::uint8_t> bytes(expected_size);
    std::size_t filled = 0;
    while (true) {
        // One byte more than expected tells the end of the file without a second allocation.
        if (filled == bytes.size()) bytes.resize(filled + (filled == expected_size ? 1 : filled));
        const ssize_t count = ::read(descriptor, bytes.data() + filled, bytes.size() - filled);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw Error(ErrorKind::unreadable, std::string("cannot read: ") + std::strerror(errno));
        if (count == 0) break;
        filled += static_cast<std::size_t>(count);
        if (filled > max_bytes) {
            throw Error(ErrorKind::unreadable, "more than " + std::to_string(max_bytes) + " bytes: not read");
        }
    }
    bytes.resize(filled);
    return bytes;
}

} // namespace

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
    // O_NONBLOCK: opening a FIFO that nobody writes to must not wait for ever.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.value() < 0) {
        const bool absent = errno == ENOENT || errno == ENOTDIR;
        throw Error(absent ? ErrorKind::not_found : ErrorKind::unreadable,
                    absent ? "no such file" : std::string("cannot open: ") + std::strerror(errno));
    }
    struct stat status {};
    if (::fstat(file.value(), &status) != 0) {
        throw Error(ErrorKind::unreadable, std::string("cannot read: ") + std::strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        throw Error(ErrorKind::unreadable, S_ISDIR(status.st_mode) ? "is a folder, expected a file"
                                                                   : "is no regular file (a FIFO, socket or device)");
    }
    if (static_cast<std::uint64_t>(status.st_size) > max_bytes) {
        throw Error(ErrorKind::unreadable,
                    std::to_string(status.st_size) + " bytes, expected at most " + std::to_string(max_bytes));
    }
    return read_to_end(file.value(), static_cast<std::size_t>(status.st_size), max_bytes);
}

std::vector<std::uint8_t> read_standard_input(std::uint64_t max_bytes) {
    return read_to_end(STDIN_FILENO, 1 << 16, max_bytes);
}

} // namespace openset
