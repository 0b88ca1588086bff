#include "openset/io/activations.hpp"

namespace openset::io {
namespace {

FloatRows some_rows(const FloatRows& all, std::int64_t first, std::int64_t count) {
    return all.empty() ? all : FloatRows{count, all.columns, all.values + first * all.columns};
}

} // namespace

Activations some_rows(const Activations& activations, std::int64_t first, std::int64_t count) {
    Activations some{
        count, some_rows(activations.logits, first, count), some_rows(activations.features, first, count), {}};
    for (const auto& [name, rows] : activations.extras) some.extras.emplace(name, some_rows(rows, first, count));
    return some;
}

Activations one_row(const Activations& activations, std::int64_t row) { return some_rows(activations, row, 1); }

} // namespace openset::io
