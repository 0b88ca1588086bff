#pragma once

#include "openset/image/decode.hpp"

namespace openset::image {

/// Decodes a PNG file (the default picture of an animated one) to Pillow's pixels: alpha and colour keys are dropped
/// without blending, 16-bit grey is clipped at 255, other 16-bit samples give their high byte, gamma and profiles are
/// ignored. Throws Error as `decode` does; stricter than Pillow with check sums, more lenient with ancillary chunks.
DecodedPicture decode_png(std::span<const std::uint8_t> file, const DecodeOptions& options);

} // namespace openset::image
