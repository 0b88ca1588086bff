#pragma once

#include <optional>

#include "openset/image/preprocess.hpp"

namespace openset::image {

/// The size that every picture has once it is resized and cropped; none where it follows from the picture.
inline std::optional<Size> fixed_size(const PreprocessSpec& spec) {
    if (spec.crop) return spec.crop;
    if (spec.resize.mode == ResizeMode::squash) return spec.resize.squash;
    return std::nullopt;
}

} // namespace openset::image
