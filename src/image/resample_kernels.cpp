#include "image/resample_kernels.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace openset::image {
namespace {

constexpr std::size_t channels = 3;

void along_rows(const SourceRows& source, const WeightTable& table, std::uint8_t* to, std::size_t to_stride) {
    const std::uint8_t* row = source.first;
    for (int y = 0; y < source.count; ++y, row += source.stride, to += to_stride) {
        std::uint8_t* out = to;
        const std::int32_t* weights = table.weights;
        for (const Range taps : table.taps) {
            const std::uint8_t* from = row + static_cast<std::size_t>(taps.begin) * channels;
            std::int32_t red = half_weight, green = half_weight, blue = half_weight;
            for (int j = 0; j < taps.length(); ++j, from += channels) {
                red += from[0] * weights[j];
                green += from[1] * weights[j];
                blue += from[2] * weights[j];
            }
            out[0] = to_sample(red);
            out[1] = to_sample(green);
            out[2] = to_sample(blue);
            out += channels;
            weights += table.stride;
        }
    }
}

void across_rows(const SourceRows& source, const std::int32_t* weights, std::uint8_t* to, std::size_t length) {
    // Sums of a strip of columns stay in the nearest cache while the rows are added to them.
    constexpr std::size_t strip = 512;
    std::array<std::int32_t, strip> sums;
    for (std::size_t x = 0; x < length; x += strip) {
        const std::size_t columns = std::min(strip, length - x);
        std::fill_n(sums.begin(), columns, half_weight);
        const std::uint8_t* from = source.first + x;
        for (int j = 0; j < source.count; ++j, from += source.stride) {
            const std::int32_t weight = weights[j];
            for (std::size_t i = 0; i < columns; ++i) sums[i] += from[i] * weight;
        }
        to = std::transform(sums.begin(), sums.begin() + static_cast<std::ptrdiff_t>(columns), to, to_sample);
    }
}

std::vector<const ResampleKernels*> find_usable_kernels() {
    std::vector<const ResampleKernels*> usable{&plain_kernels};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) usable.push_back(&avx2_kernels);
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) usable.push_back(&avx512_kernels);
#endif
    return usable;
}

} // namespace

const ResampleKernels plain_kernels{"plain", along_rows, across_rows, 0};

std::span<const ResampleKernels* const> usable_kernels() {
    static const std::vector<const ResampleKernels*> usable = find_usable_kernels();
    return usable;
}

} // namespace openset::image
