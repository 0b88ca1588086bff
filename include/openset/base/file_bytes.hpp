#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace openset {

/// The whole content of a regular file.
/// Throws Error of kind not_found, unreadable (no permission, a folder, a FIFO or a device, a read error, more than
/// `max_bytes`). The message carries no path: the caller knows it.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes = 2'000'000'000);

/// Everything that comes in on standard input until its end, under the same limit.
std::vector<std::uint8_t> read_standard_input(std::uint64_t max_bytes = 2'000'000'000);

} // namespace openset
