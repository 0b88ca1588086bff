#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openset/base/byte_source.hpp"
#include "openset/base/cancellation.hpp"

namespace openset::flow {

/// Names out of bytes: one a line, or with another separator.
class NameList {
public:
    /// told_as    for messages: "the list names.txt"
    /// separator  '\n': a carriage return before it is dropped. '\0': any bytes are a name
    NameList(std::unique_ptr<ByteSource> bytes, std::string told_as, char separator = '\n');

    /// The next name, perhaps an empty one; what follows the last separator is one if it is not empty. As soon as its
    /// separator has come, without waiting for more. Nullopt at the end, or where a stop is requested. Throws
    /// Error(unreadable) where the bytes cannot be read, or where a name has more than 1 MiB.
    std::optional<std::string> next(const Cancellation& cancellation);

private:
    std::optional<std::size_t> fill(const Cancellation& cancellation);

    std::unique_ptr<ByteSource> bytes_;
    std::string told_as_;
    char separator_;
    std::vector<std::uint8_t> buffer_; ///< bytes from begin_ to end_ were read and not yet looked at
    std::size_t begin_ = 0, end_ = 0;
};

} // namespace openset::flow
