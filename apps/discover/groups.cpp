#include "discover/groups.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "openset/base/error.hpp"
#include "openset/stats/k_means.hpp"

namespace openset::discover {
namespace {

constexpr int fewest_groups = 2, most_groups = 12;

template <class Values>
double length(const Values& values) {
    double sum = 0;
    for (const auto value : values) sum += static_cast<double>(value) * static_cast<double>(value);
    return std::sqrt(sum);
}

void to_length_one(std::vector<double>& values) {
    const double size = length(values);
    if (size > 0)
        for (double& value : values) value /= size;
}

double distance(std::span<const double> one, std::span<const double> other) {
    double sum = 0;
    for (std::size_t j = 0; j < one.size(); ++j) sum += (one[j] - other[j]) * (one[j] - other[j]);
    return std::sqrt(sum);
}

std::optional<Nearest> nearest_class(std::span<const double> centre, const std::vector<KnownClass>& known) {
    std::vector<double> mean(centre.begin(), centre.end());
    to_length_one(mean);
    std::optional<Nearest> nearest;
    for (const KnownClass& each : known) {
        const double apart = distance(mean, each.mean);
        if (!nearest || apart < nearest->distance) nearest = Nearest{each.label, apart};
    }
    return nearest;
}

/// size  of a row of features
void expect_finite(double size, const std::string& where) {
    if (!std::isfinite(size))
        throw Error(ErrorKind::corrupt, where + ": has a NaN or an infinity among its features, expected finite numbers; "
                                                "take the picture out or extract the store again");
}

Trial try_groups(const stats::Points& points, int groups, std::uint64_t seed) {
    const auto clustering = stats::k_means(points, groups, seed);
    return {groups, stats::mean_silhouette(points, clustering.group, groups),
            stats::clustering_stability(points, groups, seed)};
}

Group group_of(const stats::Clustering& clustering, int number, const stats::Points& points,
               const std::vector<double>& distances, const std::vector<KnownClass>& known) {
    Group group;
    double squares = 0;
    for (std::size_t i = 0; i < points.rows(); ++i) {
        if (clustering.group[i] != number) continue;
        group.pictures.push_back(i);
        squares += distances[i] * distances[i];
    }
    std::ranges::stable_sort(group.pictures, {}, [&](std::size_t i) { return distances[i]; });
    group.medoid = group.pictures.front();
    group.spread = std::sqrt(squares / static_cast<double>(group.pictures.size()));
    group.nearest = nearest_class(
        std::span(clustering.centres).subspan(static_cast<std::size_t>(number) * points.columns, points.columns),
        known);
    return group;
}

} // namespace

void Rejected::add(const std::string& path, std::span<const float> row) {
    const double size = length(row);
    expect_finite(size, path);
    paths.push_back(path);
    columns = row.size();
    for (const float value : row)
        features.push_back(size > 0 ? static_cast<float>(static_cast<double>(value) / size) : 0.0F);
}

std::vector<KnownClass> means_of_classes(const io::ActivationStore& store) {
    const auto labels = store.labels();
    std::vector<std::vector<double>> sums(static_cast<std::size_t>(store.classes()));
    store.for_each_block([&](std::int64_t first, const io::Activations& block) {
        for (std::int64_t row = 0; row < block.rows; ++row) {
            const std::int64_t label = labels[static_cast<std::size_t>(first + row)];
            if (label < 0) continue;
            auto& sum = sums[static_cast<std::size_t>(label)];
            const auto features = block.features.row(row);
            const double size = length(features);
            expect_finite(size, store.folder().string() + ": row " + std::to_string(first + row));
            sum.resize(features.size());
            for (std::size_t j = 0; j < features.size() && size > 0; ++j)
                sum[j] += static_cast<double>(features[j]) / size;
        }
    });
    std::vector<KnownClass> classes;
    for (std::size_t label = 0; label < sums.size(); ++label) {
        if (sums[label].empty()) continue;
        to_length_one(sums[label]);
        classes.push_back({store.meta().labels[label], std::move(sums[label])});
    }
    return classes;
}

Groups find_groups(const Rejected& rejected, const std::vector<KnownClass>& known, int wanted, std::uint64_t seed) {
    const stats::Points points{rejected.features, rejected.columns};
    const int least = wanted > 0 ? wanted : fewest_groups;
    if (points.rows() < static_cast<std::size_t>(least)) {
        throw Error(ErrorKind::usage, "found " + std::to_string(points.rows()) +
                                          " rejected pictures, expected at least " + std::to_string(least) +
                                          ", one a group");
    }
    Groups result;
    int number = wanted;
    if (wanted != 1) {
        const int last = wanted > 0 ? wanted : static_cast<int>(std::min<std::size_t>(most_groups, points.rows() - 1));
        for (int groups = least; groups <= std::max(last, least); ++groups)
            result.tried.push_back(try_groups(points, groups, seed));
        number = std::ranges::max_element(result.tried, {}, [](const Trial& trial) {
                     return std::max(trial.silhouette, 0.0) * std::max(trial.stability, 0.0);
                 })->groups;
    }
    const auto clustering = stats::k_means(points, number, seed);
    for (std::size_t i = 0; i < points.rows(); ++i) {
        const auto row = points.row(i);
        const auto own = static_cast<std::size_t>(clustering.group[i]);
        result.distance.push_back(
            distance(std::vector<double>(row.begin(), row.end()),
                     std::span(clustering.centres).subspan(own * points.columns, points.columns)));
    }
    for (int group = 0; group < number; ++group)
        result.groups.push_back(group_of(clustering, group, points, result.distance, known));
    std::ranges::stable_sort(result.groups, std::greater(), [](const Group& group) { return group.pictures.size(); });
    result.of_picture.resize(points.rows());
    for (std::size_t g = 0; g < result.groups.size(); ++g)
        for (const std::size_t picture : result.groups[g].pictures) result.of_picture[picture] = static_cast<int>(g);
    return result;
}

} // namespace openset::discover
