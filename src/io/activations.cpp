#include "openset/io/activations.hpp"

namespace openset::io {
namespace {

FloatRows one_row(const FloatRows& all, std::int64_t row) {
    return all.empty() ? all : FloatRows{1, all.columns, all.values + row * all.columns};
}

} // namespace

Activations one_row(const Activations& activations, std::int64_t row) {
    Activations one{1, one_row(activations.logits, row), one_row(activations.features, row), {}};
    for (const auto& [name, rows] : activations.extras) one.extras.emplace(name, one_row(rows, row));
    return one;
}

} // namespace openset::io
