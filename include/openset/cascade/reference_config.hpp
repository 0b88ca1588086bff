#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace openset::cascade {

/// A pipeline made from one entry of the reference system's `classification.config` (methods.md 1.6).
struct ReferenceImport {
    std::string config_json;         ///< a pipeline config with comments that say which files the user must export
    std::string species_labels_text; ///< one label a line, in key order: for the ModelInfo of the exported network
    std::string classifier_labels_text;
    std::vector<std::string> notes; ///< what was dropped or looks wrong
};

/// Throws Error(usage) listing every problem at once: no such entry (with a did-you-mean), label keys with gaps,
/// CORRECT_SPECIES out of range, ids out of 0..999 or doubled, names that disagree with IMAGENET_LABELS.
ReferenceImport import_reference_config(std::string_view json_text, const std::string& file, const std::string& entry);

} // namespace openset::cascade
