#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// The inner loop of products of matrices, in a plain form and in those for wider registers. All of them give the same bits:
/// each sum is taken over the depth in rising order, one fused multiply-add a term, and vectorised across columns.
namespace openset::stats {

/// Columns of a panel: of a matrix [depth, columns] those that are worked on together, laid out as [depth, panel_columns].
inline constexpr std::size_t panel_columns = 16;

/// A matrix [rows, depth] that may lie either way.
struct Strided {
    const double* first = nullptr;
    std::ptrdiff_t row_stride = 0, depth_stride = 0;
};

struct ProductKernel {
    const char* name;

    /// out[i, j] += sum over k of left[i, k] * panel[k, j], starting from what out holds.
    /// panel  [depth, panel_columns]
    /// out    [rows, panel_columns] with out_stride values from row to row
    void (*add)(const Strided& left, std::size_t rows, const double* panel, std::size_t depth, double* out,
                std::size_t out_stride);
};

/// Plain C++, for any processor: std::fma.
extern const ProductKernel plain_product;

#if defined(__x86_64__)
extern const ProductKernel avx2_product;   ///< needs FMA too
extern const ProductKernel avx512_product; ///< needs AVX512-F
#endif

/// Those that this processor can run, the plain one first, the fastest last.
std::span<const ProductKernel* const> usable_product_kernels();

} // namespace openset::stats
