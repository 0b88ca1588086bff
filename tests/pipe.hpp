#pragma once

#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>

/// A pipe; the reading end can be opened by name.
class Pipe {
public:
    Pipe() {
        if (::pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        close_writer();
        ::close(ends_[0]);
    }

    int reader() const { return ends_[0]; }
    std::string reader_name() const { return "/dev/fd/" + std::to_string(ends_[0]); }

    void write(std::string_view bytes) const {
        while (!bytes.empty()) {
            const auto count = ::write(ends_[1], bytes.data(), bytes.size());
            if (count < 0) throw std::runtime_error("the pipe takes nothing");
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
    }

    void close_writer() {
        if (ends_[1] >= 0) ::close(ends_[1]);
        ends_[1] = -1;
    }

private:
    int ends_[2];
};
