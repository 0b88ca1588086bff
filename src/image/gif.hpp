#pragma once

#include "openset/image/decode.hpp"

namespace openset::image {

/// Decodes the first frame of a GIF file on its canvas: the logical screen, enlarged to hold the frame and filled with
/// the frame's transparent index or else with index 0.
/// Throws Error as `decode` does.
DecodedPicture decode_gif(std::span<const std::uint8_t> file, const DecodeOptions& options);

} // namespace openset::image
