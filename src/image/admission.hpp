#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "openset/base/error.hpp"
#include "openset/image/decode.hpp"

namespace openset::image {

constexpr std::int64_t rgb_size = 3; // bytes of a pixel of the result

/// For decoders, between the header and the first big allocation: throws Error(too_large) above the limits on pixels,
/// then tells options.before_allocation what the picture will take.
///
/// width, height  of the picture in the file
/// beside_rgb     bytes at the decoder's peak that are not the RGB pixels of the result
/// divisor        DecodedPicture::divisor
inline void admit(std::uint64_t width, std::uint64_t height, std::int64_t beside_rgb, const DecodeOptions& options,
                  int divisor = 1) {
    // Rows of few pixels cost more than their pixels. Nobody has such a picture; as a bomb it would run for minutes.
    constexpr std::uint64_t max_rows = 5'000'000;
    constexpr std::uint64_t max_side = std::numeric_limits<std::int32_t>::max();
    // So that no sum of bytes below overflows, whatever limit was asked for.
    constexpr std::int64_t max_pixels = std::numeric_limits<std::int64_t>::max() / 256;
    const auto limit = static_cast<std::uint64_t>(std::clamp(options.max_pixels, std::int64_t{0}, max_pixels));
    const std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
    if (width > max_side || height > max_side || width * height > limit) {
        throw Error(ErrorKind::too_large, size + ", but the limit is " + std::to_string(limit) + " pixels in all");
    }
    if (height > max_rows) {
        throw Error(ErrorKind::too_large, size + ", but the limit is " + std::to_string(max_rows) + " rows");
    }
    if (!options.before_allocation) return;
    const auto divided = [divisor](std::uint64_t side) {
        return (static_cast<std::int64_t>(side) + divisor - 1) / divisor;
    };
    const std::int64_t rgb = divided(width) * divided(height) * rgb_size;
    options.before_allocation({static_cast<int>(divided(width)), static_cast<int>(divided(height)), rgb + beside_rgb});
}

/// A picture of that size, which `admit` has let pass.
inline Picture black_picture(std::uint64_t width, std::uint64_t height) {
    return {static_cast<int>(width), static_cast<int>(height), std::vector<std::uint8_t>(width * height * rgb_size)};
}

} // namespace openset::image
