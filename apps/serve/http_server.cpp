#include "serve/http_server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <functional>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <semaphore>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/upload.hpp"

namespace openset::serve {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int requests_a_connection = 1000;

/// A worker for each connection; where all are taken, accepting waits.
class Workers final : public httplib::TaskQueue {
public:
    explicit Workers(int count) : pool_(static_cast<std::size_t>(count)), free_(count) {}
    void enqueue(std::function<void()> task) override {
        free_.acquire();
        pool_.enqueue([this, task = std::move(task)] {
            task();
            free_.release();
        });
    }
    void shutdown() override { pool_.shutdown(); }

private:
    httplib::ThreadPool pool_;
    std::counting_semaphore<> free_;
};

/// The bytes of one connection, bounded in number and time.
class Connection final : public httplib::Stream {
public:
    Connection(socket_t socket, const HttpLimits& limits) : socket_(socket), limits_(limits) {}

    /// Waits for the first byte of the next request; false where none comes.
    bool wait_for_request(const std::atomic<bool>& draining) {
        // In short steps, so that a drain does not wait for idle connections.
        for (const auto end = Clock::now() + limits_.idle; !buffered();) {
            if (draining || Clock::now() >= end) return false;
            if (wait(POLLIN, std::min(end, Clock::now() + std::chrono::milliseconds(100)))) return fill();
        }
        return true;
    }

    void begin_request() {
        received_ = 0;
        in_body_ = false;
        body_ = body_read_ = 0;
        receive_until_ = Clock::now() + limits_.receive;
        send_until_.reset();
    }

    void begin_body(const httplib::Request& request) {
        in_body_ = true;
        const std::string length = request.get_header_value("Content-Length");
        std::from_chars(length.data(), length.data() + length.size(), body_);
        // What has no length, or is more than is read, is never read to its end.
        if (request.has_header("Transfer-Encoding")) body_ = std::size_t(-1);
    }

    bool body_is_read() const { return in_body_ && body_read_ == body_; }

    /// Tells the other side that nothing more comes and lets it finish: closing over unread bytes would take the answer back.
    void linger() {
        ::shutdown(socket_, SHUT_WR);
        const auto end = Clock::now() + std::chrono::seconds(1);
        std::size_t left = std::size_t{4} << 20;
        std::array<char, 16384> discarded{};
        while (left > 0 && wait(POLLIN, end)) {
            const auto count = ::recv(socket_, discarded.data(), std::min(left, discarded.size()), MSG_DONTWAIT);
            if (count <= 0) break;
            left -= static_cast<std::size_t>(count);
        }
    }

    bool is_readable() const override { return buffered() || wait(POLLIN, receive_until_); }
    bool is_writable() const override { return wait(POLLOUT, send_until_.value_or(Clock::now() + limits_.send)); }

    ssize_t read(char* to, size_t size) override {
        if (!in_body_ && received_ >= limits_.head) return -1;
        if (in_body_ && body_read_ >= std::min(body_, limits_.body)) return -1;
        send_until_.reset(); // what was sent so far was no more than "100 Continue"
        if (!buffered() && (!wait(POLLIN, receive_until_) || !fill())) return -1;
        std::size_t count = std::min(size, filled_ - taken_);
        if (in_body_) count = std::min(count, std::min(body_, limits_.body) - body_read_);
        std::memcpy(to, buffer_.data() + taken_, count);
        taken_ += count;
        received_ += count;
        if (in_body_) body_read_ += count;
        return static_cast<ssize_t>(count);
    }

    ssize_t write(const char* from, size_t size) override {
        if (!send_until_) send_until_ = Clock::now() + limits_.send;
        if (!wait(POLLOUT, *send_until_)) return -1;
        return ::send(socket_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    void get_remote_ip_and_port(std::string& ip, int& port) const override { name(ip, port, ::getpeername); }
    void get_local_ip_and_port(std::string& ip, int& port) const override { name(ip, port, ::getsockname); }
    socket_t socket() const override { return socket_; }

private:
    bool buffered() const { return taken_ < filled_; }

    bool wait(short what, Clock::time_point end) const {
        while (true) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
            if (left <= 0) return false; // also where bytes are there: who sends without end is cut off too
            pollfd place{socket_, what, 0};
            const int ready = ::poll(&place, 1, static_cast<int>(left));
            if (ready >= 0 || errno != EINTR) return ready > 0;
        }
    }

    bool fill() {
        const auto count = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
        taken_ = 0;
        filled_ = count > 0 ? static_cast<std::size_t>(count) : 0;
        return count > 0;
    }

    template <typename Name>
    void name(std::string& ip, int& port, Name get) const {
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        std::array<char, NI_MAXHOST> host{};
        std::array<char, NI_MAXSERV> service{};
        if (get(socket_, reinterpret_cast<sockaddr*>(&address), &length) != 0) return;
        if (::getnameinfo(reinterpret_cast<sockaddr*>(&address), length, host.data(), host.size(), service.data(),
                          service.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
            return;
        ip = host.data();
        std::from_chars(service.data(), service.data() + std::strlen(service.data()), port);
    }

    socket_t socket_;
    const HttpLimits& limits_;
    std::array<char, 16384> buffer_{};
    std::size_t taken_ = 0, filled_ = 0; ///< of the buffer
    std::size_t received_ = 0;           ///< of this request
    bool in_body_ = false;
    std::size_t body_ = 0, body_read_ = 0; ///< as the request says, so far
    Clock::time_point receive_until_{};
    std::optional<Clock::time_point> send_until_;
};

} // namespace

HttpServer::HttpServer(const HttpLimits& limits) : limits_(limits) {
    set_payload_max_length(limits.body);
    set_keep_alive_max_count(requests_a_connection);
    new_task_queue = [count = limits.connections] { return new Workers(count); }; // httplib deletes it
}

void HttpServer::widen_queue() { ::listen(svr_sock_, SOMAXCONN); } // on Linux a second listen() changes the length

void HttpServer::drain() {
    draining_ = true;
    stop();
}

bool HttpServer::process_and_close_socket(socket_t socket) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Connection connection(socket, limits_);
    bool go_on = true;
    for (int left = requests_a_connection; go_on && left > 0 && connection.wait_for_request(draining_); --left) {
        connection.begin_request();
        bool closed = false;
        const bool answered = process_request(connection, draining_ || left == 1, closed,
                                              [&](httplib::Request& request) {
                                                  keep_to_ourselves(request);
                                                  connection.begin_body(request);
                                              });
        go_on = answered && !closed && connection.body_is_read();
    }
    connection.linger();
    ::close(socket);
    return true;
}

} // namespace openset::serve
