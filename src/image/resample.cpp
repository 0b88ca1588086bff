#include "image/resample.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "openset/base/error.hpp"

// Every rounding here is part of the result: the order of the operations in double, the fixed point of the weights, and
// the 8-bit picture between the two passes. Compile without fused multiply-adds (-ffp-contract=off).
namespace openset::image {
namespace {

constexpr int channels = 3;

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
    return static_cast<std::int32_t>(weight * (1 << weight_bits) + (weight < 0 ? -0.5 : 0.5));
}

/// How one axis is resampled: which source samples each wanted output is made of, and how much each of them counts.
class Kernel {
public:
    /// from, to  length of the whole axis before and after
    /// wanted    the outputs that are needed
    Kernel(int from, int to, Range wanted, Interpolation interpolation)
        : from_(from), wanted_(wanted), identity_(from == to), scale_(static_cast<double>(from) / to),
          filter_scale_(std::max(scale_, 1.0)), // wider when shrinking: that is the antialiasing
          inverse_(1.0 / filter_scale_), cubic_(interpolation == Interpolation::bicubic),
          support_((cubic_ ? 2.0 : 1.0) * filter_scale_), source_(wanted) {
        if (!identity_) source_ = {taps_of(wanted.begin).begin, taps_of(wanted.end - 1).end};
    }

    bool identity() const { return identity_; }
    int outputs() const { return wanted_.length(); }

    /// What the wanted outputs are made of, as a range of the whole axis.
    Range source() const { return source_; }

    /// The source samples of the i-th wanted output, counted from source().begin.
    Range taps(int i) const {
        const Range taps = taps_of(wanted_.begin + i);
        return {taps.begin - source_.begin, taps.end - source_.begin};
    }

    std::size_t max_taps() const {
        return static_cast<std::size_t>(std::min<double>(from_, std::ceil(support_) * 2 + 1));
    }

    /// Writes the weights of the taps of the i-th wanted output.
    /// exact  of max_taps() values, for what comes between
    void weigh(int i, std::vector<double>& exact, std::int32_t* weights) const {
        const double centre = centre_of(wanted_.begin + i);
        const Range taps = taps_of(wanted_.begin + i);
        double sum = 0.0;
        for (int j = 0; j < taps.length(); ++j) {
            const double distance = (j + taps.begin - centre + 0.5) * inverse_;
            const double weight = cubic_ ? bicubic(distance) : bilinear(distance);
            exact[static_cast<std::size_t>(j)] = weight;
            sum += weight;
        }
        for (int j = 0; j < taps.length(); ++j) {
            const double weight = exact[static_cast<std::size_t>(j)];
            weights[j] = fixed_point(sum != 0.0 ? weight / sum : weight);
        }
    }

private:
    double centre_of(int output) const { return (output + 0.5) * scale_; }

    Range taps_of(int output) const {
        const double centre = centre_of(output);
        // NOLINTNEXTLINE(bugprone-incorrect-roundings): below 0 it is cut towards zero, as in Pillow
        const int low = std::max(0, static_cast<int>(centre - support_ + 0.5));
        // NOLINTNEXTLINE(bugprone-incorrect-roundings)
        return {low, static_cast<int>(std::min<double>(from_, centre + support_ + 0.5))};
    }

    int from_;
    Range wanted_;
    bool identity_;
    double scale_;
    double filter_scale_;
    double inverse_;
    bool cubic_;
    double support_;
    Range source_;
};

/// The weights of some outputs in a row. Of a long axis not all are kept at a time: they would take more than the
/// picture.
class Weights {
public:
    /// How many outputs fit.
    static int capacity(const Kernel& kernel) {
        constexpr std::size_t most_weights = 1 << 20;
        const std::size_t fitting = std::max<std::size_t>(1, most_weights / stride_of(kernel));
        return static_cast<int>(std::min<std::size_t>(fitting, static_cast<std::size_t>(kernel.outputs())));
    }

    static std::int64_t bytes(const Kernel& kernel, int outputs) {
        const auto stride = static_cast<std::int64_t>(stride_of(kernel));
        constexpr std::int64_t weight = sizeof(std::int32_t), exact_weight = sizeof(double), range = sizeof(Range);
        return outputs * (stride * weight + range) + stride * exact_weight;
    }

    Weights(const Kernel& kernel, int outputs)
        : kernel_(kernel), stride_(stride_of(kernel)), taps_(static_cast<std::size_t>(outputs)),
          weights_(taps_.size() * stride_), exact_(stride_) {}

