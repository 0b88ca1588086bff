#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace openset::report {

struct Labels {
    std::vector<std::string> names; ///< in the network's order; may occur twice
    std::string from;               ///< who tells them, for people; empty: nobody
};

/// The classifier's labels of rows: from the network that their run record names, where it is still there as it was, else
/// from the fitted detector. fitted  of --fitted, or empty
/// Throws as io::read_run_record() and io::read_fitted().
Labels labels_behind(const std::filesystem::path& rows, const std::filesystem::path& fitted);

} // namespace openset::report
