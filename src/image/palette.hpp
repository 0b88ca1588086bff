#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace openset::image {

using Rgb = std::array<std::uint8_t, 3>;
constexpr std::size_t palette_size = 256;
using Palette = std::array<Rgb, palette_size>; ///< a colour for every index, so that no index of a file leads outside

/// The colours of a file's palette. Indices past its end are black, as in Pillow; but a palette that begins with the
/// greys 0, 1, 2 ... (an empty one too) means plain grey to Pillow, and then index i is grey i.
inline Palette to_palette(std::span<const Rgb> colours) {
    const auto grey = [](std::size_t i) {
        const auto value = static_cast<std::uint8_t>(i);
        return Rgb{value, value, value};
    };
    colours = colours.first(std::min(colours.size(), palette_size));
    bool is_ramp = true;
    Palette palette{};
    for (std::size_t i = 0; i < colours.size(); ++i) {
        palette[i] = colours[i];
        is_ramp = is_ramp && colours[i] == grey(i);
    }
    for (std::size_t i = colours.size(); is_ramp && i < palette.size(); ++i) palette[i] = grey(i);
    return palette;
}

} // namespace openset::image
