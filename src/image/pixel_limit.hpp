#pragma once

#include <cstdint>
#include <string>

#include "openset/base/error.hpp"

namespace openset::image {

/// For decoders, between the header and the first allocation: throws Error(too_large) above the limit.
inline void check_pixel_count(std::uint32_t width, std::uint32_t height, std::int64_t max_pixels) {
    // Unsigned, since the product of two 32-bit sides may not fit into 63 bits.
    const std::uint64_t pixels = std::uint64_t{width} * height;
    if (max_pixels < 0 || pixels > static_cast<std::uint64_t>(max_pixels)) {
        throw Error(ErrorKind::too_large, std::to_string(width) + " x " + std::to_string(height) +
                                              " pixels, but the limit is " + std::to_string(max_pixels) +
                                              " pixels in all");
    }
}

} // namespace openset::image
