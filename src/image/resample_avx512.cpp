#include "image/resample_kernels.hpp"

#if defined(__x86_64__)

#include <algorithm>
#include <cstring>

#include <immintrin.h>

// resample_avx2.cpp has the idea. Here a register holds two rows, and `vpdpwssd` multiplies and adds in one.
#define OPENSET_AVX512 __attribute__((target("avx2,avx512f,avx512bw,avx512vnni")))

namespace openset::image {
namespace {

constexpr std::size_t channels = 3;
constexpr int rows_at_once = 8;
constexpr int registers = rows_at_once / 2;

OPENSET_AVX512 inline __m128i load16(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }

OPENSET_AVX512 inline __m512i with_carry(__m512i weights) {
    return _mm512_add_epi32(weights, _mm512_set1_epi32(0x8000));
}

/// Of 16 sums: as samples of 32 bits, not clipped yet.
OPENSET_AVX512 inline __m512i shifted(__m512i high, __m512i low) {
    const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high, 16), low);
    return _mm512_srai_epi32(_mm512_add_epi32(sum, _mm512_set1_epi32(half_weight)), weight_bits);
}

/// The halves of two rows' sums added up: the first 16 bytes of each 32 are one row's three channels and nothing.
OPENSET_AVX512 inline __m512i halves_added(__m512i sums) {
    return _mm512_add_epi32(sums, _mm512_shuffle_i64x2(sums, sums, _MM_SHUFFLE(2, 3, 0, 1)));
}

OPENSET_AVX512 inline void store_pixel(std::uint8_t* to, int pixel) {
    const auto low = static_cast<std::uint16_t>(pixel);
    std::memcpy(to, &low, 2);
    to[2] = static_cast<std::uint8_t>(pixel >> 16);
}

OPENSET_AVX512 void eight_rows(const std::uint8_t* const* from, std::uint8_t* const* to, const WeightTable& table) {
    const __m512i pairs =
        _mm512_broadcast_i64x4(_mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
                                                6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
    const __m512i lower =
        _mm512_broadcast_i64x4(_mm256_setr_epi8(0, 1, 4, 5, 0, 1, 4, 5, 0, 1, 4, 5, 0, 1, 4, 5, //
                                                8, 9, 12, 13, 8, 9, 12, 13, 8, 9, 12, 13, 8, 9, 12, 13));
    const __m512i upper = _mm512_add_epi8(lower, _mm512_set1_epi8(2));
    constexpr __mmask16 second_row = 0xFF00;

    const std::int32_t* weights_of_output = table.weights;
    std::size_t written = 0;
    for (const Range taps : table.taps) {
        __m512i high[registers], low[registers];
        for (int i = 0; i < registers; ++i) high[i] = low[i] = _mm512_setzero_si512();

        std::size_t at = static_cast<std::size_t>(taps.begin) * channels;
        const std::int32_t* weights = weights_of_output;
        for (int j = 0; j < taps.length(); j += 4, at += 4 * channels, weights += 4) {
            const __m512i four_weights = _mm512_broadcast_i32x4(load16(weights));
            const __m512i low_weights = _mm512_shuffle_epi8(four_weights, lower);
            const __m512i high_weights = _mm512_shuffle_epi8(with_carry(four_weights), upper);
            for (int i = 0; i < registers; ++i) {
                const __m512i pixels = _mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(load16(from[2 * i] + at)),
                                                                   second_row, load16(from[2 * i + 1] + at));
                const __m512i samples = _mm512_shuffle_epi8(pixels, pairs);
                high[i] = _mm512_dpwssd_epi32(high[i], samples, high_weights);
                low[i] = _mm512_dpwssd_epi32(low[i], samples, low_weights);
            }
        }
        // The sums of either half belong together, but only their sum may be shifted.
        for (int i = 0; i < registers; ++i) high[i] = shifted(halves_added(high[i]), halves_added(low[i]));
        // 128 bits of each row of two registers, row 0 and 1 being 256 bits apart.
        const __m512i first = _mm512_packs_epi32(high[0], high[1]), second = _mm512_packs_epi32(high[2], high[3]);
        const __m512i pixels = _mm512_packus_epi16(first, second); // rows 0 2 4 6, the same, rows 1 3 5 7, the same
        const __m128i even = _mm512_castsi512_si128(pixels), odd = _mm512_extracti32x4_epi32(pixels, 2);
        store_pixel(to[0] + written, _mm_extract_epi32(even, 0));
        store_pixel(to[1] + written, _mm_extract_epi32(odd, 0));
        store_pixel(to[2] + written, _mm_extract_epi32(even, 1));
        store_pixel(to[3] + written, _mm_extract_epi32(odd, 1));
        store_pixel(to[4] + written, _mm_extract_epi32(even, 2));
        store_pixel(to[5] + written, _mm_extract_epi32(odd, 2));
        store_pixel(to[6] + written, _mm_extract_epi32(even, 3));
        store_pixel(to[7] + written, _mm_extract_epi32(odd, 3));
        written += channels;
        weights_of_output += table.stride;
    }
}

