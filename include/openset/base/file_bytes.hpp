#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace openset {

/// The content of a regular file, as far as it reached when it was opened: a log that grows all the time has an end here,
/// and what is cut off meanwhile is missing. A file that tells no size (in /proc) is read to its end.
/// Throws Error of kind not_found, unreadable (no permission, a folder, a FIFO or a device, a read error), too_large
/// (more than `max_bytes`). The message carries no path: the caller knows it.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes = 2'000'000'000);

} // namespace openset
