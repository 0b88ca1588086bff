#pragma once

#include "openset/image/decode.hpp"

namespace openset::image {

/// Decodes a JPEG file (the first picture in it) to what libjpeg-turbo's defaults and Pillow's CMYK rule give.
/// Throws Error as `decode` does. Stricter than libjpeg: pixels that it would make up are truncated or corrupt.
DecodedPicture decode_jpeg(std::span<const std::uint8_t> file, const DecodeOptions& options);

} // namespace openset::image
