#include "stats/product_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#define OPENSET_AVX512 __attribute__((target("avx512f")))

namespace openset::stats {
namespace {

constexpr std::size_t lanes = 8;
constexpr std::size_t rows_at_once = 8; // their sums fill sixteen of thirty-two registers

/// A panel's sums of so many rows, held in registers.
template <std::size_t rows>
OPENSET_AVX512 void add_rows(const Strided& left, const double* panel, std::size_t depth, double* out,
                             std::size_t out_stride) {
    __m512d low[rows], high[rows];
    const double* row[rows];
    for (std::size_t i = 0; i < rows; ++i) {
        low[i] = _mm512_loadu_pd(out + i * out_stride);
        high[i] = _mm512_loadu_pd(out + i * out_stride + lanes);
        row[i] = left.first + static_cast<std::ptrdiff_t>(i) * left.row_stride;
    }
    std::ptrdiff_t at = 0;
    for (std::size_t k = 0; k < depth; ++k, at += left.depth_stride, panel += panel_columns) {
        const __m512d first = _mm512_loadu_pd(panel), second = _mm512_loadu_pd(panel + lanes);
        for (std::size_t i = 0; i < rows; ++i) {
            const __m512d factor = _mm512_set1_pd(row[i][at]);
            low[i] = _mm512_fmadd_pd(factor, first, low[i]);
            high[i] = _mm512_fmadd_pd(factor, second, high[i]);
        }
    }
    for (std::size_t i = 0; i < rows; ++i) {
        _mm512_storeu_pd(out + i * out_stride, low[i]);
        _mm512_storeu_pd(out + i * out_stride + lanes, high[i]);
    }
}

OPENSET_AVX512 void add_avx512(const Strided& left, std::size_t rows, const double* panel, std::size_t depth,
                               double* out, std::size_t out_stride) {
    for (std::size_t i = 0; i < rows;) {
        const std::size_t many = rows - i >= rows_at_once ? rows_at_once : 1;
        const Strided from = {left.first + static_cast<std::ptrdiff_t>(i) * left.row_stride, left.row_stride,
                              left.depth_stride};
        double* const to = out + i * out_stride;
        if (many == rows_at_once)
            add_rows<rows_at_once>(from, panel, depth, to, out_stride);
        else
            add_rows<1>(from, panel, depth, to, out_stride);
        i += many;
    }
}

} // namespace

const ProductKernel avx512_product = {"avx512", add_avx512};

} // namespace openset::stats

#endif
