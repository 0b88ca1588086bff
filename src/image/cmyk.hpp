#pragma once

#include <algorithm>
#include <cstdint>

#include "image/palette.hpp"

namespace openset::image {

/// Pillow's CMYK to RGB, of inks from 0 (none) to 255; no profile is applied.
inline Rgb cmyk_to_rgb(int cyan, int magenta, int yellow, int black) {
    const int white = 255 - black;
    const auto channel = [&](int ink) {
        const int product = ink * white + 128;
        return static_cast<std::uint8_t>(std::max(0, white - (((product >> 8) + product) >> 8)));
    };
    return {channel(cyan), channel(magenta), channel(yellow)};
}

} // namespace openset::image
