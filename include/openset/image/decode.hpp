#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "openset/image/picture.hpp"

namespace openset::image {

enum class ExifOrientation {
    ignore, ///< as Pillow's Image.open: what most networks were trained on
    apply,  ///< turn the picture as tag 274 says (JPEG, PNG and WebP; in TIFF it always counts, as in Pillow)
};

/// What decoding a picture takes, as told by its header.
struct DecodeCost {
    int width = 0; ///< of the picture as it is decoded, before it is turned upright
    int height = 0;
    std::int64_t bytes = 0; ///< at the peak, the decoder's own buffers and the RGB pixels together, without the file
};

struct DecodeOptions {
    /// width * height, checked before any allocation (Pillow's own limit). A progressive JPEG of that many pixels takes
    /// about 1.6 GB for a moment, 9 bytes a pixel.
    std::int64_t max_pixels = 178'956'970;
    ExifOrientation exif_orientation = ExifOrientation::ignore;
    /// Asked with the size of a JPEG, before it is turned upright, what its sides may be divided by: 1, 2, 4 or 8. libjpeg
    /// then leaves out the finer frequencies of each block, which takes less time; the pixels are about those of a mean
    /// over squares of so many, not the bits of a full decode that is shrunk. Empty: 1. Other formats are never divided.
    std::function<int(int width, int height)> jpeg_divisor = nullptr;
    /// Called once for each picture whose header is sound and within max_pixels, before its pixels are given memory, in
    /// the thread that decodes. It may wait until there is room, and what it throws leaves `decode`: Error(too_large)
    /// refuses the picture. Empty: nobody asks.
    std::function<void(const DecodeCost&)> before_allocation = nullptr;
};

struct DecodedPicture {
    Picture picture;
    int divisor = 1; ///< what its sides were divided by, rounded up
    std::vector<std::string>
        warnings; ///< for the log: the picture is right by the rules, but perhaps not what was meant
};

/// Decodes a whole file to the pixels of Pillow's `Image.open(f).convert("RGB")`, the kind of file being told by its
/// content alone. JPEG, PNG, WebP, GIF, BMP, TIFF and PNM are read; other known formats are named in the error.
///
/// Throws Error of kind empty, not_an_image, unsupported_format, truncated, corrupt or too_large.
DecodedPicture decode(std::span<const std::uint8_t> bytes, const DecodeOptions& options = {});

} // namespace openset::image
