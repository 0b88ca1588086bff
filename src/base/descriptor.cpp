#include "base/descriptor.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "openset/base/error.hpp"

namespace openset {
namespace {

struct OpenFile {
    Descriptor descriptor;
    struct stat status;
};

/// flags  besides those that every file is opened with
OpenFile open(const std::filesystem::path& path, int flags) {
    Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | flags));
    if (descriptor.value() < 0) {
        const bool absent = errno == ENOENT || errno == ENOTDIR;
        throw Error(absent ? ErrorKind::not_found : ErrorKind::unreadable,
                    absent ? "no such file" : std::string("cannot open: ") + std::strerror(errno));
    }
    struct stat status {};
    if (::fstat(descriptor.value(), &status) != 0)
        throw Error(ErrorKind::unreadable, std::string("cannot read: ") + std::strerror(errno));
    if (S_ISDIR(status.st_mode)) throw Error(ErrorKind::unreadable, "is a folder, expected a file");
    return {std::move(descriptor), status};
}

} // namespace

Descriptor::~Descriptor() {
    if (value_ >= 0) ::close(value_);
}

std::size_t write_all(int descriptor, std::string_view bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t written = ::write(descriptor, bytes.data() + done, bytes.size() - done);
        if (written >= 0) {
            done += static_cast<std::size_t>(written);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            // An event loop's end of a pipe, inherited as standard output.
            pollfd room{descriptor, POLLOUT, 0};
            ::poll(&room, 1, -1);
        } else if (errno != EINTR) {
            break;
        }
    }
    return done;
}

RegularFile open_regular(const std::filesystem::path& path) {
    // O_NONBLOCK: opening a FIFO that nobody writes to must not wait for ever.
    OpenFile file = open(path, O_NONBLOCK);
    if (!S_ISREG(file.status.st_mode))
        throw Error(ErrorKind::unreadable, "is no regular file (a FIFO, socket or device)");
    return {std::move(file.descriptor), static_cast<std::uint64_t>(file.status.st_size)};
}

Descriptor open_any(const std::filesystem::path& path) { return open(path, 0).descriptor; }

} // namespace openset
