#include "stats/symmetric_eigen.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>

#include "openset/base/error.hpp"

namespace openset::stats {

std::size_t SymmetricEigen::rank(double share) const {
    const double least = values.empty() ? 0 : values.front() * share;
    return static_cast<std::size_t>(std::ranges::count_if(values, [least](double value) { return value > least; }));
}

SymmetricEigen symmetric_eigen(std::span<const double> matrix, std::size_t size) {
    using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic>;
    const auto n = static_cast<Eigen::Index>(size);
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(Eigen::Map<const Matrix>(matrix.data(), n, n));
    if (solver.info() != Eigen::Success)
        throw Error(ErrorKind::internal, "the eigenvalues of a covariance did not converge");
    SymmetricEigen result{size, {}, std::vector<double>(size * size)};
    for (std::size_t i = 0; i < size; ++i) { // rising there
        const auto column = n - 1 - static_cast<Eigen::Index>(i);
        result.values.push_back(solver.eigenvalues()[column]);
        std::copy_n(solver.eigenvectors().col(column).data(), size,
                    result.vectors.begin() + static_cast<std::ptrdiff_t>(i * size));
    }
    return result;
}

} // namespace openset::stats
