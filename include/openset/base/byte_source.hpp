#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "openset/base/cancellation.hpp"

namespace openset {

/// Where bytes come from, in one pass. Not thread-safe.
class ByteSource {
public:
    virtual ~ByteSource() = default;

    /// Puts the next bytes at the beginning of `room` (not empty): how many, 0 at the end only. Waits for them where
    /// they come through a pipe; nullopt where a stop is requested before. Throws Error(unreadable) where they cannot
    /// be read; the message carries no name: the caller knows it.
    virtual std::optional<std::size_t> read(std::span<std::uint8_t> room, const Cancellation& cancellation) = 0;
};

/// The bytes of a regular file. Throws Error of kind not_found, unreadable (no permission, a folder, a FIFO, a socket, a
/// device).
std::unique_ptr<ByteSource> open_regular_file(const std::filesystem::path& path);

/// The same for files of any kind but a folder; opening a FIFO waits for its writer.
std::unique_ptr<ByteSource> open_any_file(const std::filesystem::path& path);

std::unique_ptr<ByteSource> standard_input();

/// Reads until `room` is full or the end is reached: how many bytes; nullopt where a stop is requested.
std::optional<std::size_t> read_fully(ByteSource& source, std::span<std::uint8_t> room,
                                      const Cancellation& cancellation);

/// `begin` and everything that comes after it; nullopt where a stop is requested. Throws Error(too_large) where that
/// would be more than max_bytes.
std::optional<std::vector<std::uint8_t>> read_to_end(std::vector<std::uint8_t> begin, ByteSource& source,
                                                     std::uint64_t max_bytes, const Cancellation& cancellation);

} // namespace openset
