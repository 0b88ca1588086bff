#include "openset/base/byte_sink.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/descriptor.hpp"
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
        const std::size_t done = write_all(descriptor_, buffer_);
        if (done < buffer_.size()) {
            const int problem = errno;
            buffer_.erase(0, done); // or a later attempt would write it twice
            errno = problem;
            throw_output_error(name_);
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

bool is_special_file(const std::filesystem::path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

/// A device or a pipe: the bytes go straight in.
class SpecialFileSink : public DescriptorSink {
public:
    SpecialFileSink(int descriptor, const std::string& name) : DescriptorSink(descriptor, name) {}
    SpecialFileSink(const SpecialFileSink&) = delete;
    SpecialFileSink& operator=(const SpecialFileSink&) = delete;

    ~SpecialFileSink() override {
        if (open_) ::close(descriptor());
    }

    void commit() override {
        flush();
        open_ = false;
        if (::close(descriptor()) != 0) throw_output_error(name());
    }

private:
    bool open_ = true;
};

/// A partial file, open for writing and locked; its content is what it was.
class LockedPartial {
public:
    explicit LockedPartial(std::filesystem::path path) : path_(std::move(path)) {
        // Between opening and locking, the run that held the lock may have given the file its final name.
        do {
            close();
            descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
            if (descriptor_ < 0) throw_output_error(path_.string());
            lock();
        } while (!stands_under_its_name());
    }
    LockedPartial(const LockedPartial&) = delete;
    LockedPartial& operator=(const LockedPartial&) = delete;
    ~LockedPartial() { close(); }

    int descriptor() const { return descriptor_; }
    const std::filesystem::path& path() const { return path_; }

    bool stands_under_its_name() const {
        struct stat locked {
        }, named{};
        return ::fstat(descriptor_, &locked) == 0 && ::stat(path_.c_str(), &named) == 0 &&
               locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
    }

    void keep(std::uint64_t bytes) const {
        const auto end = static_cast<off_t>(bytes);
        if (::ftruncate(descriptor_, end) != 0 || ::lseek(descriptor_, end, SEEK_SET) != end)
            throw_output_error(path_.string());
    }

private:
    void lock() const {
        // Where the file system knows no locks, writing goes on without one: refusing would help nobody.
        if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
        ::close(descriptor_);
        throw Error(ErrorKind::output, path_.string() +
                                           ": another run is writing it; wait until that one has ended, or choose "
                                           "another -o");
    }

    void close() const {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

    std::filesystem::path path_;
    int descriptor_ = -1;
};

class AtomicFileSink : public DescriptorSink {
public:
    AtomicFileSink(std::unique_ptr<LockedPartial> partial, std::filesystem::path final_path)
        : DescriptorSink(partial->descriptor(), partial->path().string()), partial_(std::move(partial)),
          final_path_(std::move(final_path)) {}

    void commit() override {
        flush();
        if (::fsync(descriptor()) != 0) throw_output_error(name());
        if (!partial_->stands_under_its_name()) {
            throw Error(ErrorKind::output, name() + ": was removed or replaced while it was being written; run again");
        }
        if (::rename(partial_->path().c_str(), final_path_.c_str()) != 0) throw_output_error(final_path_.string());
        // Not before: the next run would empty the file that is about to be renamed.
        partial_.reset();
    }

private:
    std::unique_ptr<LockedPartial> partial_;
    std::filesystem::path final_path_;
};

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
    throw Error(ErrorKind::output, folder.string() + ": no such folder; make it, or choose another place");
}

std::optional<std::filesystem::path> set_aside_partial(const std::filesystem::path& path) {
    const std::filesystem::path partial = partial_path(path);
    std::error_code ignored; // there may be none
    const auto size = std::filesystem::file_size(partial, ignored);
    if (ignored || size == 0) return std::nullopt;
    const LockedPartial mine(partial); // throws where another run is writing it
    std::filesystem::path aside = partial;
    aside += ".old";
    if (::rename(partial.c_str(), aside.c_str()) != 0) throw_output_error(aside.string());
    return aside;
}

std::unique_ptr<ByteSink> open_atomic_file(const std::filesystem::path& path) {
    check_place_for_file(path);
    if (is_special_file(path)) {
        const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (descriptor < 0) throw_output_error(path.string());
        return std::make_unique<SpecialFileSink>(descriptor, path.string());
    }
    return continue_atomic_file(path, [](const std::filesystem::path&) { return std::uint64_t{0}; });
}

std::unique_ptr<ByteSink>
continue_atomic_file(const std::filesystem::path& path,
                     const std::function<std::uint64_t(const std::filesystem::path& partial)>& whole_bytes) {
    check_place_for_file(path);
    if (is_special_file(path)) {
        throw Error(ErrorKind::usage,
                    path.string() + ": is no regular file, so there is nothing to continue; leave --resume out");
    }
    auto partial = std::make_unique<LockedPartial>(partial_path(path));
    partial->keep(whole_bytes(partial->path()));
    return std::make_unique<AtomicFileSink>(std::move(partial), path);
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
