#pragma once

#include <cstdint>
#include <span>

#include "openset/image/picture.hpp"

namespace openset::image {

/// The orientation (1 to 8) that tag 274 of an EXIF block states; 1, upright, where the tag is missing, out of range
/// or the block malformed, since broken EXIF must not cost a picture.
///
/// exif  a TIFF structure, with or without the leading "Exif\0\0" of JPEG's APP1
int exif_orientation(std::span<const std::uint8_t> exif);

/// The eXIf chunk of a PNG file, wherever it stands; empty where there is none. Sums are not checked.
std::span<const std::uint8_t> find_png_exif(std::span<const std::uint8_t> file);

/// The picture as it is to be seen: mirrored or turned as the orientation says; 5 to 8 swap width and height.
Picture turn_upright(Picture picture, int orientation);

/// What turn_upright takes beside the picture that it is given.
std::int64_t bytes_to_turn(std::int64_t width, std::int64_t height, int orientation);

} // namespace openset::image
