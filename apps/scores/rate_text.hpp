#pragma once

#include <cstdint>
#include <string>

namespace openset::scores {

/// `93.5 % (187 of 200) [89.1, 96.5]`: a rate, what it was counted from, and its 95 % interval (Clopper-Pearson).
/// trials  above 0
std::string rate_text(std::int64_t successes, std::int64_t trials);

/// `1 row`, `200 rows`.
std::string rows_text(std::int64_t rows, const std::string& what);

} // namespace openset::scores
