#include "image/resample.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "openset/base/error.hpp"

// Every rounding here is part of the result: the order of the operations in double, the fixed point of the weights, and
// the 8-bit picture between the two passes. Compile without fused multiply-adds (-ffp-contract=off).
namespace openset::image {
namespace {

constexpr int channels = 3;
constexpr int precision_bits = 22; // of a weight's fraction
constexpr std::int32_t half = 1 << (precision_bits - 1);

double bilinear(double x) {
    x = std::abs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

double bicubic(double x) {
    constexpr double a = -0.5;
    x = std::abs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

std::int32_t fixed_point(double weight) {
    return static_cast<std::int32_t>(weight * (1 << precision_bits) + (weight < 0 ? -0.5 : 0.5));
}

std::uint8_t to_sample(std::int32_t sum) {
    return static_cast<std::uint8_t>(std::clamp(sum >> precision_bits, 0, 255));
}

/// A half-open range of columns or rows.
struct Range {
    int begin = 0;
    int end = 0;

    int length() const { return end - begin; }
};

/// How one axis is resampled: the source samples and weights of each wanted output sample.
class Kernel {
public:
    /// from, to  length of the whole axis before and after
    /// wanted    the outputs that are needed
    Kernel(int from, int to, Range wanted, Interpolation interpolation) : outputs_(wanted.length()) {
        identity_ = from == to;
        source_ = wanted;
        if (identity_) return;

        const double scale = static_cast<double>(from) / to;
        const double filter_scale = std::max(scale, 1.0); // wider when shrinking: that is the antialiasing
        const double inverse = 1.0 / filter_scale;
        const bool cubic = interpolation == Interpolation::bicubic;
        const double support = (cubic ? 2.0 : 1.0) * filter_scale;

        max_taps_ = static_cast<std::size_t>(std::min<double>(from, std::ceil(support) * 2 + 1));
        taps_.reserve(static_cast<std::size_t>(outputs_));
        weights_.resize(static_cast<std::size_t>(outputs_) * max_taps_);
        std::vector<double> exact(max_taps_);
        for (int i = wanted.begin; i < wanted.end; ++i) {
            const double centre = (i + 0.5) * scale;
            // NOLINTNEXTLINE(bugprone-incorrect-roundings): below 0 it is cut towards zero, as in Pillow
            const int low = std::max(0, static_cast<int>(centre - support + 0.5));
            // NOLINTNEXTLINE(bugprone-incorrect-roundings)
            const int high = static_cast<int>(std::min<double>(from, centre + support + 0.5));
            double sum = 0.0;
            for (int j = 0; j < high - low; ++j) {
                const double distance = (j + low - centre + 0.5) * inverse;
                const double weight = cubic ? bicubic(distance) : bilinear(distance);
                exact[static_cast<std::size_t>(j)] = weight;
                sum += weight;
            }
            std::int32_t* weights = weights_.data() + taps_.size() * max_taps_;
            for (int j = 0; j < high - low; ++j) {
                const double weight = exact[static_cast<std::size_t>(j)];
                weights[j] = fixed_point(sum != 0.0 ? weight / sum : weight);
            }
            taps_.push_back({low, high});
        }
        source_ = {taps_.front().begin, taps_.back().end};
    }

    bool identity() const { return identity_; }
    int outputs() const { return outputs_; }

    /// What the wanted outputs are made of, as a range of the whole axis.
    Range source() const { return source_; }

    /// Of the i-th wanted output, counted from source().begin.
    Range taps(int i) const {
        const Range& taps = taps_[static_cast<std::size_t>(i)];
        return {taps.begin - source_.begin, taps.end - source_.begin};
    }
    const std::int32_t* weights(int i) const { return weights_.data() + static_cast<std::size_t>(i) * max_taps_; }

private:
    int outputs_;
    bool identity_;
    Range source_;
    std::size_t max_taps_ = 0;
    std::vector<Range> taps_;
    std::vector<std::int32_t> weights_; // [outputs, max_taps]
};

/// A part of a picture that someone else owns.
struct View {
    const std::uint8_t* first = nullptr;
    std::size_t stride = 0; // bytes from row to row
    int width = 0;
    int height = 0;

    const std::uint8_t* row(int y) const { return first + static_cast<std::size_t>(y) * stride; }
};

View part_of(const Picture& picture, Range columns, Range rows) {
    const std::size_t stride = static_cast<std::size_t>(picture.width) * channels;
    return {picture.rgb.data() + static_cast<std::size_t>(rows.begin) * stride +
                static_cast<std::size_t>(columns.begin) * channels,
            stride, columns.length(), rows.length()};
}

View whole(const Picture& picture) { return part_of(picture, {0, picture.width}, {0, picture.height}); }

Picture new_picture(int width, int height) {
    const std::uint64_t pixels = static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
    if (pixels > std::numeric_limits<std::int32_t>::max() / channels) {
        throw Error(ErrorKind::too_large, "resampling needs a picture of " + std::to_string(width) + " x " +
                                              std::to_string(height) + " pixels, more than 2^31 - 1 bytes");
    }
    return {width, height, std::vector<std::uint8_t>(pixels * channels)};
}

Picture copy(const View& view) {
    Picture result = new_picture(view.width, view.height);
    std::uint8_t* to = result.rgb.data();
    for (int y = 0; y < view.height; ++y) to = std::copy_n(view.row(y), result.rgb.size() / view.height, to);
    return result;
}

Picture resample_rows(const View& source, const Kernel& columns) {
    Picture result = new_picture(columns.outputs(), source.height);
    std::uint8_t* to = result.rgb.data();
    for (int y = 0; y < source.height; ++y) {
        const std::uint8_t* const row = source.row(y);
        for (int x = 0; x < result.width; ++x) {
            const Range taps = columns.taps(x);
            const std::int32_t* const weights = columns.weights(x);
            const std::uint8_t* from = row + static_cast<std::ptrdiff_t>(taps.begin) * channels;
            std::int32_t red = half, green = half, blue = half;
            for (int j = 0; j < taps.length(); ++j, from += channels) {
                red += from[0] * weights[j];
                green += from[1] * weights[j];
                blue += from[2] * weights[j];
            }
            to[0] = to_sample(red);
            to[1] = to_sample(green);
            to[2] = to_sample(blue);
            to += channels;
        }
    }
    return result;
}

Picture resample_columns(const View& source, const Kernel& rows) {
    // Sums of a strip of columns stay in the nearest cache while the rows are added to them.
    constexpr std::size_t strip = 512;
    std::array<std::int32_t, strip> sums;
    Picture result = new_picture(source.width, rows.outputs());
    const std::size_t row_size = static_cast<std::size_t>(source.width) * channels;
    std::uint8_t* to = result.rgb.data();
    for (int y = 0; y < result.height; ++y) {
        const Range taps = rows.taps(y);
        const std::int32_t* const weights = rows.weights(y);
        for (std::size_t x = 0; x < row_size; x += strip) {
            const std::size_t length = std::min(strip, row_size - x);
            std::fill_n(sums.begin(), length, half);
            for (int j = 0; j < taps.length(); ++j) {
                const std::uint8_t* const from = source.row(taps.begin + j) + x;
                const std::int32_t weight = weights[j];
                for (std::size_t i = 0; i < length; ++i) sums[i] += from[i] * weight;
            }
            to = std::transform(sums.begin(), sums.begin() + length, to, to_sample);
        }
    }
    return result;
}

/// The source sample of each wanted output. The position is summed up step by step, as Pillow does: a product would
/// round differently, and now and then pick the neighbour.
std::vector<int> nearest_sources(int from, int to, Range wanted) {
    std::vector<int> sources;
    sources.reserve(static_cast<std::size_t>(wanted.length()));
    const double step = static_cast<double>(from) / to;
    double position = step * 0.5;
    for (int i = 0; i < wanted.end; ++i, position += step) {
        if (i >= wanted.begin) sources.push_back(std::min(static_cast<int>(position), from - 1));
    }
    return sources;
}

Picture pick_nearest(const Picture& picture, Size to, Range wanted_columns, Range wanted_rows) {
    const auto columns = nearest_sources(picture.width, to.width, wanted_columns);
    const auto rows = nearest_sources(picture.height, to.height, wanted_rows);
    Picture result = new_picture(wanted_columns.length(), wanted_rows.length());
    const View source = whole(picture);
    std::uint8_t* out = result.rgb.data();
    for (const int y : rows) {
        const std::uint8_t* const row = source.row(y);
        for (const int x : columns) out = std::copy_n(row + static_cast<std::ptrdiff_t>(x) * channels, channels, out);
    }
    return result;
}

} // namespace

Picture resample(const Picture& picture, Size to, Interpolation interpolation, PassOrder order, const Window& window) {
    const Range wanted_columns{window.left, window.left + window.size.width};
    const Range wanted_rows{window.top, window.top + window.size.height};
    if (to == Size{picture.height, picture.width}) return copy(part_of(picture, wanted_columns, wanted_rows));
    if (interpolation == Interpolation::nearest) return pick_nearest(picture, to, wanted_columns, wanted_rows);

    const Kernel columns(picture.width, to.width, wanted_columns, interpolation);
    const Kernel rows(picture.height, to.height, wanted_rows, interpolation);

    // What is yet to be resampled; after a pass, a view of that pass's result.
    View rest = part_of(picture, columns.source(), rows.source());
    Picture result;
    const auto pass = [&](Picture (*resample_axis)(const View&, const Kernel&), const Kernel& kernel) {
        if (kernel.identity()) return;
        result = resample_axis(rest, kernel);
        rest = whole(result);
    };
    const std::int64_t rows_lost = std::int64_t{picture.height} - to.height;
    const std::int64_t columns_lost = std::int64_t{picture.width} - to.width;
    if (order == PassOrder::pillow13 && rows_lost > 0 && rows_lost > 2 * columns_lost) {
        pass(resample_columns, rows);
        pass(resample_rows, columns);
    } else {
        pass(resample_rows, columns);
        pass(resample_columns, rows);
    }
    return result;
}

} // namespace openset::image
