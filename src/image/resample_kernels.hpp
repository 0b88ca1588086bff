#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// The inner loops of resampling: sums of samples times weights, in a plain form and in those for wider registers. All of
/// them give the same bits: sums of integers, exact whatever their order.
namespace openset::image {

constexpr int weight_bits = 22; ///< of a weight's fraction

/// A half-open range of columns or rows.
struct Range {
    int begin = 0;
    int end = 0;

    int length() const { return end - begin; }
};

/// What each of some outputs along an axis is made of.
struct WeightTable {
    /// Weights come in groups; those behind the taps of an output, up to a whole group, are 0.
    static constexpr std::size_t group = 4;

    std::span<const Range> taps;           ///< [outputs], the samples of each, ascending
    const std::int32_t* weights = nullptr; ///< [outputs, stride]
    std::size_t stride = 0;                ///< a multiple of `group`
};

/// Rows of RGB pixels.
struct SourceRows {
    const std::uint8_t* first = nullptr;
    std::size_t stride = 0; ///< bytes
    int count = 0;
};

struct ResampleKernels {
    const char* name;

    /// Resamples along rows: the outputs of the table for each of the rows.
    /// to         of the first row's first output
    /// to_stride  bytes
    /// Reads up to `over_read` bytes behind the last tap of an output (what is there does not count).
    void (*along_rows)(const SourceRows& source, const WeightTable& table, std::uint8_t* to, std::size_t to_stride);

    /// Resamples across rows: one row that is made of all of them.
    /// weights  [source.count], filled up with 0 to a whole group
    /// length   bytes of a row
    void (*across_rows)(const SourceRows& source, const std::int32_t* weights, std::uint8_t* to, std::size_t length);

    std::size_t over_read;
};

/// Plain C++, for any processor.
extern const ResampleKernels plain_kernels;

#if defined(__x86_64__)
extern const ResampleKernels avx2_kernels;
extern const ResampleKernels avx512_kernels; ///< needs AVX512-BW and -VNNI
#endif

/// Those that this processor can run, the plain ones first, the fastest last.
std::span<const ResampleKernels* const> usable_kernels();

/// The sum of samples times weights as a sample: rounded and clipped.
inline std::uint8_t to_sample(std::int32_t sum_with_half) {
    const std::int32_t value = sum_with_half >> weight_bits;
    return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

constexpr std::int32_t half_weight = 1 << (weight_bits - 1); ///< what a sum starts with, so that it is rounded

} // namespace openset::image
