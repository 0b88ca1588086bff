#include "openset/base/byte_sink.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "openset/base/error.hpp"

namespace openset {
namespace {

constexpr std::size_t buffer_size = 1 << 16;

[[noreturn]] void throw_output_error(const std::string& name) {
    throw Error(ErrorKind::output, name + ": cannot write: " + std::strerror(errno));
}

/// Buffers in front of an open file descriptor.
class DescriptorSink : public ByteSink {
public:
    DescriptorSink(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {
        buffer_.reserve(buffer_size);
    }

    void write(std::string_view bytes) override {
        buffer_.append(bytes);
        if (buffer_.size() >= buffer_size) flush();
    }

    void flush() override {
        std::string_view rest = buffer_;
        while (!rest.empty()) {
            const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) throw_output_error(name_);
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
        buffer_.clear();
    }

    void commit() override { flush(); }

protected:
    int descriptor() const { return descriptor_; }
    const std::string& name() const { return name_; }

private:
    int descriptor_;
    std::string name_;
    std::string buffer_;
};

class FileSink : public DescriptorSink {
public:
    FileSink(int descriptor, std::filesystem::path written_as, std::filesystem::path final_path)
        : DescriptorSink(descriptor, written_as.string()), written_as_(std::move(written_as)),
          final_path_(std::move(final_path)) {}
    FileSink(const FileSink&) = delete;
    FileSink& operator=(const FileSink&) = delete;

    ~FileSink() override {
        if (open_) ::close(descriptor());
    }

    void commit() override {
        flush();
        const bool renamed = written_as_ != final_path_;
        if (renamed && ::fsync(descriptor()) != 0) throw_output_error(name());
        open_ = false;
        if (::close(descriptor()) != 0) throw_output_error(name());
        if (renamed && ::rename(written_as_.c_str(), final_path_.c_str()) != 0)
            throw_output_error(final_path_.string());
    }

private:
    std::filesystem::path written_as_;
    std::filesystem::path final_path_;
    bool open_ = true;
};

bool is_special_file(const std::filesystem::path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

} // namespace

std::filesystem::path partial_path(const std::filesystem::path& path) {
    std::filesystem::path partial = path;
    partial += ".partial";
    return partial;
}

void check_place_for_file(const std::filesystem::path& path) {
    std::error_code problem;
    if (std::filesystem::is_directory(path, problem)) {
        throw Error(ErrorKind::output, path.string() + ": is a folder, expected the name of a file to write");
    }
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    if (std::filesystem::is_directory(folder, problem)) return;
    if (problem && problem != std::errc::no_such_file_or_directory && problem != std::errc::not_a_directory)
        return; // opening says why
    throw Error(ErrorKind::output, folder.string() + ": no such folder; make it, or choose another -o");
}

std::unique_ptr<ByteSink> open_atomic_file(const std::filesystem::path& path) {
    check_place_for_file(path);
    const std::filesystem::path written_as = is_special_file(path) ? path : partial_path(path);
    const int descriptor = ::open(written_as.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) throw_output_error(written_as.string());
    return std::make_unique<FileSink>(descriptor, written_as, path);
}

std::unique_ptr<ByteSink> open_standard_output() {
    return std::make_unique<DescriptorSink>(STDOUT_FILENO, "standard output");
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
    const auto sink = open_atomic_file(path);
    sink->write(bytes);
    sink->commit();
}

} // namespace openset
