#include "openset/model/network.hpp"

namespace openset::model {

Matrix logits(const Network& network, const Outputs& outputs) {
    const Head* head = network.head();
    if (head == nullptr) return outputs.logits;
    const auto classes = static_cast<std::size_t>(head->classes());
    Matrix result{outputs.features.rows, head->classes(), {}};
    result.values.resize(static_cast<std::size_t>(result.rows) * classes);
    for (int row = 0; row < result.rows; ++row) {
        head->apply(outputs.features.row(row),
                    {result.values.data() + static_cast<std::size_t>(row) * classes, classes});
    }
    return result;
}

} // namespace openset::model
