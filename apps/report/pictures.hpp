#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "report/content.hpp"

namespace openset::report {

/// One picture as a report speaks of it, from a row of infer or from a row of scores.
struct Judged {
    std::string path;       ///< any bytes
    std::string verdict;    ///< a label, or `unknown`
    std::string named;      ///< the classifier's label; empty: it was not asked
    std::string decided_by; ///< the stage
    bool accepted = false;
    std::optional<std::string> truth; ///< its class; none: not told
    bool truth_is_known = false;      ///< the class is one of the classifier's
    std::optional<double> confidence; ///< of the classifier
    std::optional<double> score, threshold;
    std::string saw;             ///< what the gate or filter that stopped it saw, in words
    std::optional<double> doubt; ///< how little of that was what it accepts, 0 to 1

    bool right() const { return truth_is_known ? verdict == *truth : !accepted; }
};

/// The contact sheets that these pictures give: with the truth what went wrong, most surely wrong first; without it what
/// was rejected and accepted most surely and least surely; always those nearest to the threshold.
/// Of what other stages stopped, the most surely stopped come first too: gate and filter saw least of what they accept,
/// the classifier was least sure of a name.
/// root  where relative paths begin
std::vector<Part> contact_sheets(const std::vector<Judged>& pictures, const std::filesystem::path& root);

} // namespace openset::report
