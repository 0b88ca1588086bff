#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <httplib.h>

namespace openset::serve {

struct HttpLimits {
    std::size_t head = std::size_t{64} << 10; ///< bytes of a request's line and header fields together
    std::size_t body = std::size_t{20} << 20; ///< bytes behind them
    std::chrono::seconds receive{30};         ///< for the whole of a request, once its first byte is there
    std::chrono::seconds send{30};            ///< for the whole of its answer
    std::chrono::seconds idle{5};             ///< between two requests of a connection
    int connections = 96;                     ///< at a time; further ones wait in the system's queue
};

/// cpp-httplib's server with bounds that it has not: on the bytes of all header fields, and on the time of a whole request, so
/// that nobody holds a connection by sending a byte now and then. A request whose body was not read to its end is the last of
/// its connection.
class HttpServer : public httplib::Server {
public:
    explicit HttpServer(const HttpLimits& limits);

    /// Once it is bound: as many connections may wait to be accepted as the system lets. httplib says 5, and more that come at a
    /// time are reset.
    void widen_queue();

    /// Connections that wait for their next request end, and so does listening; what was begun is answered. Any thread.
    void drain();

private:
    bool process_and_close_socket(socket_t socket) override;

    HttpLimits limits_;
    std::atomic<bool> draining_{false};
};

} // namespace openset::serve
