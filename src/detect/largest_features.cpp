#include "detect/largest_features.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "detect/training_walk.hpp"

namespace openset::detect {

Parameter kept_percentile(const std::string& usual, const std::string& source) {
    return {"percentile", "PERCENT", usual, "of a row's features: those below it are not among the largest, 0 to 100",
            source};
}

std::size_t kept_features(std::size_t features, double percent) {
    const auto count = static_cast<double>(features);
    const auto dropped = static_cast<std::size_t>(std::nearbyint(count * percent / 100));
    return std::max<std::size_t>(features - std::min(dropped, features), 1);
}

std::span<const std::size_t> largest_features(std::span<const double> values, std::size_t kept,
                                              std::vector<std::size_t>& order) {
    order.resize(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::nth_element(
        order, order.begin() + static_cast<std::ptrdiff_t>(kept - 1),
        [&](std::size_t a, std::size_t b) { return values[a] > values[b] || (values[a] == values[b] && a < b); });
    return std::span(order).first(kept);
}

void warn_of_negative_features(io::FittedFile& file, const TrainingRows& rows) {
    std::int64_t negative = 0;
    for_each_row(rows, [&](const TrainingRow& row) {
        negative += std::ranges::any_of(row.features, [](float value) { return value < 0; }) ? 1 : 0;
    });
    add_diagnostic(file, "rows_with_negative_features", negative);
    if (negative > 0) {
        add_warning(file, std::to_string(negative) + " of " + std::to_string(rows.rows()) +
                              " rows have features below 0; " + file.method + " takes them for what a ReLU gave");
    }
}

} // namespace openset::detect
