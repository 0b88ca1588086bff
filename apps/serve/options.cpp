#include "serve/options.hpp"

#include <arpa/inet.h>
#include <charconv>

#include "cli/command.hpp"
#include "cli/text_file.hpp"
#include "openset/base/error.hpp"

namespace openset::serve {
namespace {

constexpr std::size_t shortest_token = 16;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::usage, message); }

/// HOST:PORT, [HOST]:PORT for IPv6
void split_address(Options& options) {
    const auto colon = options.listen.rfind(':');
    const std::string expected =
        "--listen " + options.listen + ": expected ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080";
    if (colon == std::string::npos) refuse(expected);
    options.host = options.listen.substr(0, colon);
    if (options.host.starts_with('[') && options.host.ends_with(']'))
        options.host = options.host.substr(1, options.host.size() - 2);
    const char* const end = options.listen.data() + options.listen.size();
    const auto [rest, problem] = std::from_chars(options.listen.data() + colon + 1, end, options.port);
    if (options.host.empty() || problem != std::errc() || rest != end || options.port < 0 || options.port > 65535)
        refuse(expected);
}

std::string read_token(const std::string& file) {
    std::string token = cli::read_text_file(file, "a token: one line of 16 characters or more");
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
    const bool plain =
        token.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=") ==
        std::string::npos;
    if (token.size() < shortest_token || !plain) {
        refuse("--token-file " + file +
               ": expected one line of 16 or more letters, digits and -._~+/=; \"openssl rand -hex 32\" makes one");
    }
    return token;
}

} // namespace

bool is_loopback(const std::string& host) {
    in_addr v4{};
    in6_addr v6{};
    if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24U) == 127;
    if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6) != 0;
    return host == "localhost";
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("-c,--config", options.configs,
                   "pipeline config (JSON); several: -c FILE -c FILE, asked for by their names")
        ->type_name("FILE")
        ->required()
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--listen", options.listen, "address and port (default 127.0.0.1:8080); port 0: one that is free")
        ->type_name("ADDRESS:PORT");
    app.add_option("--token-file", options.token_file,
                   "ask every request for the token in FILE; without one only this machine is served")
        ->type_name("FILE");
    app.add_option("--max-in-flight", options.max_in_flight,
                   "predictions at a time; more are answered 429 (default 64)")
        ->type_name("N")
        ->check(cli::whole_number(1, 900)); // httplib is built on select(), which knows 1024 descriptors
    app.add_option(
           "--latency-budget", options.latency_budget,
           "a picture that has waited longer for its turn is answered 503 instead of being run (default 2000 ms)")
        ->type_name("MS")
        ->check(cli::whole_number(1, 3'600'000));
    const auto more = [&app](auto&&... arguments) { return app.add_option(arguments...)->group(cli::more_options); };
    more("--max-body", options.max_body, "largest request (default 20MiB); a larger one is answered 413")
        ->type_name("SIZE")
        ->transform(cli::byte_size());
    more("--timeout", options.timeout, "most seconds that receiving a request may take, and answering it (default 30)")
        ->type_name("SECONDS")
        ->check(cli::whole_number(1, 3600));
    more("--top", options.runner.top, "labels to list for a classified picture (default 5)")
        ->type_name("N")
        ->check(cli::whole_number(0, 1'000'000));
    app.add_flag("--allow-mismatch", options.allow_mismatch,
                 "let a detector pass that was fitted on another network, or an operating point of another detector")
        ->group(cli::more_options);
    pictures::add_run_flags(app, options);
    pictures::add_fast_decode(app, options);
}

void resolve(Options& options) {
    pictures::resolve(options);
    options.runner.any_order = true;
    split_address(options);
    if (!options.token_file.empty()) options.token = read_token(options.token_file);
    if (options.token.empty() && !is_loopback(options.host)) {
        refuse("--listen " + options.listen +
               ": other machines could use this server; add --token-file FILE, expected for every "
               "address but 127.0.0.1 and [::1]");
    }
}

} // namespace openset::serve
