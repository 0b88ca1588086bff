#include "stats/product_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#define OPENSET_AVX2 __attribute__((target("avx2,fma")))

namespace openset::stats {
namespace {

constexpr std::size_t lanes = 4;
constexpr std::size_t columns_at_once =
    2 * lanes; // half a panel: the sums of six rows fill twelve of sixteen registers
constexpr std::size_t rows_at_once = 6;

/// Half a panel's sums of so many rows, held in registers.
template <std::size_t rows>
OPENSET_AVX2 void add_rows(const Strided& left, const double* panel, std::size_t depth, double* out,
                           std::size_t out_stride) {
    __m256d low[rows], high[rows];
    const double* row[rows];
    for (std::size_t i = 0; i < rows; ++i) {
        low[i] = _mm256_loadu_pd(out + i * out_stride);
        high[i] = _mm256_loadu_pd(out + i * out_stride + lanes);
        row[i] = left.first + static_cast<std::ptrdiff_t>(i) * left.row_stride;
    }
    std::ptrdiff_t at = 0;
    for (std::size_t k = 0; k < depth; ++k, at += left.depth_stride, panel += panel_columns) {
        const __m256d first = _mm256_loadu_pd(panel), second = _mm256_loadu_pd(panel + lanes);
        for (std::size_t i = 0; i < rows; ++i) {
            const __m256d factor = _mm256_broadcast_sd(row[i] + at);
            low[i] = _mm256_fmadd_pd(factor, first, low[i]);
            high[i] = _mm256_fmadd_pd(factor, second, high[i]);
        }
    }
    for (std::size_t i = 0; i < rows; ++i) {
        _mm256_storeu_pd(out + i * out_stride, low[i]);
        _mm256_storeu_pd(out + i * out_stride + lanes, high[i]);
    }
}

OPENSET_AVX2 void add_avx2(const Strided& left, std::size_t rows, const double* panel, std::size_t depth, double* out,
                           std::size_t out_stride) {
    for (std::size_t i = 0; i < rows;) {
        const std::size_t many = rows - i >= rows_at_once ? rows_at_once : 1;
        const Strided from = {left.first + static_cast<std::ptrdiff_t>(i) * left.row_stride, left.row_stride,
                              left.depth_stride};
        for (std::size_t column = 0; column < panel_columns; column += columns_at_once) {
            double* const to = out + i * out_stride + column;
            if (many == rows_at_once)
                add_rows<rows_at_once>(from, panel + column, depth, to, out_stride);
            else
                add_rows<1>(from, panel + column, depth, to, out_stride);
        }
        i += many;
    }
}

} // namespace

const ProductKernel avx2_product = {"avx2", add_avx2};

} // namespace openset::stats

#endif
