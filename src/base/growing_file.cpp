#include "base/growing_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openset/base/error.hpp"

namespace openset {
namespace {

constexpr std::size_t buffer_size = std::size_t{1} << 20;

[[noreturn]] void throw_output_error(const std::string& name) {
    throw Error(ErrorKind::output, name + ": cannot write: " + std::strerror(errno));
}

bool stands_under_its_name(int descriptor, const std::filesystem::path& path) {
    struct stat opened {
    }, named{};
    return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

Descriptor open_folder(const std::filesystem::path& folder) {
    Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.value() < 0) throw_output_error(folder.string());
    return descriptor;
}

} // namespace

GrowingFile::GrowingFile(const std::filesystem::path& path, std::uint64_t kept_bytes)
    : name_(path.string()), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)) {
    if (descriptor_.value() < 0) cannot_write();
    const auto end = static_cast<off_t>(kept_bytes);
    if (::ftruncate(descriptor_.value(), end) != 0 || ::lseek(descriptor_.value(), end, SEEK_SET) != end)
        cannot_write();
}

void GrowingFile::append(std::string_view bytes) {
    buffer_.append(bytes);
    if (buffer_.size() >= buffer_size) flush();
}

void GrowingFile::flush() {
    if (write_all(descriptor_.value(), buffer_) < buffer_.size()) cannot_write();
    buffer_.clear();
}

void GrowingFile::replace_beginning(std::string_view bytes) {
    if (::pwrite(descriptor_.value(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        cannot_write();
}

void GrowingFile::sync() {
    flush();
    if (::fsync(descriptor_.value()) != 0) cannot_write();
}

void GrowingFile::cannot_write() const { throw_output_error(name_); }

Descriptor lock_folder(const std::filesystem::path& folder) {
    while (true) {
        Descriptor descriptor = open_folder(folder);
        if (::flock(descriptor.value(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            throw Error(ErrorKind::output, folder.string() +
                                               ": another run is writing it; wait until that one has ended, or choose "
                                               "another -o");
        }
        // Between opening and locking, the run that held the lock may have given the folder its final name.
        if (stands_under_its_name(descriptor.value(), folder)) return descriptor;
    }
}

void sync_folder(const std::filesystem::path& folder) {
    const Descriptor descriptor = open_folder(folder);
    // Some file systems cannot sync folders; they have no need to.
    if (::fsync(descriptor.value()) != 0 && errno != EINVAL) throw_output_error(folder.string());
}

} // namespace openset
