#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "report/content.hpp"
#include "report/labels.hpp"
#include "report/pictures.hpp"

namespace openset::report {

/// Rows of infer, read once: what became of every picture.
struct Chain {
    std::vector<Judged> pictures; ///< without those that failed
    std::int64_t failed = 0;
    std::map<std::string, std::int64_t> failures; ///< by kind
    bool has_gate = false, has_species = false, has_unknown = false;
    std::vector<std::string> labels; ///< the classifier's: those that are told, then those that only rows name
    std::string labels_from;         ///< who told them, for people
    std::vector<double> gate_mass;   ///< of pictures that the gate looked at
    std::string method;              ///< of the detector behind the classifier
    std::optional<double> threshold; ///< where all rows have the same
    std::string rule;                ///< what the detector decides by, for people: its own threshold...

    std::int64_t stopped_by(const std::string& stage) const;
    std::int64_t accepted() const;
};

/// truth   the class of a picture by its path, or empty
/// labels  of the classifier, as far as files tell them
/// Throws as io::RowReader.
Chain read_chain(const std::filesystem::path& rows,
                 const std::function<std::optional<std::string>(const std::string& path)>& truth, const Labels& labels);

/// The flow from stage to stage, what was named how often, and with the truth what was right.
Section flow_section(const Chain& chain);

/// Sentences for people who have never heard of a gate.
std::vector<std::string> summary_of(const Chain& chain);
std::vector<Fact> facts_of(const Chain& chain);

} // namespace openset::report
