#include "scores/rate_text.hpp"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "openset/stats/metrics.hpp"

namespace openset::scores {

std::string rate_text(std::int64_t successes, std::int64_t trials) {
    const stats::Interval interval = stats::clopper_pearson(successes, trials);
    std::array<char, 128> text{};
    std::snprintf(text.data(), text.size(), "%.1f %% (%lld of %lld) [%.1f, %.1f]",
                  100 * static_cast<double>(successes) / static_cast<double>(trials), static_cast<long long>(successes),
                  static_cast<long long>(trials), 100 * interval.lower, 100 * interval.upper);
    return text.data();
}

nlohmann::ordered_json rate_json(std::int64_t successes, std::int64_t trials) {
    const stats::Interval interval = stats::clopper_pearson(successes, trials);
    return {{"value", static_cast<double>(successes) / static_cast<double>(trials)},
            {"ci95", {interval.lower, interval.upper}}};
}

std::string rows_text(std::int64_t rows, const std::string& what) {
    return std::to_string(rows) + " " + what + (rows == 1 ? " row" : " rows");
}

} // namespace openset::scores
