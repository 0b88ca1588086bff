#pragma once

#include "openset/image/decode.hpp"

namespace openset::image {

/// Decodes the first page of a TIFF or BigTIFF file and turns it as its orientation tag says.
/// Throws Error as `decode` does.
DecodedPicture decode_tiff(std::span<const std::uint8_t> file, const DecodeOptions& options);

} // namespace openset::image
