#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "stats/product_kernels.hpp"

/// Products of rows with a matrix. Each output is a sum over the depth in rising order, one fused multiply-add a term: its
/// bits depend neither on the rows beside it nor on the processor, nor on who works on it.
namespace openset::stats {

/// A matrix [depth, columns] in panels, for products from the left.
class PackedMatrix {
public:
    PackedMatrix() = default;

    /// values  [depth, columns], row-major
    PackedMatrix(std::span<const double> values, std::size_t depth, std::size_t columns);

    /// The same of a matrix that lies transposed: values [columns, depth], row-major; double or float.
    template <class Value>
    static PackedMatrix of_transposed(std::span<const Value> values, std::size_t depth, std::size_t columns);

    std::size_t depth() const { return depth_; }
    std::size_t columns() const { return columns_; }

    double at(std::size_t row, std::size_t column) const {
        return panels_[(column / panel_columns * depth_ + row) * panel_columns + column % panel_columns];
    }

    /// out[i, j] = initial[j] + sum over k of rows[i, k] * matrix[k, j]
    /// rows     [count, depth]
    /// initial  [columns]; empty: 0
    /// out      [count, columns]
    void multiply(std::span<const double> rows, std::size_t count, std::span<const double> initial,
                  std::span<double> out, const ProductKernel& kernel = *usable_product_kernels().back()) const;

    /// out[i, j] += sum over k of left[i, k] * matrix[k, j], for the panels whose last column is first_column or behind it.
    /// out  [rows, columns]
    void add_product(const Strided& left, std::size_t rows, std::size_t first_column, double* out,
                     const ProductKernel& kernel = *usable_product_kernels().back()) const;

private:
    std::size_t depth_ = 0, columns_ = 0;
    std::vector<double> panels_; ///< [panels, depth, panel_columns], zeros behind the last column
};

/// Adds to the upper triangle of sums[i, j] the sum over rows r of rows[r, i] * rows[r, j], in the order of the rows, so that
/// the bits do not depend on how they are divided among calls.
/// rows  [count, columns]
/// sums  [columns, columns]; what lies below the diagonal is left in disorder
void add_squares(std::span<const double> rows, std::size_t count, std::size_t columns, std::span<double> sums);

/// Copies what stands above the diagonal below it. matrix  [columns, columns]
void mirror_upper_triangle(std::span<double> matrix, std::size_t columns);

/// Calls work(first, count) for rows 0 to rows - 1 in blocks that products work well on.
template <class Work>
void for_row_blocks(std::size_t rows, const Work& work) {
    constexpr std::size_t rows_a_block = 64;
    for (std::size_t first = 0; first < rows; first += rows_a_block) work(first, std::min(rows_a_block, rows - first));
}

} // namespace openset::stats
