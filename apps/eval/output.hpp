#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eval/result.hpp"

namespace openset::eval {

/// For people: a block for each method and set of unknown rows.
std::string table_text(const scores::Inputs& inputs, const std::vector<Result>& results, const Wanted& wanted);

/// One object (format openset-eval/1): everything, infinite thresholds as strings, what is not known as null.
std::string json_text(const scores::Inputs& inputs, const std::vector<Result>& results, const Wanted& wanted);

/// A line for each method and set of unknown rows (RFC 4180); what is not known is empty.
std::string csv_text(const std::vector<Result>& results);

/// Whether a file that begins so may be one of these.
bool begins_like_metrics(std::string_view head);

} // namespace openset::eval