void along_rows(const SourceRows& source, const WeightTable& table, std::uint8_t* to, std::size_t to_stride) {
    for (int y = 0; y < source.count; y += rows_at_once) {
        const std::uint8_t* from[rows_at_once];
        std::uint8_t* out[rows_at_once];
        for (int i = 0; i < rows_at_once; ++i) {
            const auto row = static_cast<std::size_t>(std::min(y + i, source.count - 1)); // the last one again
            from[i] = source.first + row * source.stride;
            out[i] = to + row * to_stride;
        }
        eight_rows(from, out, table);
    }
}

/// 64 bytes of the result, or those of them that the mask names.
OPENSET_AVX512 void across_rows_64(const SourceRows& source, const std::int32_t* weights, std::size_t at,
                                   __mmask64 mask, std::uint8_t* to) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i lower = _mm512_set1_epi32(0x05040100);
    const __m512i upper = _mm512_set1_epi32(0x07060302);
    __m512i high[4] = {zero, zero, zero, zero}, low[4] = {zero, zero, zero, zero};
    const std::uint8_t* from = source.first + at;
    for (int j = 0; j < source.count; j += 2, from += 2 * source.stride) {
        const __m512i two_weights =
            _mm512_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(weights + j)));
        const __m512i low_weights = _mm512_shuffle_epi8(two_weights, lower);
        const __m512i high_weights = _mm512_shuffle_epi8(with_carry(two_weights), upper);
        const __m512i row = _mm512_maskz_loadu_epi8(mask, from);
        const __m512i next = j + 1 < source.count ? _mm512_maskz_loadu_epi8(mask, from + source.stride) : zero;
        const __m512i first = _mm512_unpacklo_epi8(row, next), second = _mm512_unpackhi_epi8(row, next);
        const __m512i pairs[4] = {_mm512_unpacklo_epi8(first, zero), _mm512_unpackhi_epi8(first, zero),
                                  _mm512_unpacklo_epi8(second, zero), _mm512_unpackhi_epi8(second, zero)};
        for (int i = 0; i < 4; ++i) {
            high[i] = _mm512_dpwssd_epi32(high[i], pairs[i], high_weights);
            low[i] = _mm512_dpwssd_epi32(low[i], pairs[i], low_weights);
        }
    }
    for (int i = 0; i < 4; ++i) high[i] = shifted(high[i], low[i]);
    const __m512i samples =
        _mm512_packus_epi16(_mm512_packs_epi32(high[0], high[1]), _mm512_packs_epi32(high[2], high[3]));
    _mm512_mask_storeu_epi8(to + at, mask, samples);
}

void across_rows(const SourceRows& source, const std::int32_t* weights, std::uint8_t* to, std::size_t length) {
    constexpr std::size_t step = 64;
    for (std::size_t at = 0; at < length; at += step) {
        const std::size_t left = std::min(step, length - at);
        across_rows_64(source, weights, at, ~__mmask64{0} >> (step - left), to);
    }
}

} // namespace

const ResampleKernels avx512_kernels{"avx512", along_rows, across_rows, 13};

} // namespace openset::image

#endif
