#include "openset/model/network.hpp"

namespace openset::model {

Batch normalised(std::span<const image::Picture* const> pictures, const image::PreprocessSpec& preprocess) {
    const image::Picture& first = *pictures.front();
    const std::size_t size = first.rgb.size();
    Batch batch{static_cast<int>(pictures.size()), first.height, first.width, {}};
    batch.data.resize(pictures.size() * size);
    for (std::size_t i = 0; i < pictures.size(); ++i)
        image::normalise(*pictures[i], preprocess, std::span(batch.data).subspan(i * size, size));
    return batch;
}

Outputs Network::run_pictures(std::span<const image::Picture* const> pictures,
                              const image::PreprocessSpec& preprocess) {
    return run(normalised(pictures, preprocess));
}

Matrix logits(const Network& network, const Outputs& outputs) {
    const Head* head = network.head();
    if (head == nullptr) return outputs.logits;
    Matrix result{outputs.features.rows, head->classes(), {}};
    result.values.resize(static_cast<std::size_t>(result.rows) * static_cast<std::size_t>(head->classes()));
    head->apply(outputs.features.values, result.values);
    return result;
}

} // namespace openset::model
