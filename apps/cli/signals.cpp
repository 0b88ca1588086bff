#include "cli/signals.hpp"

#include <csignal>
#include <unistd.h>

#include "cli/command.hpp"
#include "openset/io/npy.hpp"

namespace openset::cli {
namespace {

Cancellation interrupted;
volatile std::sig_atomic_t interrupting_signal = 0;

/// The fault comes out of a look at an array, never out of the middle of the log or of malloc: both may be used.
void tell_of_lost_array(int signal, siginfo_t* fault, void*) {
    const auto file = io::mapped_file_at(fault->si_addr);
    if (!file) { // again, and this time to the end
        std::signal(signal, SIG_DFL);
        return;
    }
    print_error(file->string() + ": could not be read to its end: the disk failed, or the file was cut short meanwhile; "
                                 "expected it whole: copy it again");
    ::_exit(exit_failed);
}

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

void tell_of_lost_arrays() {
    struct sigaction action {};
    action.sa_sigaction = tell_of_lost_array;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGBUS, &action, nullptr);
}

int caught_signal() { return interrupting_signal; }

int end_by_signal(int signal) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return 128 + signal;
}

} // namespace openset::cli
