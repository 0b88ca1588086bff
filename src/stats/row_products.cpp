#include "stats/row_products.hpp"

#include <algorithm>
#include <array>

namespace openset::stats {
namespace {

constexpr std::size_t depth_at_once = 256; // a panel's part that stays in the first-level cache
constexpr std::size_t rows_at_once = 64;

std::size_t panels_of(std::size_t columns) { return (columns + panel_columns - 1) / panel_columns; }

/// The part of a product that one panel gives to some rows.
/// out  [rows, columns]; `width` of its columns, from `column` on, belong to the panel
void add_panel(const Strided& left, std::size_t rows, const double* panel, std::size_t depth, double* out,
               std::size_t columns, std::size_t column, const ProductKernel& kernel) {
    const std::size_t width = std::min(panel_columns, columns - column);
    if (width == panel_columns) return kernel.add(left, rows, panel, depth, out + column, columns);
    std::array<double, rows_at_once * panel_columns> whole{}; // a whole panel's sums, where there is room for fewer
    for (std::size_t i = 0; i < rows; ++i)
        std::copy_n(out + i * columns + column, width, whole.data() + i * panel_columns);
    kernel.add(left, rows, panel, depth, whole.data(), panel_columns);
    for (std::size_t i = 0; i < rows; ++i)
        std::copy_n(whole.data() + i * panel_columns, width, out + i * columns + column);
}

} // namespace

PackedMatrix::PackedMatrix(std::span<const double> values, std::size_t depth, std::size_t columns)
    : depth_(depth), columns_(columns), panels_(panels_of(columns) * depth * panel_columns) {
    for (std::size_t k = 0; k < depth; ++k) {
        for (std::size_t j = 0; j < columns; ++j)
            panels_[(j / panel_columns * depth + k) * panel_columns + j % panel_columns] = values[k * columns + j];
    }
}

template <class Value>
PackedMatrix PackedMatrix::of_transposed(std::span<const Value> values, std::size_t depth, std::size_t columns) {
    PackedMatrix matrix;
    matrix.depth_ = depth;
    matrix.columns_ = columns;
    matrix.panels_.resize(panels_of(columns) * depth * panel_columns);
    for (std::size_t j = 0; j < columns; ++j) {
        double* const panel = &matrix.panels_[j / panel_columns * depth * panel_columns + j % panel_columns];
        for (std::size_t k = 0; k < depth; ++k) panel[k * panel_columns] = static_cast<double>(values[j * depth + k]);
    }
    return matrix;
}

template PackedMatrix PackedMatrix::of_transposed(std::span<const double>, std::size_t, std::size_t);
template PackedMatrix PackedMatrix::of_transposed(std::span<const float>, std::size_t, std::size_t);

void PackedMatrix::multiply(std::span<const double> rows, std::size_t count, std::span<const double> initial,
                            std::span<double> out, const ProductKernel& kernel) const {
    for (std::size_t i = 0; i < count; ++i) {
        const auto row = out.subspan(i * columns_, columns_);
        if (initial.empty())
            std::ranges::fill(row, 0.0);
        else
            std::ranges::copy(initial, row.begin());
    }
    const auto stride = static_cast<std::ptrdiff_t>(depth_);
    add_product({rows.data(), stride, 1}, count, 0, out.data(), kernel);
}

void PackedMatrix::add_product(const Strided& left, std::size_t rows, std::size_t first_column, double* out,
                               const ProductKernel& kernel) const {
    for (std::size_t first = 0; first < depth_; first += depth_at_once) {
        const std::size_t depth = std::min(depth_at_once, depth_ - first);
        for (std::size_t top = 0; top < rows; top += rows_at_once) {
            const std::size_t many = std::min(rows_at_once, rows - top);
            const Strided part = {left.first + static_cast<std::ptrdiff_t>(top) * left.row_stride +
                                      static_cast<std::ptrdiff_t>(first) * left.depth_stride,
                                  left.row_stride, left.depth_stride};
            for (std::size_t panel = first_column / panel_columns; panel < panels_of(columns_); ++panel) {
                add_panel(part, many, &panels_[(panel * depth_ + first) * panel_columns], depth, out + top * columns_,
                          columns_, panel * panel_columns, kernel);
            }
        }
    }
}

void add_squares(std::span<const double> rows, std::size_t count, std::size_t columns, std::span<double> sums) {
    const PackedMatrix packed(rows, count, columns);
    const auto stride = static_cast<std::ptrdiff_t>(columns);
    for (std::size_t i = 0; i < columns; i += rows_at_once)
        packed.add_product({rows.data() + i, 1, stride}, std::min(rows_at_once, columns - i), i,
                           sums.data() + i * columns);
}

void mirror_upper_triangle(std::span<double> matrix, std::size_t columns) {
    for (std::size_t i = 0; i < columns; ++i) {
        for (std::size_t j = 0; j < i; ++j) matrix[i * columns + j] = matrix[j * columns + i];
    }
}

} // namespace openset::stats
