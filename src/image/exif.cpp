#include "image/exif.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "image/number_reader.hpp"

namespace openset::image {
namespace {

constexpr int upright = 1;

bool starts_with(std::span<const std::uint8_t> bytes, std::string_view prefix) {
    return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

} // namespace

int exif_orientation(std::span<const std::uint8_t> exif) {
    constexpr std::string_view app1_prefix("Exif\0\0", 6);
    if (starts_with(exif, app1_prefix)) exif = exif.subspan(app1_prefix.size());

    const bool big_endian = starts_with(exif, "MM");
    if (!big_endian && !starts_with(exif, "II")) return upright;
    const NumberReader reader(exif, big_endian);
    if (reader.u16(2) != 42) return upright;

    constexpr std::uint32_t orientation_tag = 274, short_type = 3;
    constexpr std::size_t entry_size = 12; // tag, type, count, value or offset
    const std::size_t directory = reader.u32(4);
    const std::size_t entries = reader.u16(directory);
    for (std::size_t i = 0; i < entries; ++i) {
        const std::size_t entry = directory + 2 + i * entry_size;
        if (reader.u16(entry) != orientation_tag) continue;
        if (reader.u16(entry + 2) != short_type || reader.u32(entry + 4) != 1) return upright;
        const std::uint32_t orientation = reader.u16(entry + 8);
        return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : upright;
    }
    return upright;
}

std::span<const std::uint8_t> find_png_exif(std::span<const std::uint8_t> file) {
    constexpr std::size_t signature = 8, before_data = 8, check_sum = 4; // length and type come before a chunk's data
    const NumberReader reader(file, true);
    std::size_t at = signature;
    while (at < file.size() && file.size() - at >= before_data) {
        const std::size_t length = reader.u32(at);
        if (length > file.size() - at - before_data) break;
        const auto data = file.subspan(at + before_data, length);
        if (starts_with(file.subspan(at + 4), "eXIf")) return data;
        at += before_data + length + check_sum;
    }
    return {};
}

Picture turn_upright(Picture picture, int orientation) {
    const std::ptrdiff_t width = picture.width, height = picture.height, last = width * height - 1;
    // The stored pixel shown at (x, y) is number origin + x * right + y * down.
    std::ptrdiff_t origin = 0, right = 1, down = width;
    switch (orientation) {
    case 2: origin = width - 1, right = -1, down = width; break;          // mirrored left to right
    case 3: origin = last, right = -1, down = -width; break;              // turned by 180 degrees
    case 4: origin = last - (width - 1), right = 1, down = -width; break; // mirrored top to bottom
    case 5: origin = 0, right = width, down = 1; break;                   // mirrored in the main diagonal
    case 6: origin = last - (width - 1), right = -width, down = 1; break; // to be turned clockwise
    case 7: origin = last, right = -width, down = -1; break;              // mirrored in the other diagonal
    case 8: origin = width - 1, right = width, down = -1; break;          // to be turned anticlockwise
    default: return picture;
    }

    Picture turned{picture.width, picture.height, std::vector<std::uint8_t>(picture.rgb.size())};
    if (orientation >= 5) std::swap(turned.width, turned.height);
    // In squares: pixels that are neighbours in the one picture may lie rows apart in the other.
    constexpr std::ptrdiff_t side = 64;
    for (std::ptrdiff_t top = 0; top < turned.height; top += side) {
        for (std::ptrdiff_t left = 0; left < turned.width; left += side) {
            const std::ptrdiff_t bottom = std::min<std::ptrdiff_t>(top + side, turned.height);
            const std::ptrdiff_t end = std::min<std::ptrdiff_t>(left + side, turned.width);
            for (std::ptrdiff_t y = top; y < bottom; ++y) {
                std::uint8_t* to = turned.rgb.data() + 3 * (y * turned.width + left);
                for (std::ptrdiff_t x = left; x < end; ++x) {
                    to = std::copy_n(picture.rgb.data() + 3 * (origin + x * right + y * down), 3, to);
                }
            }
        }
    }
    return turned;
}

std::int64_t bytes_to_turn(std::int64_t width, std::int64_t height, int orientation) {
    return orientation == upright ? 0 : width * height * 3;
}

} // namespace openset::image
