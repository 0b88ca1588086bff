#include "openset/base/cancellation.hpp"

#include <cerrno>
#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <vector>

namespace openset {

Cancellation::Cancellation(const Cancellation* outer) noexcept
    : outer_(outer), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Cancellation::~Cancellation() {
    if (wake_ >= 0) ::close(wake_);
}

void Cancellation::request() noexcept {
    requested_.store(true, std::memory_order_relaxed);
    const int interrupted_errno = errno; // a signal handler must leave it as it was
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
    errno = interrupted_errno;
}

bool Cancellation::requested() const noexcept {
    return requested_.load(std::memory_order_relaxed) || (outer_ != nullptr && outer_->requested());
}

bool Cancellation::wait_readable(int descriptor) const {
    std::vector<pollfd> waited_for = {{descriptor, POLLIN, 0}};
    for (const Cancellation* asked = this; asked != nullptr; asked = asked->outer_)
        waited_for.push_back({asked->wake_, POLLIN, 0});
    while (!requested()) {
        if (::poll(waited_for.data(), waited_for.size(), -1) > 0 && waited_for.front().revents != 0)
            return !requested();
    }
    return false;
}

} // namespace openset
