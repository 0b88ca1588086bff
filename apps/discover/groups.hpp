#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "openset/io/activation_store.hpp"

namespace openset::discover {

/// The pictures that were rejected, with their features brought to length 1.
struct Rejected {
    std::vector<std::string> paths;
    std::vector<float> features; ///< [pictures, columns]
    std::size_t columns = 0;

    void add(const std::string& path, std::span<const float> row);
};

/// The mean of a known class's features of length 1, brought to length 1.
struct KnownClass {
    std::string label;
    std::vector<double> mean;
};

/// Of every class that has rows in the store.
std::vector<KnownClass> means_of_classes(const io::ActivationStore& store);

struct Nearest {
    std::string label;
    double distance = 0; ///< of the group's mean, at length 1, from the class's: 0 to 2
};

struct Group {
    std::vector<std::size_t> pictures; ///< nearest to the centre first
    std::size_t medoid = 0;            ///< the first of them
    double spread = 0;                 ///< root mean square of the distances to the centre
    std::optional<Nearest> nearest;
};

/// A number of groups that was tried.
struct Trial {
    int groups = 0;
    double silhouette = 0, stability = 0;
};

struct Groups {
    std::vector<int> of_picture;
    std::vector<double> distance; ///< [pictures] to the group's centre
    std::vector<Group> groups;    ///< the largest first
    std::vector<Trial> tried;
};

/// wanted  how many groups; 0: of 2 to 12 the one whose groups lie apart and come back: the largest product of mean silhouette
///         and stability
/// Throws Error(usage) where there are fewer pictures than groups.
Groups find_groups(const Rejected& rejected, const std::vector<KnownClass>& known, int wanted, std::uint64_t seed);

} // namespace openset::discover
