#include "openset/detect/training_rows.hpp"

#include <algorithm>

namespace openset::detect {
namespace {

void set_labels(TrainingRows& rows, std::span<const std::int64_t> labels) {
    rows.labels = labels;
    rows.row_count = std::ssize(labels);
    rows.labelled_count = std::ranges::count_if(labels, [](std::int64_t label) { return label >= 0; });
}

} // namespace

TrainingRows training_rows(const io::ActivationStore& store) {
    TrainingRows rows;
    rows.name = store.folder().string();
    rows.meta = store.meta();
    rows.classes = store.classes();
    rows.features = store.features();
    for (const std::string& name : store.extra_names()) rows.extras[name] = store.extra_columns(name);
    set_labels(rows, store.labels());
    rows.head_weight = store.head_weight();
    rows.head_bias = store.head_bias();
    rows.for_each_block = [&store](const auto& receive) { store.for_each_block(receive); };
    return rows;
}

TrainingRows training_rows(const io::Activations& activations, std::span<const std::int64_t> labels) {
    TrainingRows rows;
    rows.name = "training rows";
    rows.classes = activations.logits.columns;
    rows.features = activations.features.columns;
    for (const auto& [name, extra] : activations.extras) rows.extras[name] = extra.columns;
    set_labels(rows, labels);
    rows.for_each_block = [activations](const auto& receive) { receive(0, activations); };
    return rows;
}

} // namespace openset::detect
