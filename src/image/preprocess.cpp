#include "openset/image/preprocess.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "image/resample.hpp"
#include "openset/base/error.hpp"

namespace openset::image {
namespace {

constexpr int channels = 3;
constexpr std::int32_t max_pixels = std::numeric_limits<std::int32_t>::max() / channels;

std::string in_words(double width, double height) {
    const auto rounded = [](double value) { return std::to_string(static_cast<std::int64_t>(value)); };
    return rounded(width) + " x " + rounded(height) + " pixels";
}

Size size_after(Size from, const Resize& resize) {
    double width = from.width, height = from.height;
    switch (resize.mode) {
    case ResizeMode::none: break;
    case ResizeMode::squash: width = resize.squash.width, height = resize.squash.height; break;
    case ResizeMode::shorter_side: {
        // The product is exact and the quotient is cut, not rounded: 225 x 300 to 224 gives 224 x 298.
        const bool upright = from.width <= from.height;
        const std::int64_t shorter = upright ? from.width : from.height;
        const std::int64_t longer = upright ? from.height : from.width;
        const double other =
            std::trunc(static_cast<double>(resize.shorter_side * longer) / static_cast<double>(shorter));
        width = upright ? resize.shorter_side : other;
        height = upright ? other : resize.shorter_side;
        break;
    }
    }
    if (width < 1 || height < 1)
        throw Error(ErrorKind::usage, "cannot resize to " + in_words(width, height) + ", expected 1 x 1 or more");
    if (width * height > max_pixels) {
        throw Error(ErrorKind::too_large,
                    "resized, the picture would have " + in_words(width, height) + ", more than 2^31 - 1 bytes");
    }
    return {static_cast<int>(height), static_cast<int>(width)};
}

/// Where a crop of `wanted` pixels lies on an axis of `length`: what it takes, and where in the crop that goes.
struct Span {
    int begin = 0;
    int length = 0;
    int padding_before = 0;
};

Span centred(int length, int wanted) {
    if (wanted > length) return {0, length, (wanted - length) / 2};
    // torchvision rounds half to even here; cutting would move odd margins by one pixel.
    const int margin = length - wanted, cut = margin / 2;
    return {margin % 2 == 0 ? cut : cut + cut % 2, wanted, 0};
}

enum class End { first, middle, last };

Span placed(int length, int wanted, End end) {
    if (end == End::middle || wanted > length) return centred(length, wanted);
    return {end == End::first ? 0 : length - wanted, wanted, 0};
}

Span columns_of(CropPlace place, int length, int wanted) {
    const bool left = place == CropPlace::top_left || place == CropPlace::bottom_left;
    return placed(length, wanted, place == CropPlace::centre ? End::middle : left ? End::first : End::last);
}

Span rows_of(CropPlace place, int length, int wanted) {
    const bool top = place == CropPlace::top_left || place == CropPlace::top_right;
    return placed(length, wanted, place == CropPlace::centre ? End::middle : top ? End::first : End::last);
}

void mirror(Picture& picture) {
    using Pixel = std::array<std::uint8_t, channels>;
    const std::size_t row_size = static_cast<std::size_t>(picture.width) * channels;
    for (int y = 0; y < picture.height; ++y) {
        std::uint8_t* left = picture.rgb.data() + static_cast<std::size_t>(y) * row_size;
        std::uint8_t* right = left + row_size - channels;
        for (; left < right; left += channels, right -= channels) {
            Pixel kept;
            std::copy_n(left, channels, kept.begin());
            std::copy_n(right, channels, left);
            std::ranges::copy(kept, right);
        }
    }
}

/// The picture on a black ground of the given size.
Picture padded(const Picture& picture, Size size, int left, int top) {
    const std::size_t row_size = static_cast<std::size_t>(size.width) * channels;
    Picture result{size.width, size.height,
                   std::vector<std::uint8_t>(row_size * static_cast<std::size_t>(size.height))};
    const std::size_t source_row_size = static_cast<std::size_t>(picture.width) * channels;
    for (int y = 0; y < picture.height; ++y) {
        std::copy_n(picture.rgb.data() + static_cast<std::size_t>(y) * source_row_size, source_row_size,
                    result.rgb.data() + static_cast<std::size_t>(top + y) * row_size +
                        static_cast<std::size_t>(left) * channels);
    }
    return result;
}

/// The sizes on the way of a picture through resize_crop.
struct Plan {
    Size resized;
    Size crop;
    Span columns; // of the resized picture in the crop
    Span rows;

