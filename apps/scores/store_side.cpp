#include "scores/store_side.hpp"

#include "scores/scorer.hpp"

namespace openset::scores {

Side side_of_store(const NamedFile& file, const io::ActivationStore& store, const std::vector<Column>& columns,
                   bool is_known, int threads, io::LabelNames& labels) {
    for (const std::string& label : store.meta().labels) labels.number(label); // in the network's order
    Side side;
    side.file = file;
    side.table.file = file.path.string();
    side.store = file.path.string();
    side.store_identity = store.identity();
    side.model_sha256 = store.meta().model_sha256;
    side.trained_classes = store.meta().labels.size();
    side.has_record = true; // of what made the columns, none is needed
    for (const Column& column : columns) {
        const io::ScoredMethod& made = column.record;
        side.table.methods.push_back(column.name);
        side.origins.push_back(
            {made.method, made.fitted_sha256, made.fitted_on, made.fitted_sha256.empty() ? side.model_sha256 : "", ""});
        side.fitted_rows = side.fitted_rows || (!made.fitted_on.empty() && made.fitted_on == side.store_identity);
    }
    side.table.scores.resize(columns.size());
    const bool sigmoid = store.meta().activation == "sigmoid";
    const auto trained = static_cast<std::int32_t>(side.trained_classes);
    Scorer scorer(store, columns, {}, threads);
    store.for_each_sample([&](std::int64_t row, const std::string& /*path*/, const std::string& label) {
        scorer.move_to(row);
        const auto logits = scorer.logits(row);
        const std::int32_t number = label.empty() ? -1 : labels.number(label);
        side.table.label.push_back(number < trained || !is_known ? number : -1);
        side.table.predicted.push_back(labels.number(store.meta().labels[likeliest(logits)]));
        side.table.confidence.push_back(confidence(logits, sigmoid));
        const auto& values = scorer.values(row);
        for (std::size_t i = 0; i < values.size(); ++i) side.table.scores[i].push_back(values[i]);
        ++side.table.rows;
    });
    return side;
}

} // namespace openset::scores
