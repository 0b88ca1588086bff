#pragma once

#include "openset/image/decode.hpp"

namespace openset::image {

/// Decodes a WebP file, lossy or lossless; of an animation the first frame, on a black canvas.
/// Throws Error as `decode` does.
DecodedPicture decode_webp(std::span<const std::uint8_t> file, const DecodeOptions& options);

} // namespace openset::image
