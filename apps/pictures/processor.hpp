#pragma once

#include <string>

namespace openset::pictures {

/// What the processor calls itself, as in /proc/cpuinfo. What is remembered of a machine holds for this one.
std::string processor_name();

} // namespace openset::pictures
