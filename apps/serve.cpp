// openset serve -c CONFIG: the pipeline behind HTTP, with a page to try it

#include <atomic>
#include <chrono>
#include <csignal>
#include <pthread.h>
#include <thread>

#include "cli/command.hpp"
#include "cli/signals.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/torch/runtime.hpp"
#include "serve/api.hpp"
#include "serve/http_server.hpp"
#include "serve/options.hpp"
#include "serve/pipelines.hpp"
#include "serve/upload.hpp"

using namespace openset;

namespace {

/// Connections beside those of predictions: for answers that cost nothing, 429 among them.
constexpr int further_connections = 32;

serve::HttpLimits limits_of(const serve::Options& options) {
    serve::HttpLimits limits;
    limits.body = static_cast<std::size_t>(options.max_body) + serve::form_bytes;
    limits.receive = limits.send = std::chrono::seconds(options.timeout);
    limits.connections = options.max_in_flight + further_connections;
    return limits;
}

/// The port that was got.
int bind(httplib::Server& server, const serve::Options& options) {
    int port = options.port;
    const bool bound =
        port == 0 ? (port = server.bind_to_any_port(options.host)) > 0 : server.bind_to_port(options.host, port);
    if (!bound)
        throw Error(ErrorKind::usage, "--listen " + options.listen +
                                          ": cannot listen there; is another server running, or the address another "
                                          "machine's? Choose another port");
    return port;
}

/// httplib reads header fields by regular expressions that recurse for each character; where the shell's limit is `unlimited`
/// glibc gives threads 2 MB, which a long field would overflow.
void give_threads_enough_stack() {
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0) return;
    ::pthread_attr_setstacksize(&attributes, std::size_t{16} << 20);
    ::pthread_setattr_default_np(&attributes);
    ::pthread_attr_destroy(&attributes);
}

int run(const serve::Options& options) {
    std::signal(SIGPIPE, SIG_IGN); // a client that has gone is no reason to end
    give_threads_enough_stack();
    const Cancellation& cancellation = cli::catch_signals();
    serve::HttpServer server(limits_of(options));
    const int port = bind(server, options); // before the networks: a wrong address is told at once
    server.widen_queue();
    serve::Pipelines pipelines(options);
    if (cancellation.requested()) return cli::end_by_signal(cli::caught_signal());
    serve::Api api(options, pipelines);
    api.install(server);
    std::atomic<bool> listens{true};
    std::jthread listening([&] {
        server.listen_after_bind();
        listens = false;
    });
    // What ends it before it runs is lost.
    while (listens && !server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const bool v6 = options.host.find(':') != std::string::npos;
    log_notice("listening on http://" + (v6 ? "[" + options.host + "]" : options.host) + ":" + std::to_string(port) +
               "/");
    // Apart, so that a signal does not wait for a network that is being loaded.
    std::jthread reloading([&pipelines](const std::stop_token& ended) {
        while (!ended.stop_requested()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(250));
            pipelines.reload_changed();
        }
    });
    while (!cancellation.requested() && listens && pipelines.alive())
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const bool asked_to_end = cancellation.requested();
    if (asked_to_end) {
        log_notice("answering what has been asked, then ending");
    } else {
        log_error(listens ? "a pipeline has ended by itself, expected it to go on: start the server again"
                          : "listening has ended by itself, expected it to go on: start the server again");
    }
    server.drain();
    listening.join();
    return asked_to_end ? cli::exit_done : cli::exit_failed;
}

} // namespace

int main(int argc, char** argv) {
    serve::Options options;
    cli::Command command(
        "openset serve",
        "Answers pictures over HTTP as openset infer would, with a page to drop one on. Serves this machine alone "
        "unless it is given a token.",
        {{"openset serve -c cats.json", "then open http://127.0.0.1:8080/"},
         {"openset serve -c cats.json -c dogs.json --listen 0.0.0.0:80 --token-file token",
          "two pipelines, for whoever has the token"}});
    command.set_version_detail("LibTorch " + torch::runtime_facts().compiled_version);
    serve::add_options(command.app(), options);
    return command.main(argc, argv, [&] {
        serve::resolve(options);
        return run(options);
    });
}
