#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "openset/base/cancellation.hpp"
#include "openset/model/network_file.hpp"
#include "train/options.hpp"

/// Penultimate features of pictures, computed once and kept in stores.
namespace openset::train {

/// Pictures, each looked at in one or several ways.
struct Features {
    std::vector<std::string> class_names; ///< [pictures] of those that could be read
    std::int64_t columns = 0, views = 1;
    std::vector<float> values; ///< [pictures, views, columns], the plain view first
    std::int64_t failed = 0;   ///< pictures that could not be read

    std::int64_t pictures() const { return std::ssize(class_names); }
    /// [pictures, columns] of the plain view
    std::vector<float> plain() const;
};

/// The names that --views takes: plain, mirror (and mirrored), five-crop and ten-crop (torchvision's).
const std::vector<std::string>& view_names();

/// The features of what `paths` name: of folders or a table of classes, run through the trunk into a store a view below the
/// cache folder, or taken from there where the same pictures went through the same network before; or of a store.
/// set  "train": names the stores in the cache
/// Throws cli::Interrupted after a signal; what was computed is kept.
Features features_of(const Options& options, const model::NetworkFile& trunk, const std::string& set,
                     const std::vector<std::string>& paths, const std::string& views, const Cancellation& cancellation);

} // namespace openset::train
