#pragma once

namespace openset::cli {

enum ExitCode : int {
    exit_done = 0,
    exit_failed = 1,        ///< could not do it; nothing half-written stands under a final name
    exit_usage = 2,         ///< wrong usage or config
    exit_some_failed = 3,   ///< done, but some inputs failed
    exit_interrupted = 130, ///< SIGINT; 143 by SIGTERM
};

} // namespace openset::cli
