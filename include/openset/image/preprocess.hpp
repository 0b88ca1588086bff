#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "openset/image/picture.hpp"

namespace openset::image {

struct Size {
    int height = 0;
    int width = 0;

    bool operator==(const Size&) const = default;
};

enum class Interpolation { bilinear, bicubic, nearest };

/// Pillow changed the order of its two resampling passes in 13.0; between them the picture is rounded to 8 bits, so the
/// order shows in the last bit of some samples.
enum class PassOrder {
    horizontal_first, ///< Pillow up to 12.1: what nearly every network was trained with
    pillow13,         ///< vertical first where H - h > 0 and H - h > 2 (W - w)
};

enum class ResizeMode {
    none,
    shorter_side, ///< torchvision's Resize(int): the shorter side becomes `shorter_side`, the other is cut, not rounded
    squash,       ///< torchvision's Resize((h, w)): to `squash`, whatever the aspect ratio
};

struct Resize {
    ResizeMode mode = ResizeMode::none;
    int shorter_side = 0;
    Size squash;
    Interpolation interpolation = Interpolation::bilinear;
    PassOrder order = PassOrder::horizontal_first;

    bool operator==(const Resize&) const = default;
};

/// Where a crop is taken: torchvision's CenterCrop and the corners of its FiveCrop.
enum class CropPlace { centre, top_left, top_right, bottom_left, bottom_right };

/// How a picture becomes a network's input. Equal specs give equal tensors, so their work can be shared.
struct PreprocessSpec {
    Resize resize;
    std::optional<Size> crop; ///< where the picture is smaller it is padded with black around it first
    CropPlace crop_place = CropPlace::centre;
    bool mirror = false;                               ///< left and right are exchanged in the end
    std::array<float, 3> mean{0.485F, 0.456F, 0.406F}; ///< of the channels scaled to 0..1
    std::array<float, 3> std{0.229F, 0.224F, 0.225F};

    bool operator==(const PreprocessSpec&) const = default;
};

/// Whether the two give the same picture, before its values are scaled: resize_crop looks at nothing else of them.
bool same_geometry(const PreprocessSpec& one, const PreprocessSpec& other);

/// Bit for bit Pillow's resize and torchvision's Resize, CenterCrop, FiveCrop and hflip (0.14 to 0.28).
/// The picture must not be empty. Throws Error(too_large) where a picture on the way (resized, between the two
/// resampling passes, cropped) would exceed 2^31 - 1 bytes, Error(usage) where the spec names a size below 1.
Picture resize_crop(const Picture& picture, const PreprocessSpec& spec);

/// What the sides of a picture may be divided by while it is decoded (DecodeOptions::jpeg_divisor) where resizing leaves
/// little of it anyway: the largest of 1, 2 and 4 that leaves more than twice the resized width and height. 1 where the
/// spec does not resize. Throws as resize_crop does.
int decode_divisor(Size from, const PreprocessSpec& spec);

/// The bytes that resize_crop takes at its peak beside the picture that it is given: weights, the picture between the
/// two passes, the result. Throws as resize_crop does.
/// from  size of the picture
std::int64_t resize_crop_bytes(Size from, const PreprocessSpec& spec);

/// Writes ((float)v / 255 - mean) / std in float32 arithmetic, channel by channel: torchvision's ToTensor and
/// Normalize. tensor  [3, height, width] of the picture; of any other size: Error(internal)
void normalise(const Picture& picture, const PreprocessSpec& spec, std::span<float> tensor);

} // namespace openset::image
