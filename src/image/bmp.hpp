#pragma once

#include "openset/image/decode.hpp"

namespace openset::image {

/// Decodes a Windows or OS/2 bitmap: 1, 4, 8, 16, 24 and 32 bits a pixel, RLE4, RLE8 and bit fields.
/// Throws Error as `decode` does.
DecodedPicture decode_bmp(std::span<const std::uint8_t> file, const DecodeOptions& options);

} // namespace openset::image
