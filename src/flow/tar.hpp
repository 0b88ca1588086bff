#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace openset::flow {

/// How many bytes of a file's beginning tell an archive.
constexpr std::size_t telling_bytes = 512;

/// POSIX, pax and GNU archives. Those of 1979, which have no magic, are not told.
bool is_tar(std::span<const std::uint8_t> beginning);

/// Where the bytes are those of a compressed file: what it is and the way out, for people.
std::optional<std::string> told_as_compressed(std::span<const std::uint8_t> beginning);

} // namespace openset::flow
