#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace openset::scores {

/// `93.5 % (187 of 200) [89.1, 96.5]`: a rate, what it was counted from, and its 95 % interval (Clopper-Pearson).
/// trials  above 0
std::string rate_text(std::int64_t successes, std::int64_t trials);

/// The same for files: {"value": 0.935, "ci95": [0.891, 0.965]}.
nlohmann::ordered_json rate_json(std::int64_t successes, std::int64_t trials);

/// `1 row`, `200 rows`.
std::string rows_text(std::int64_t rows, const std::string& what);

} // namespace openset::scores
