#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openset/detect/detector.hpp"
#include "openset/io/activation_store.hpp"
#include "openset/io/score_run.hpp"

namespace openset::scores {

/// A column of scores and where they come from.
struct Column {
    std::string name;
    std::unique_ptr<detect::Detector> detector;
    io::ScoredMethod record;
};

/// As the flags name them.
struct WantedColumns {
    std::vector<std::string> fitted;  ///< [NAME=]FILE, or a folder of them
    std::vector<std::string> methods; ///< that need no fit, or `all`; empty: the plain baselines
    bool allow_mismatch = false;
};

/// What scores the rows of the store; what does not suit it is told on the log.
/// Throws Error(usage): names that are taken, methods that have to be fitted, detectors of another network.
std::vector<Column> columns_of(const WantedColumns& wanted, const io::ActivationStore& store);

/// The detector of a fitted file as a column of that name; none: the method's.
/// Throws Error(usage) where the detector is of another network, labels or preprocessing and that is not allowed.
Column fitted_column(const std::optional<std::string>& name, const io::FittedFile& fitted, const std::string& file,
                     const io::ActivationStore& store, bool allow_mismatch);

/// Every method that needs no fit and suits the network and the store; what is left out is told.
std::vector<std::string> suitable_methods(const io::ActivationStore& store);

/// A method that needs no fit. Throws Error(usage) where it has to be fitted.
Column unfitted_column(const std::string& method, const io::ActivationStore& store);

/// The names of the methods that need no fit, for help texts.
std::string unfitted_methods();

/// Throws Error(usage) where a name stands twice, or is one that score files use otherwise.
void check_names(const std::vector<Column>& columns);

} // namespace openset::scores
