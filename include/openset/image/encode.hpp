#pragma once

#include <cstdint>
#include <vector>

#include "openset/image/picture.hpp"

namespace openset::image {

/// A PNG file, 8-bit RGB. The picture must not be empty. Throws Error(internal) where libpng refuses it.
std::vector<std::uint8_t> encode_png(const Picture& picture);

} // namespace openset::image
