#pragma once

#include <string>

namespace openset::cli {

/// `--color`: auto means a terminal without NO_COLOR or TERM=dumb.
bool use_colour(const std::string& when, int descriptor);

bool is_terminal(int descriptor);

/// Whether all that std::cout was given got out: no full disk, no closed descriptor.
bool flush_standard_output();

} // namespace openset::cli
