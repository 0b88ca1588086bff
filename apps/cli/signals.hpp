#pragma once

#include "openset/base/cancellation.hpp"

/// SIGINT and SIGTERM: the first ends a run in order, the second at once.
namespace openset::cli {

/// From here on the first signal requests this cancellation. Returns the same object each time.
Cancellation& catch_signals();

/// The signal that came, 0 for none.
int caught_signal();

/// Thrown where a signal came before there was anything to tell.
struct Interrupted {};

/// Ends the process by the signal that was caught, so that shells and schedulers see what ended it; returns the exit
/// code to use where that does not work (the first process of a container).
int end_by_signal(int signal);

} // namespace openset::cli
