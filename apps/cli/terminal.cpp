#include "cli/terminal.hpp"

#include <cstdlib>
#include <iostream>
#include <string_view>
#include <unistd.h>

namespace openset::cli {

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

bool flush_standard_output() { return static_cast<bool>(std::cout.flush()); }

bool use_colour(const std::string& when, int descriptor) {
    if (when == "always") return true;
    if (when == "never" || !is_terminal(descriptor)) return false;
    const char* no_colour = std::getenv("NO_COLOR"); // no-color.org: any value but the empty one
    const char* terminal = std::getenv("TERM");
    return (no_colour == nullptr || *no_colour == '\0') && terminal != nullptr && std::string_view(terminal) != "dumb";
}

} // namespace openset::cli
