#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "openset/base/byte_sink.hpp"
#include "openset/detect/detector.hpp"

namespace openset::sweep {

/// A sweep over a method's parameters: each setting is fitted on one store and tried on others.
struct GridRequest {
    std::string method;               ///< of detect::methods()
    detect::Parameters fixed;         ///< of every setting
    std::vector<std::string> axes;    ///< `tail-size=5,10,20`, `preset=recommended,osdn`
    std::string store;                ///< training rows
    std::string known;                ///< held-out known rows
    std::vector<std::string> unknown; ///< pooled; may be empty
};

/// One setting.
struct GridPoint {
    std::vector<std::string> values; ///< [axes]
    /// AUROC of the score between held-out known rows that the network names wrongly (they count as unknown) and those
    /// that it names rightly: a criterion that no unknown row has a part in. None: there are no such rows.
    std::optional<double> known_failure_auroc;
    std::optional<double> auroc, fpr_at_95_tpr_known; ///< against the unknown rows: in hindsight
};

struct Grid {
    std::vector<std::string> keys; ///< [axes]
    std::vector<GridPoint> points; ///< the last axis runs fastest
    std::int64_t known_rows = 0, failures = 0, unknown_rows = 0;
    std::optional<std::size_t> best_by_known;     ///< the largest known_failure_auroc; of equal ones the first
    std::optional<std::size_t> best_in_hindsight; ///< the largest auroc
};

/// Fits and scores every setting.
/// Throws Error(usage): no such method, parameter or value, one that is fixed and an axis, stores of other networks, more than
/// 10000 settings; as detect::fit_detector().
Grid run_grid(const GridRequest& request);

/// CSV: a column a key, then known_failure_auroc, auroc, fpr_at_95_tpr_known and `best`: `known`, `hindsight`, both with a
/// semicolon between, or nothing.
void write_grid(const Grid& grid, ByteSink& sink);

/// Whether a file that begins so may be a table of write_grid(): its first column is a key.
bool begins_like_grid(std::string_view head);

} // namespace openset::sweep
