#pragma once

#include "openset/base/cancellation.hpp"

/// SIGINT and SIGTERM: the first ends a run in order, the second at once.
namespace openset::cli {

/// From here on the first signal requests this cancellation. Returns the same object each time.
Cancellation& catch_signals();

/// The signal that came, 0 for none.
int caught_signal();

/// From here on a store's array that the disk cannot read, or that was cut short while it was mapped, ends the process with a
/// message that names the file, and with exit code 1.
void tell_of_lost_arrays();

/// Thrown where a signal came before there was anything to tell.
struct Interrupted {};

/// Ends the process by the signal that was caught, so that shells and schedulers see what ended it; returns the exit
/// code to use where that does not work (the first process of a container).
int end_by_signal(int signal);

} // namespace openset::cli
