#include "base/growing_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "openset/base/error.hpp"

namespace openset {
namespace {

constexpr std::size_t buffer_size = std::size_t{1} << 20;

[[noreturn]] void throw_output_error(const std::string& name) {
    throw Error(ErrorKind::output, name + ": cannot write: " + std::strerror(errno));
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

} // namespace openset