    Plan(Size from, const PreprocessSpec& spec) {
        if (from.width < 1 || from.height < 1) throw Error(ErrorKind::internal, "cannot resize an empty picture");
        resized = size_after(from, spec.resize);
        crop = spec.crop.value_or(resized);
        if (crop.width < 1 || crop.height < 1) {
            throw Error(ErrorKind::usage,
                        "cannot crop to " + in_words(crop.width, crop.height) + ", expected 1 x 1 or more");
        }
        if (static_cast<double>(crop.width) * crop.height > max_pixels) {
            throw Error(ErrorKind::too_large,
                        "a crop of " + in_words(crop.width, crop.height) + " has more than 2^31 - 1 bytes");
        }
        columns = columns_of(spec.crop_place, resized.width, crop.width);
        rows = rows_of(spec.crop_place, resized.height, crop.height);
    }

    Window window() const { return {columns.begin, rows.begin, {rows.length, columns.length}}; }
    bool needs_padding() const { return columns.length != crop.width || rows.length != crop.height; }
};

} // namespace

bool same_geometry(const PreprocessSpec& one, const PreprocessSpec& other) {
    PreprocessSpec scaled_alike = other;
    scaled_alike.mean = one.mean;
    scaled_alike.std = one.std;
    return one == scaled_alike;
}

int decode_divisor(Size from, const PreprocessSpec& spec) {
    if (spec.resize.mode == ResizeMode::none) return 1;
    const Size to = Plan(from, spec).resized;
    for (const int divisor : {4, 2}) {
        if (from.width > 2 * divisor * to.width && from.height > 2 * divisor * to.height) return divisor;
    }
    return 1;
}

Picture resize_crop(const Picture& picture, const PreprocessSpec& spec) {
    const Plan plan({picture.height, picture.width}, spec);
    const Resize& resize = spec.resize;
    Picture result = resample(picture, plan.resized, resize.interpolation, resize.order, plan.window());
    if (plan.needs_padding()) result = padded(result, plan.crop, plan.columns.padding_before, plan.rows.padding_before);
    if (spec.mirror) mirror(result);
    return result;
}

std::int64_t resize_crop_bytes(Size from, const PreprocessSpec& spec) {
    const Plan plan(from, spec);
    const Resize& resize = spec.resize;
    const std::int64_t resampling =
        resample_bytes(from, plan.resized, resize.interpolation, resize.order, plan.window());
    if (!plan.needs_padding()) return resampling;
    const auto rgb = [](std::int64_t width, std::int64_t height) { return width * height * channels; };
    return std::max(resampling, rgb(plan.columns.length, plan.rows.length) + rgb(plan.crop.width, plan.crop.height));
}

void normalise(const Picture& picture, const PreprocessSpec& spec, std::span<float> tensor) {
    const std::size_t pixels = picture.rgb.size() / channels;
    if (tensor.size() != pixels * channels) {
        throw Error(ErrorKind::internal, "a tensor of " + std::to_string(tensor.size()) + " values for " +
                                             in_words(picture.width, picture.height) + " of 3 channels");
    }
    for (std::size_t channel = 0; channel < channels; ++channel) {
        // Two divisions, as in training: a multiplication by 1/255 moves the last bit of half the values.
        std::array<float, 256> value_of;
        for (std::size_t sample = 0; sample < value_of.size(); ++sample) {
            value_of[sample] = (static_cast<float>(sample) / 255.0F - spec.mean[channel]) / spec.std[channel];
        }
        float* to = tensor.data() + channel * pixels;
        const std::uint8_t* from = picture.rgb.data() + channel;
        for (std::size_t i = 0; i < pixels; ++i, from += channels) to[i] = value_of[*from];
    }
}

} // namespace openset::image
