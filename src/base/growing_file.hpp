#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/descriptor.hpp"

namespace openset {

/// A file that grows at its end, and is gone on with by a later run where this one is killed. Every method throws
/// Error(output) where the bytes cannot be written, naming the file and the reason.
class GrowingFile {
public:
    /// Opens the file and cuts off what follows its first `kept_bytes` bytes; makes it where it is not there.
    GrowingFile(const std::filesystem::path& path, std::uint64_t kept_bytes);

    void append(std::string_view bytes);

    /// Hands what was appended to the operating system: a killed process does not lose it.
    void flush();

    /// Replaces bytes at the beginning, which must be there.
    void replace_beginning(std::string_view bytes);

    /// Flushes, and waits until the disk has it all.
    void sync();

private:
    [[noreturn]] void cannot_write() const;

    std::string name_;
    Descriptor descriptor_;
    std::string buffer_;
};

} // namespace openset
