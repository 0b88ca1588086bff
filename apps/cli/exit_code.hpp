#pragma once

#include <array>

namespace openset::cli {

enum ExitCode : int {
    exit_done = 0,
    exit_failed = 1,        ///< could not do it; nothing half-written stands under a final name
    exit_usage = 2,         ///< wrong usage or config
    exit_some_failed = 3,   ///< done, but some inputs failed
    exit_interrupted = 130, ///< SIGINT; 143 by SIGTERM
};

struct ExitCodeMeaning {
    ExitCode code;
    const char* meaning;
};

/// For man pages.
inline constexpr std::array exit_code_meanings = {
    ExitCodeMeaning{exit_done, "done, and every row is fine"},
    ExitCodeMeaning{exit_failed, "could not do it; nothing half-written stands under a final name"},
    ExitCodeMeaning{exit_usage, "wrong usage or config; the message says where, and how to mend it"},
    ExitCodeMeaning{exit_some_failed, "done, but some inputs failed: their rows say why"},
    ExitCodeMeaning{exit_interrupted, "interrupted (143 by SIGTERM): every line written is whole"},
};

} // namespace openset::cli
