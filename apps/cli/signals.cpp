#include "cli/signals.hpp"

#include <csignal>

namespace openset::cli {
namespace {

Cancellation interrupted;
volatile std::sig_atomic_t interrupting_signal = 0;

} // namespace

Cancellation& catch_signals() {
    struct sigaction action {};
    action.sa_handler = [](int signal) {
        interrupting_signal = signal;
        interrupted.request();
    };
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    return interrupted;
}

int caught_signal() { return interrupting_signal; }

int end_by_signal(int signal) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return 128 + signal;
}

} // namespace openset::cli
