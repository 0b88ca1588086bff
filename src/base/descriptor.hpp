#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "openset/base/byte_source.hpp"

namespace openset {

/// An open file descriptor, closed with it.
class Descriptor {
public:
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(other.value_) { other.value_ = -1; }
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor();

    int value() const { return value_; }

private:
    int value_; ///< -1: none
};

/// A file that is open, and its length as it was then, in bytes.
struct RegularFile {
    Descriptor descriptor;
    std::uint64_t size;
};

/// Throws Error of kind not_found, unreadable (no permission, a folder, a FIFO, a socket, a device).
RegularFile open_regular(const std::filesystem::path& path);

/// The same for files of any kind but a folder, waiting for the writer of a FIFO.
Descriptor open_any(const std::filesystem::path& path);

std::unique_ptr<ByteSource> source_of(Descriptor file);

/// Writes the bytes, waiting where the descriptor tells to come back later: how many were written, less than all of them
/// where that failed, and errno says why.
std::size_t write_all(int descriptor, std::string_view bytes);

} // namespace openset
