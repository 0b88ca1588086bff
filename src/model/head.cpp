#include "openset/model/head.hpp"

#include <cassert>

#include "stats/row_products.hpp"

namespace openset::model {

Head::Head(int classes, int features, std::span<const float> weight, std::span<const float> bias)
    : classes_(classes), features_(features),
      weight_(std::make_shared<stats::PackedMatrix>(stats::PackedMatrix::of_transposed(
          weight, static_cast<std::size_t>(features), static_cast<std::size_t>(classes)))),
      bias_(bias.begin(), bias.end()) {
    assert(weight.size() == static_cast<std::size_t>(classes) * static_cast<std::size_t>(features));
    assert(bias.size() == static_cast<std::size_t>(classes));
}

std::vector<float> Head::weight() const {
    std::vector<float> weight;
    for (std::size_t k = 0; k < weight_->columns(); ++k) {
        for (std::size_t d = 0; d < weight_->depth(); ++d) weight.push_back(static_cast<float>(weight_->at(d, k)));
    }
    return weight;
}

void Head::apply(std::span<const float> features, std::span<float> logits) const {
    const std::size_t rows = features.size() / weight_->depth();
    assert(features.size() == rows * weight_->depth() && logits.size() == rows * bias_.size());
    // The product of two floats is exact in double: fused or not, a sum has the same bits.
    std::vector<double> sums(logits.size());
    weight_->multiply(std::vector<double>(features.begin(), features.end()), rows, {}, sums);
    for (std::size_t i = 0; i < sums.size(); ++i)
        logits[i] = static_cast<float>(sums[i] + static_cast<double>(bias_[i % bias_.size()]));
}

} // namespace openset::model