    /// Weighs the wanted outputs from the i-th on.
    WeightTable weigh(int i, int outputs) {
        for (std::size_t k = 0; k < static_cast<std::size_t>(outputs); ++k) {
            taps_[k] = kernel_.taps(i + static_cast<int>(k));
            std::int32_t* const weights = weights_.data() + k * stride_;
            kernel_.weigh(i + static_cast<int>(k), exact_, weights);
            std::fill(weights + taps_[k].length(), weights + stride_, 0);
        }
        return {std::span(taps_).first(static_cast<std::size_t>(outputs)), weights_.data(), stride_};
    }

private:
    static std::size_t stride_of(const Kernel& kernel) {
        return (kernel.max_taps() + WeightTable::group - 1) / WeightTable::group * WeightTable::group;
    }

    const Kernel& kernel_;
    std::size_t stride_;
    std::vector<Range> taps_;
    std::vector<std::int32_t> weights_; // [outputs, stride]
    std::vector<double> exact_;
};

/// A part of a picture that someone else owns.
struct View {
    const std::uint8_t* first = nullptr;
    const std::uint8_t* end = nullptr; // of the picture
    std::size_t stride = 0;            // bytes from row to row
    int width = 0;
    int height = 0;

    const std::uint8_t* row(int y) const { return first + static_cast<std::size_t>(y) * stride; }
};

View part_of(const Picture& picture, Range columns, Range rows) {
    const std::size_t stride = static_cast<std::size_t>(picture.width) * channels;
    return {picture.rgb.data() + static_cast<std::size_t>(rows.begin) * stride +
                static_cast<std::size_t>(columns.begin) * channels,
            picture.rgb.data() + picture.rgb.size(), stride, columns.length(), rows.length()};
}

Range columns_of(const Window& window) { return {window.left, window.left + window.size.width}; }

Range rows_of(const Window& window) { return {window.top, window.top + window.size.height}; }

View whole(const Picture& picture) { return part_of(picture, {0, picture.width}, {0, picture.height}); }

/// The bytes of a picture; throws where there are too many.
std::int64_t expect_possible(int width, int height) {
    const std::int64_t pixels = std::int64_t{width} * height;
    if (pixels > std::numeric_limits<std::int32_t>::max() / channels) {
        throw Error(ErrorKind::too_large, "resampling needs a picture of " + std::to_string(width) + " x " +
                                              std::to_string(height) + " pixels, more than 2^31 - 1 bytes");
    }
    return pixels * channels;
}

Picture new_picture(int width, int height) {
    return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(expect_possible(width, height)))};
}

Picture copy(const View& view) {
    Picture result = new_picture(view.width, view.height);
    std::uint8_t* to = result.rgb.data();
    for (int y = 0; y < view.height; ++y) to = std::copy_n(view.row(y), result.rgb.size() / view.height, to);
    return result;
}

/// The first outputs of the table, for which the kernels stay within the picture when they read on behind their taps.
std::size_t outputs_within(const View& source, int y, const WeightTable& table, std::size_t over_read) {
    const auto room = source.end - source.row(y);
    const auto reach = [&](const Range& taps) {
        return static_cast<std::ptrdiff_t>(taps.end) * channels + static_cast<std::ptrdiff_t>(over_read);
    };
    const auto past = std::ranges::partition_point(table.taps, [&](const Range& taps) { return reach(taps) <= room; });
    return static_cast<std::size_t>(past - table.taps.begin());
}

/// The outputs of the table for all rows, where `to` is the first row's first output.
void resample_rows(const View& source, const WeightTable& table, const ResampleKernels& kernels, std::uint8_t* to,
                   std::size_t to_stride) {
    const auto outputs_of = [&](int y) { return outputs_within(source, y, table, kernels.over_read); };
    int whole_rows = source.height; // the rows above all that lie close to the end of the picture
    while (whole_rows > 0 && outputs_of(whole_rows - 1) < table.taps.size()) --whole_rows;
    kernels.along_rows({source.first, source.stride, whole_rows}, table, to, to_stride);

    for (int y = whole_rows; y < source.height; ++y) {
        const SourceRows row{source.row(y), source.stride, 1};
        const std::size_t within = outputs_of(y);
        std::uint8_t* const out = to + static_cast<std::size_t>(y) * to_stride;
        kernels.along_rows(row, {table.taps.first(within), table.weights, table.stride}, out, to_stride);
        plain_kernels.along_rows(row, {table.taps.subspan(within), table.weights + within * table.stride, table.stride},
                                 out + within * channels, to_stride);
    }
}

