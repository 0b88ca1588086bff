#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compare/contest.hpp"

namespace openset::compare {

/// What was compared, for the texts.
struct About {
    std::string known;                 ///< file or store
    std::optional<double> accuracy;    ///< closed set; none: no labels
    std::vector<std::string> left_out; ///< methods and why, a sentence each
    std::vector<std::string> members;  ///< of the fusion
    eval::Bootstrap bootstrap;
};

/// A table for each metric: a line for each column, best first; for people, or as Markdown.
std::string tables_text(const Comparison& comparison, const About& about, const std::vector<std::string>& metrics,
                        bool markdown);

/// A line for each column, set or group, and metric (RFC 4180); what is not known is empty.
std::string csv_text(const Comparison& comparison);

/// One object (format openset-compare/1).
std::string json_text(const Comparison& comparison, const About& about);

/// Whether a file that begins so may be one of these.
bool begins_like_comparison(std::string_view head);

} // namespace openset::compare
