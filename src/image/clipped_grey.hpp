#pragma once

#include <cstddef>
#include <string>

namespace openset::image {

/// For pictures of more than 8 bits a grey sample. As in Pillow, what is above 255 is clipped, not scaled, so that such
/// a picture is often white nearly everywhere: perhaps not what was meant.
inline std::string clipping_warning(std::size_t clipped, std::size_t pixels) {
    return "grey of more than 8 bits: " + std::to_string(clipped) + " of " + std::to_string(pixels) +
           " samples are above 255 and were clipped, not scaled (as in Pillow)";
}

} // namespace openset::image