Picture resample_rows(const View& source, const Kernel& columns, const ResampleKernels& kernels) {
    Picture result = new_picture(columns.outputs(), source.height);
    const int together = Weights::capacity(columns);
    Weights weights(columns, together);
    for (int begin = 0; begin < result.width; begin += std::min(together, result.width - begin)) {
        const WeightTable table = weights.weigh(begin, std::min(together, result.width - begin));
        resample_rows(source, table, kernels, result.rgb.data() + static_cast<std::size_t>(begin) * channels,
                      static_cast<std::size_t>(result.width) * channels);
    }
    return result;
}

Picture resample_columns(const View& source, const Kernel& rows, const ResampleKernels& kernels) {
    Picture result = new_picture(source.width, rows.outputs());
    const std::size_t row_size = static_cast<std::size_t>(source.width) * channels;
    Weights one_row(rows, 1);
    std::uint8_t* to = result.rgb.data();
    for (int y = 0; y < result.height; ++y, to += row_size) {
        const WeightTable table = one_row.weigh(y, 1);
        const Range taps = table.taps[0];
        kernels.across_rows({source.row(taps.begin), source.stride, taps.length()}, table.weights, to, row_size);
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

/// What a call of `resample` comes to.
struct Plan {
    Kernel columns;
    Kernel rows;
    bool vertical_first;

    Plan(Size from, Size to, Interpolation interpolation, PassOrder order, Range wanted_columns, Range wanted_rows)
        : columns(from.width, to.width, wanted_columns, interpolation),
          rows(from.height, to.height, wanted_rows, interpolation) {
        const std::int64_t rows_lost = std::int64_t{from.height} - to.height;
        const std::int64_t columns_lost = std::int64_t{from.width} - to.width;
        vertical_first = order == PassOrder::pillow13 && rows_lost > 0 && rows_lost > 2 * columns_lost;
    }
};

} // namespace

Picture resample(const Picture& picture, Size to, Interpolation interpolation, PassOrder order, const Window& window,
                 const ResampleKernels& kernels) {
    const Range wanted_columns = columns_of(window), wanted_rows = rows_of(window);
    const Size from{picture.height, picture.width};
    if (to == from) return copy(part_of(picture, wanted_columns, wanted_rows));
    if (interpolation == Interpolation::nearest) return pick_nearest(picture, to, wanted_columns, wanted_rows);

    const Plan plan(from, to, interpolation, order, wanted_columns, wanted_rows);
    // What is yet to be resampled; after a pass, a view of that pass's result.
    View rest = part_of(picture, plan.columns.source(), plan.rows.source());
    Picture result;
    const auto pass = [&](Picture (*resample_axis)(const View&, const Kernel&, const ResampleKernels&),
                          const Kernel& kernel) {
        if (kernel.identity()) return;
        result = resample_axis(rest, kernel, kernels);
        rest = whole(result);
    };
    if (plan.vertical_first) {
        pass(resample_columns, plan.rows);
        pass(resample_rows, plan.columns);
    } else {
        pass(resample_rows, plan.columns);
        pass(resample_columns, plan.rows);
    }
    return result;
}

std::int64_t resample_bytes(Size from, Size to, Interpolation interpolation, PassOrder order, const Window& window) {
    const Range wanted_columns = columns_of(window), wanted_rows = rows_of(window);
    const std::int64_t result = expect_possible(wanted_columns.length(), wanted_rows.length());
    if (to == from) return result;
    if (interpolation == Interpolation::nearest) {
        return result + static_cast<std::int64_t>(sizeof(int)) * (wanted_columns.length() + wanted_rows.length());
    }
    const Plan plan(from, to, interpolation, order, wanted_columns, wanted_rows);
    const std::int64_t for_columns =
        plan.columns.identity() ? 0 : Weights::bytes(plan.columns, Weights::capacity(plan.columns));
    const std::int64_t for_rows = plan.rows.identity() ? 0 : Weights::bytes(plan.rows, 1);
    if (plan.columns.identity() || plan.rows.identity()) return result + for_columns + for_rows;
    const std::int64_t between = plan.vertical_first
                                     ? expect_possible(plan.columns.source().length(), wanted_rows.length())

                                     : expect_possible(wanted_columns.length(), plan.rows.source().length());
    const std::int64_t first = plan.vertical_first ? for_rows : for_columns;
    const std::int64_t second = plan.vertical_first ? for_columns : for_rows;
    return between + std::max(first, result + second);
}

} // namespace openset::image
