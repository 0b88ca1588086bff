#pragma once

#include "openset/image/decode.hpp"

namespace openset::image {

/// Decodes a PBM, PGM or PPM file, P1 to P6: ASCII or binary, of any maximum from 1 to 65535.
/// Throws Error as `decode` does.
DecodedPicture decode_pnm(std::span<const std::uint8_t> file, const DecodeOptions& options);

} // namespace openset::image
