#include "stats/row_products.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "stats/symmetric_eigen.hpp"

namespace openset::stats {
namespace {

std::vector<double> random_values(std::size_t count, unsigned seed) {
    std::mt19937 engine(seed);
    std::normal_distribution<double> normal;
    std::vector<double> values(count);
    for (double& value : values) value = normal(engine);
    return values;
}

TEST(RowProducts, AreSumsOverTheDepth) {
    const PackedMatrix matrix(std::vector<double>{1, 2, 3, 4, 5, 6}, 2, 3);
    std::vector<double> out(6);
    matrix.multiply(std::vector<double>{1, 10, 0, -1}, 2, std::vector<double>{0.5, 0, 0}, out);
    EXPECT_EQ(out, (std::vector<double>{41.5, 52, 63, -3.5, -5, -6}));
    const auto transposed =
        PackedMatrix::of_transposed(std::span<const float>(std::vector<float>{1, 4, 2, 5, 3, 6}), 2, 3);
    transposed.multiply(std::vector<double>{1, 10, 0, -1}, 2, {}, out);
    EXPECT_EQ(out, (std::vector<double>{41, 52, 63, -4, -5, -6}));
}

TEST(RowProducts, HaveTheSameBitsWithEveryProcessorsInstructions) {
    for (const auto& [rows, depth, columns] :
         {std::array<std::size_t, 3>{1, 1, 1}, {3, 300, 17}, {70, 513, 40}, {65, 31, 16}}) {
        const auto left = random_values(rows * depth, 1), right = random_values(depth * columns, 2);
        const PackedMatrix matrix(right, depth, columns);
        std::vector<double> expected(rows * columns);
        for (std::size_t i = 0; i < rows; ++i) {
            for (std::size_t k = 0; k < depth; ++k) {
                for (std::size_t j = 0; j < columns; ++j)
                    expected[i * columns + j] =
                        std::fma(left[i * depth + k], right[k * columns + j], expected[i * columns + j]);
            }
        }
        for (const ProductKernel* kernel : usable_product_kernels()) {
            std::vector<double> out(rows * columns);
            matrix.multiply(left, rows, {}, out, *kernel);
            EXPECT_EQ(out, expected) << kernel->name;
        }
    }
}

TEST(RowProducts, ARowHasTheSameBitsWhateverStandsBesideIt) {
    const std::size_t depth = 40, columns = 21, rows = 67;
    const auto left = random_values(rows * depth, 3);
    const PackedMatrix matrix(random_values(depth * columns, 4), depth, columns);
    std::vector<double> together(rows * columns), alone(columns);
    matrix.multiply(left, rows, {}, together);
    for (std::size_t i = 0; i < rows; ++i) {
        matrix.multiply(std::span(left).subspan(i * depth, depth), 1, {}, alone);
        for (std::size_t j = 0; j < columns; ++j) EXPECT_EQ(alone[j], together[i * columns + j]);
    }
}

TEST(RowProducts, SquaresAddUpInTheOrderOfTheRowsHoweverTheyAreDivided) {
    const std::size_t rows = 50, columns = 19;
    const auto values = random_values(rows * columns, 5);
    std::vector<double> expected(columns * columns), at_once(columns * columns), divided(columns * columns);
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t i = 0; i < columns; ++i) {
            for (std::size_t j = 0; j < columns; ++j)
                expected[i * columns + j] =
                    std::fma(values[r * columns + i], values[r * columns + j], expected[i * columns + j]);
        }
    }
    add_squares(values, rows, columns, at_once);
    mirror_upper_triangle(at_once, columns);
    EXPECT_EQ(at_once, expected);
    for (std::size_t first = 0; first < rows; first += 7) {
        const std::size_t count = std::min<std::size_t>(7, rows - first);
        add_squares(std::span(values).subspan(first * columns, count * columns), count, columns, divided);
    }
    mirror_upper_triangle(divided, columns);
    EXPECT_EQ(divided, expected);
}

TEST(SymmetricEigen, ValuesFallAndVectorsAreTheirs) {
    const auto eigen = symmetric_eigen(std::vector<double>{2, 1, 0, 1, 2, 0, 0, 0, 5e-7}, 3);
    EXPECT_NEAR(eigen.values[0], 3, 1e-14);
    EXPECT_NEAR(eigen.values[1], 1, 1e-14);
    EXPECT_NEAR(eigen.values[2], 5e-7, 1e-14);
    EXPECT_NEAR(std::abs(eigen.vector(0)[0]), std::sqrt(0.5), 1e-14);
    EXPECT_NEAR(eigen.vector(0)[0], eigen.vector(0)[1], 1e-14);
    EXPECT_NEAR(std::abs(eigen.vector(2)[2]), 1, 1e-14);
    EXPECT_EQ(eigen.rank(), 2U);
    EXPECT_EQ(eigen.rank(1e-7), 3U);
    EXPECT_EQ(symmetric_eigen(std::vector<double>(4), 2).rank(), 0U);
}

} // namespace
} // namespace openset::stats
