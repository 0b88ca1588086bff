#include "openset/model/head.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace openset::model {

Head::Head(int classes, int features, std::span<const float> weight, std::span<const float> bias)
    : classes_(classes), features_(features), transposed_weight_(weight.size()), bias_(bias.begin(), bias.end()) {
    assert(weight.size() == static_cast<std::size_t>(classes) * static_cast<std::size_t>(features));
    assert(bias.size() == static_cast<std::size_t>(classes));
    const auto rows = static_cast<std::size_t>(classes), columns = static_cast<std::size_t>(features);
    for (std::size_t k = 0; k < rows; ++k) {
        for (std::size_t d = 0; d < columns; ++d) transposed_weight_[d * rows + k] = weight[k * columns + d];
    }
}

std::vector<float> Head::weight() const {
    const auto rows = static_cast<std::size_t>(classes_), columns = static_cast<std::size_t>(features_);
    std::vector<float> weight(transposed_weight_.size());
    for (std::size_t k = 0; k < rows; ++k) {
        for (std::size_t d = 0; d < columns; ++d) weight[k * columns + d] = transposed_weight_[d * rows + k];
    }
    return weight;
}

void Head::apply(std::span<const float> features, std::span<float> logits) const {
    assert(features.size() == static_cast<std::size_t>(features_));
    assert(logits.size() == static_cast<std::size_t>(classes_));
    constexpr std::size_t block = 32; // sums that stay in registers and first-level cache
    const auto classes = static_cast<std::size_t>(classes_);
    for (std::size_t first = 0; first < classes; first += block) {
        const std::size_t count = std::min(block, classes - first);
        std::array<double, block> sum{};
        for (std::size_t d = 0; d < features.size(); ++d) {
            const double feature = features[d];
            const float* weight = &transposed_weight_[d * classes + first];
            for (std::size_t k = 0; k < count; ++k) sum[k] += feature * static_cast<double>(weight[k]);
        }
        for (std::size_t k = 0; k < count; ++k) {
            logits[first + k] = static_cast<float>(sum[k] + static_cast<double>(bias_[first + k]));
        }
    }
}

} // namespace openset::model
