#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "pictures/run_flags.hpp"

namespace openset::serve {

struct Options : pictures::RunFlags {
    std::vector<std::string> configs;
    std::string listen = "127.0.0.1:8080", token_file;
    bool allow_mismatch = false;
    std::int64_t max_body = std::int64_t{20} << 20; ///< bytes of a request
    int max_in_flight = 64;                         ///< predictions at a time; more are answered 429
    int latency_budget = 2000;                      ///< ms; a picture that has waited longer for its turn is not run
    int timeout = 30; ///< seconds that reading a request may take, and so may answering it

    std::string host;  ///< of `listen`
    int port = 0;      ///< 0: any that is free
    std::string token; ///< empty: none is asked for
};

void add_options(CLI::App& app, Options& options);

/// What the flags mean, once they are parsed; reads the token. Throws Error(usage).
void resolve(Options& options);

/// Whether connections to the address can come from this machine alone.
bool is_loopback(const std::string& host);

} // namespace openset::serve
