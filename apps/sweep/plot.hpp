#pragma once

#include <optional>
#include <string>
#include <vector>

#include "openset/stats/thresholds.hpp"
#include "scores/unit.hpp"

namespace openset::sweep {

/// What is drawn over the threshold: known_acceptance, unknown_rejection and known_accuracy, as far as they are known.
struct Drawing {
    const stats::ThresholdSweep& sweep;
    scores::Unit unit;
    std::string title;            ///< method and files
    std::optional<double> picked; ///< threshold of the chosen point
};

/// Lines of a small plot in ASCII.
std::string terminal_plot(const Drawing& drawing);

/// A whole SVG document that needs nothing else.
std::string svg_plot(const Drawing& drawing);

} // namespace openset::sweep
