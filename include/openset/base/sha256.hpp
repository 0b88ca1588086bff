#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace openset {

/// The SHA-256 digest as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::span<const std::uint8_t> bytes);

/// The same for a whole file, read in pieces. Throws Error of kind not_found or unreadable.
std::string sha256_hex_of_file(const std::filesystem::path& file);

} // namespace openset
