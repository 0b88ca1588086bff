#pragma once

#include <cstdint>
#include <vector>

/// Pictures are RGB, 8 bits a channel, row-major, no padding; sizes are in pixels.
namespace openset::image {

struct Picture {
    int width = 0;
    int height = 0;
    std::vector<std::uint8_t> rgb; ///< [height, width, 3]

    bool operator==(const Picture&) const = default;
};

} // namespace openset::image
