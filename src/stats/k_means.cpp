#include "openset/stats/k_means.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "openset/base/random.hpp"

namespace openset::stats {
namespace {

constexpr int most_iterations = 300;
constexpr std::size_t most_silhouettes = 1000;

double squared_distance(std::span<const float> row, std::span<const double> centre) {
    double sum = 0;
    for (std::size_t j = 0; j < row.size(); ++j) {
        const double difference = static_cast<double>(row[j]) - centre[j];
        sum += difference * difference;
    }
    return sum;
}

std::span<const double> centre(const Clustering& clustering, int group, std::size_t columns) {
    return std::span(clustering.centres).subspan(static_cast<std::size_t>(group) * columns, columns);
}

/// Each next centre is a row, drawn by its squared distance from those that there are.
std::vector<double> first_centres(const Points& points, int groups, Random& random) {
    std::vector<double> centres;
    std::vector<double> nearest(points.rows(), std::numeric_limits<double>::infinity());
    std::size_t chosen = random.below(static_cast<std::uint32_t>(points.rows()));
    for (int g = 0; g < groups; ++g) {
        const auto row = points.row(chosen);
        centres.insert(centres.end(), row.begin(), row.end());
        const auto added = std::span(centres).last(points.columns);
        for (std::size_t i = 0; i < points.rows(); ++i)
            nearest[i] = std::min(nearest[i], squared_distance(points.row(i), added));
        double left = random.uniform() * std::accumulate(nearest.begin(), nearest.end(), 0.0);
        chosen = 0;
        while (chosen + 1 < points.rows() && (left -= nearest[chosen]) >= 0) ++chosen;
    }
    return centres;
}

/// Every row to its nearest centre; whether that changed anything.
bool assign(const Points& points, int groups, Clustering& clustering) {
    bool changed = false;
    clustering.squares = 0;
    for (std::size_t i = 0; i < points.rows(); ++i) {
        int best = 0;
        double least = std::numeric_limits<double>::infinity();
        for (int g = 0; g < groups; ++g) {
            const double distance = squared_distance(points.row(i), centre(clustering, g, points.columns));
            if (distance < least) {
                least = distance;
                best = g;
            }
        }
        changed = changed || clustering.group[i] != best;
        clustering.group[i] = best;
        clustering.squares += least;
    }
    return changed;
}

/// The row that lies farthest from its centre, in a group of more than one.
std::size_t farthest(const Points& points, const Clustering& clustering, const std::vector<std::size_t>& sizes) {
    std::size_t found = 0;
    double most = -1;
    for (std::size_t i = 0; i < points.rows(); ++i) {
        const int group = clustering.group[i];
        if (sizes[static_cast<std::size_t>(group)] < 2) continue;
        const double distance = squared_distance(points.row(i), centre(clustering, group, points.columns));
        if (distance > most) {
            most = distance;
            found = i;
        }
    }
    return found;
}

/// Means of the groups; one without a row takes the row that lies farthest from its centre.
void move_centres(const Points& points, int groups, Clustering& clustering) {
    std::vector<std::size_t> sizes(static_cast<std::size_t>(groups));
    for (const int group : clustering.group) ++sizes[static_cast<std::size_t>(group)];
    for (std::size_t g = 0; g < sizes.size(); ++g) {
        if (sizes[g] > 0) continue;
        const std::size_t row = farthest(points, clustering, sizes);
        --sizes[static_cast<std::size_t>(clustering.group[row])];
        clustering.group[row] = static_cast<int>(g);
        sizes[g] = 1;
    }
    std::ranges::fill(clustering.centres, 0.0);
    for (std::size_t i = 0; i < points.rows(); ++i) {
        const auto row = points.row(i);
        double* const to = &clustering.centres[static_cast<std::size_t>(clustering.group[i]) * points.columns];
        for (std::size_t j = 0; j < row.size(); ++j) to[j] += static_cast<double>(row[j]);
    }
    for (std::size_t g = 0; g < sizes.size(); ++g)
        for (std::size_t j = 0; j < points.columns; ++j)
            clustering.centres[g * points.columns + j] /= static_cast<double>(sizes[g]);
}

/// Groups are numbered by their first row.
void number_by_first_row(const Points& points, int groups, Clustering& clustering) {
    std::vector<int> number(static_cast<std::size_t>(groups), -1);
    int next = 0;
    for (int& group : clustering.group) {
        int& given = number[static_cast<std::size_t>(group)];
        if (given < 0) given = next++;
        group = given;
    }
    std::vector<double> centres(clustering.centres.size());
    for (std::size_t g = 0; g < number.size(); ++g)
        std::copy_n(&clustering.centres[g * points.columns], points.columns,
                    &centres[static_cast<std::size_t>(number[g]) * points.columns]);
    clustering.centres = std::move(centres);
}

Clustering from_one_start(const Points& points, int groups, Random& random) {
    Clustering clustering;
    clustering.group.assign(points.rows(), -1);
    clustering.centres = first_centres(points, groups, random);
    for (int i = 0; i < most_iterations && assign(points, groups, clustering); ++i)
        move_centres(points, groups, clustering);
    return clustering;
}

double pairs_of(double rows) { return rows * (rows - 1) / 2; }

double distance(std::span<const float> one, std::span<const float> other) {
    double sum = 0;
    for (std::size_t j = 0; j < one.size(); ++j) {
        const double difference = static_cast<double>(one[j]) - static_cast<double>(other[j]);
        sum += difference * difference;
    }
    return std::sqrt(sum);
}

} // namespace

Clustering k_means(const Points& points, int groups, std::uint64_t seed, int starts) {
    Clustering best;
    for (int start = 0; start < starts; ++start) {
        Random random(seed, static_cast<std::uint32_t>(start));
        Clustering clustering = from_one_start(points, groups, random);
        if (start == 0 || clustering.squares < best.squares) best = std::move(clustering);
    }
    number_by_first_row(points, groups, best);
    return best;
}

double adjusted_rand_index(std::span<const int> one, std::span<const int> other) {
    std::map<std::pair<int, int>, double> both;
    std::map<int, double> of_one, of_other;
    for (std::size_t i = 0; i < one.size(); ++i) {
        ++both[{one[i], other[i]}];
        ++of_one[one[i]];
        ++of_other[other[i]];
    }
    double together = 0, in_one = 0, in_other = 0;
    for (const auto& [groups, rows] : both) together += pairs_of(rows);
    for (const auto& [group, rows] : of_one) in_one += pairs_of(rows);
    for (const auto& [group, rows] : of_other) in_other += pairs_of(rows);
    const double all = pairs_of(static_cast<double>(one.size()));
    const double expected = all > 0 ? in_one * in_other / all : 0, most = (in_one + in_other) / 2;
    return most == expected ? 1 : (together - expected) / (most - expected);
}

double mean_silhouette(const Points& points, std::span<const int> group, int groups) {
    std::vector<double> sizes(static_cast<std::size_t>(groups));
    for (const int each : group) ++sizes[static_cast<std::size_t>(each)];
    double sum = 0;
    std::vector<double> total(sizes.size());
    // Of many points the mean of every n-th says as much.
    const std::size_t step = (points.rows() + most_silhouettes - 1) / most_silhouettes;
    std::size_t measured = 0;
    for (std::size_t i = 0; i < points.rows(); i += step) {
        ++measured;
        std::ranges::fill(total, 0.0);
        for (std::size_t j = 0; j < points.rows(); ++j)
            if (j != i) total[static_cast<std::size_t>(group[j])] += distance(points.row(i), points.row(j));
        const auto own = static_cast<std::size_t>(group[i]);
        if (sizes[own] < 2) continue;
        const double inside = total[own] / (sizes[own] - 1);
        double outside = std::numeric_limits<double>::infinity();
        for (std::size_t g = 0; g < sizes.size(); ++g)
            if (g != own && sizes[g] > 0) outside = std::min(outside, total[g] / sizes[g]);
        if (const double larger = std::max(inside, outside); larger > 0) sum += (outside - inside) / larger;
    }
    return sum / static_cast<double>(measured);
}

double clustering_stability(const Points& points, int groups, std::uint64_t seed, int pairs) {
    const auto rows = points.rows();
    const std::size_t kept = std::max<std::size_t>(static_cast<std::size_t>(groups), rows * 4 / 5);
    double sum = 0;
    for (int pair = 0; pair < pairs; ++pair) {
        std::vector<std::vector<int>> grouped(2, std::vector<int>(rows, -1)); // -1: not in this part
        for (int side = 0; side < 2; ++side) {
            const auto stream = static_cast<std::uint32_t>(1000 + 2 * pair + side);
            Random random(seed, stream);
            std::vector<std::size_t> order(rows);
            std::iota(order.begin(), order.end(), std::size_t{0});
            random.shuffle(order);
            order.resize(std::min(kept, rows));
            std::ranges::sort(order);
            std::vector<float> values;
            for (const std::size_t row : order)
                values.insert(values.end(), points.row(row).begin(), points.row(row).end());
            const Clustering part = k_means({values, points.columns}, groups, seed + stream, 3);
            for (std::size_t i = 0; i < order.size(); ++i)
                grouped[static_cast<std::size_t>(side)][order[i]] = part.group[i];
        }
        std::vector<int> one, other;
        for (std::size_t row = 0; row < rows; ++row) {
            if (grouped[0][row] < 0 || grouped[1][row] < 0) continue;
            one.push_back(grouped[0][row]);
            other.push_back(grouped[1][row]);
        }
        sum += adjusted_rand_index(one, other);
    }
    return sum / pairs;
}

} // namespace openset::stats
