#pragma once

#include <string>
#include <vector>

#include "detect/distance_space.hpp"
#include "openset/detect/openmax.hpp"

namespace openset::detect {

struct OpenMaxState {
    OpenMaxParams params;
    DistanceSpace space;
    std::vector<OpenMaxClass> classes;
    std::vector<double> means; ///< [classes, space.columns()]; zeros where a class has no row
    io::StoreMeta origin;      ///< of the network and the rows that it was fitted on
    std::string fitted_on;     ///< identity of the store; empty: not told
    std::vector<std::string> warnings;
    std::string diagnostics_json = "{}";

    std::span<const double> mean(std::size_t index) const {
        const auto columns = static_cast<std::size_t>(space.columns());
        return std::span(means).subspan(index * columns, columns);
    }
};

/// The W-score of a row at this distance; by the policy where the class has no fit.
/// distance  to the class mean; anything where the class has none
stats::WScore w_score(const OpenMaxClass& one, WithoutFit policy, double distance);

} // namespace openset::detect
