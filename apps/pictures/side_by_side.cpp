#include "pictures/side_by_side.hpp"

#include <algorithm>

namespace openset::pictures {

std::int64_t likeliest(std::span<const float> logits) {
    if (logits.size() == 1) return logits.front() > 0 ? 1 : 0;
    return std::ranges::max_element(logits) - logits.begin();
}

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

} // namespace openset::pictures
