#include "image/resample_kernels.hpp"

#if defined(__x86_64__)

#include <algorithm>
#include <cstring>

#include <immintrin.h>

// A weight k of 23 bits and a sign is split into k = high * 65536 + low, both of 16 bits with a sign, so that `pmaddwd`
// multiplies pairs of samples with either. (sum of high << 16) + (sum of low) is the sum in 32 bits: what overflows on
// the way is lost by both sides of the equation alike, and the sum itself fits.
#define OPENSET_AVX2 __attribute__((target("avx2")))

namespace openset::image {
namespace {

constexpr std::size_t channels = 3;

OPENSET_AVX2 inline __m128i load16(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }

OPENSET_AVX2 inline __m256i load32(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }

/// Added before the upper 16 bits of a weight are taken, this makes up for the sign of the lower ones.
OPENSET_AVX2 inline __m256i with_carry(__m256i weights) { return _mm256_add_epi32(weights, _mm256_set1_epi32(0x8000)); }

constexpr int rows_at_once = 4;

/// One output of four rows.
struct Outputs {
    const std::uint8_t* from[rows_at_once]; // the rows
    std::uint8_t* to[rows_at_once];
};

/// The sums of an output's three channels and of nothing (the last one), before they are shifted.
OPENSET_AVX2 inline __m128i sums_of(__m256i high, __m256i low) {
    const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high, 16), low);
    const __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(half_weight)), weight_bits);
}

OPENSET_AVX2 inline void store_pixel(std::uint8_t* to, int pixel) {
    const auto low = static_cast<std::uint16_t>(pixel);
    std::memcpy(to, &low, 2);
    to[2] = static_cast<std::uint8_t>(pixel >> 16);
}

OPENSET_AVX2 void four_rows(Outputs rows, const WeightTable& table) {
    // Of four pixels, as both halves hold them, the first two go to one half and the others to the other: pairs of
    // 16-bit samples of the same channel.
    const __m256i pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
                                           6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    // Of four weights, their lower 16 bits: of the first two in one half, of the others in the other.
    const __m256i lower = _mm256_setr_epi8(0, 1, 4, 5, 0, 1, 4, 5, 0, 1, 4, 5, 0, 1, 4, 5, //
                                           8, 9, 12, 13, 8, 9, 12, 13, 8, 9, 12, 13, 8, 9, 12, 13);
    const __m256i upper = _mm256_add_epi8(lower, _mm256_set1_epi8(2));

    const std::int32_t* weights_of_output = table.weights;
    for (const Range taps : table.taps) {
        __m256i high[rows_at_once], low[rows_at_once];
        for (int i = 0; i < rows_at_once; ++i) high[i] = low[i] = _mm256_setzero_si256();

        std::size_t at = static_cast<std::size_t>(taps.begin) * channels;
        const std::int32_t* weights = weights_of_output;
        for (int j = 0; j < taps.length(); j += 4, at += 4 * channels, weights += 4) {
            const __m256i four_weights = _mm256_broadcastsi128_si256(load16(weights));
            const __m256i low_weights = _mm256_shuffle_epi8(four_weights, lower);
            const __m256i high_weights = _mm256_shuffle_epi8(with_carry(four_weights), upper);
            for (int i = 0; i < rows_at_once; ++i) {
                const __m256i four_pixels = _mm256_broadcastsi128_si256(load16(rows.from[i] + at));
                const __m256i samples = _mm256_shuffle_epi8(four_pixels, pairs);
                high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(samples, high_weights));
                low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(samples, low_weights));
            }
        }
        const __m128i first = _mm_packs_epi32(sums_of(high[0], low[0]), sums_of(high[1], low[1]));
        const __m128i second = _mm_packs_epi32(sums_of(high[2], low[2]), sums_of(high[3], low[3]));
        const __m128i pixels = _mm_packus_epi16(first, second);
        store_pixel(rows.to[0], _mm_extract_epi32(pixels, 0));
        store_pixel(rows.to[1], _mm_extract_epi32(pixels, 1));
        store_pixel(rows.to[2], _mm_extract_epi32(pixels, 2));
        store_pixel(rows.to[3], _mm_extract_epi32(pixels, 3));
        for (int i = 0; i < rows_at_once; ++i) rows.to[i] += channels;
        weights_of_output += table.stride;
    }
}

void along_rows(const SourceRows& source, const WeightTable& table, std::uint8_t* to, std::size_t to_stride) {
    for (int y = 0; y < source.count; y += rows_at_once) {
        Outputs rows;
        for (int i = 0; i < rows_at_once; ++i) {
            const auto row = static_cast<std::size_t>(std::min(y + i, source.count - 1)); // the last one again
            rows.from[i] = source.first + row * source.stride;
            rows.to[i] = to + row * to_stride;
        }
        four_rows(rows, table);
    }
}

/// 32 bytes of the result.
OPENSET_AVX2 void across_rows_32(const SourceRows& source, const std::int32_t* weights, std::size_t at,
                                 std::uint8_t* to) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i high[4] = {zero, zero, zero, zero}, low[4] = {zero, zero, zero, zero};
    const std::uint8_t* from = source.first + at;
    for (int j = 0; j < source.count; j += 2, from += 2 * source.stride) {
        const __m256i two_weights =
            _mm256_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(weights + j)));
        const __m256i lower = _mm256_set1_epi32(0x05040100);
        const __m256i low_weights = _mm256_shuffle_epi8(two_weights, lower);
        const __m256i high_weights =
            _mm256_shuffle_epi8(with_carry(two_weights), _mm256_add_epi8(lower, _mm256_set1_epi8(2)));
        const __m256i row = load32(from);
        const __m256i next = j + 1 < source.count ? load32(from + source.stride) : zero;
        const __m256i first = _mm256_unpacklo_epi8(row, next), second = _mm256_unpackhi_epi8(row, next);
        const __m256i pairs[4] = {_mm256_unpacklo_epi8(first, zero), _mm256_unpackhi_epi8(first, zero),
                                  _mm256_unpacklo_epi8(second, zero), _mm256_unpackhi_epi8(second, zero)};
        for (int i = 0; i < 4; ++i) {
            high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(pairs[i], high_weights));
            low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(pairs[i], low_weights));
        }
    }
    __m256i sums[4];
    for (int i = 0; i < 4; ++i) {
        const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high[i], 16), low[i]);
        sums[i] = _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(half_weight)), weight_bits);
    }
    const __m256i samples =
        _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + at), samples);
}

void across_rows(const SourceRows& source, const std::int32_t* weights, std::uint8_t* to, std::size_t length) {
    constexpr std::size_t step = 32;
    if (length < step) return plain_kernels.across_rows(source, weights, to, length);
    for (std::size_t at = 0; at + step < length; at += step) across_rows_32(source, weights, at, to);
    across_rows_32(source, weights, length - step, to); // the rest, and some of what is there already
}

} // namespace

// 16 bytes are read from the first pixel of a group of four, of which one pixel at least is a tap.
const ResampleKernels avx2_kernels{"avx2", along_rows, across_rows, 13};

} // namespace openset::image

#endif
