#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace openset::image {

/// Unsigned numbers out of bytes of either order; a read past the end gives 0.
class NumberReader {
public:
    NumberReader(std::span<const std::uint8_t> bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

    std::uint32_t u16(std::size_t at) const { return static_cast<std::uint32_t>(number(at, 2)); }
    std::uint32_t u32(std::size_t at) const { return static_cast<std::uint32_t>(number(at, 4)); }
    std::uint64_t u64(std::size_t at) const { return number(at, 8); }

private:
    std::uint64_t number(std::size_t at, std::size_t length) const {
        if (at > bytes_.size() || bytes_.size() - at < length) return 0;
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < length; ++i) value = value << 8 | bytes_[at + (big_endian_ ? i : length - 1 - i)];
        return value;
    }

    std::span<const std::uint8_t> bytes_;
    bool big_endian_;
};

} // namespace openset::image
