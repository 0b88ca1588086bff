#pragma once

#include <cstdint>
#include <vector>

#include "openset/image/picture.hpp"

namespace openset::image {

/// A PNG file, 8-bit RGB. The picture must not be empty. Throws Error(internal) where libpng refuses it.
std::vector<std::uint8_t> encode_png(const Picture& picture);

/// A baseline JPEG file, YCbCr with 4:2:0, Huffman tables of its own, the accurate integer DCT: the same bytes each time with
/// one libjpeg-turbo. The picture must not be empty. Throws Error(usage) where a side is longer than 65,500 pixels.
/// quality  as libjpeg counts it, 1 to 100
std::vector<std::uint8_t> encode_jpeg(const Picture& picture, int quality = 90);

} // namespace openset::image
