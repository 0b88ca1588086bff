#pragma once

#include <cstdint>

#include "image/resample_kernels.hpp"
#include "openset/image/picture.hpp"
#include "openset/image/preprocess.hpp"

namespace openset::image {

/// A rectangle within a picture.
struct Window {
    int left = 0;
    int top = 0;
    Size size;
};

/// The part of Pillow's `resize(to)` that lies within `window`, bit for bit; only what it needs is computed.
///
/// to       size of the whole resized picture, both sides at least 1; equal to the picture's own: nothing is resampled
/// window   within `to`, not empty
/// kernels  one of usable_kernels(): which one shows in the time that it takes, not in the result
/// Throws Error(too_large) where the picture between the two passes would exceed 2^31 - 1 bytes.
Picture resample(const Picture& picture, Size to, Interpolation interpolation, PassOrder order, const Window& window,
                 const ResampleKernels& kernels = *usable_kernels().back());

/// The bytes that `resample` takes at its peak beside the picture that it is given; the result is counted.
/// Throws as `resample` does.
std::int64_t resample_bytes(Size from, Size to, Interpolation interpolation, PassOrder order, const Window& window);

} // namespace openset::image
