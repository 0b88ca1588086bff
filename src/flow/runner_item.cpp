#include "flow/runner_item.hpp"

#include <iterator>
#include <utility>

namespace openset::flow {

KeptActivations::KeptActivations(const io::Activations& one_row) {
    const auto copied = [](const io::FloatRows& rows) {
        return std::vector<float>(rows.values, rows.values + rows.columns);
    };
    logits = copied(one_row.logits);
    features = copied(one_row.features);
    for (const auto& [name, rows] : one_row.extras) extras.emplace(name, copied(rows));
}

io::Activations KeptActivations::view() const {
    const auto row = [](const std::vector<float>& values) {
        return io::FloatRows{1, std::ssize(values), values.data()};
    };
    if (logits.empty()) return {};
    io::Activations activations{1, row(logits), row(features), {}};
    for (const auto& [name, values] : extras) activations.extras.emplace(name, row(values));
    return activations;
}

void fail(Item& item, std::optional<cascade::Stage> stage, std::string kind, std::string message) {
    item.row.verdict = {io::Outcome::failed, "failed", stage, std::nullopt};
    item.row.failure = io::Failure{std::move(kind), std::move(message)};
}

} // namespace openset::flow
