#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace openset::stats {

/// The eigenvalues of a symmetric matrix, falling, and its eigenvectors.
struct SymmetricEigen {
    std::size_t size = 0;
    std::vector<double> values;  ///< [size], falling
    std::vector<double> vectors; ///< [size, size]: row i belongs to values[i]; of length 1, orthogonal

    /// How many values are above `share` of the largest: the others are rounding, or dead units, and are dropped.
    std::size_t rank(double share = 1e-6) const;

    std::span<const double> vector(std::size_t index) const { return std::span(vectors).subspan(index * size, size); }
};

/// matrix  [size, size], symmetric, finite
/// The same bits on every x86 processor: compiled for the instructions that all of them have.
SymmetricEigen symmetric_eigen(std::span<const double> matrix, std::size_t size);

} // namespace openset::stats
