#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// Groups of points that lie together.
namespace openset::stats {

/// Points, row-major. A view.
struct Points {
    std::span<const float> values; ///< [rows, columns]
    std::size_t columns = 0;

    std::size_t rows() const { return columns == 0 ? 0 : values.size() / columns; }
    std::span<const float> row(std::size_t i) const { return values.subspan(i * columns, columns); }
};

struct Clustering {
    std::vector<int> group;      ///< [rows] 0..groups-1; every group has a row, and group 0 has row 0
    std::vector<double> centres; ///< [groups, columns] means
    double squares = 0;          ///< sum over rows of the squared distance to the centre
};

/// Lloyd's iterations from k-means++ starts (Arthur & Vassilvitskii 2007): of several starts the one with the least sum of
/// squares. The same for the same points in the same order, and seed.
/// groups  1..rows
Clustering k_means(const Points& points, int groups, std::uint64_t seed, int starts = 10);

/// Agreement of two groupings of the same rows beyond chance: 1 the same, 0 as by chance (Hubert & Arabie 1985). 1 where
/// both put all rows into one group, or every row into one of its own.
double adjusted_rand_index(std::span<const int> one, std::span<const int> other);

/// The mean silhouette: (b - a) / max(a, b) of each row, a its mean distance to its own group, b to the nearest other
/// (Rousseeuw 1987); 0 for a row that is alone. In [-1, 1]. Of more than 1000 rows every n-th is measured, against all.
/// groups  2 or more
double mean_silhouette(const Points& points, std::span<const int> group, int groups);

/// How much a clustering owes to the very rows: the mean adjusted Rand index, over so many pairs of random halves-and-more
/// (80 % of the rows each), of the two clusterings on the rows in both (Ben-Hur, Elisseeff & Guyon 2002).
double clustering_stability(const Points& points, int groups, std::uint64_t seed, int pairs = 10);

} // namespace openset::stats
