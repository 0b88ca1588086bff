#include "scores/store_side.hpp"

#include <algorithm>

#include "scores/scorer.hpp"

namespace openset::scores {
namespace {

/// values  the score, the probabilities, of unknown last, the W-scores
void add_details(const std::vector<double>& values, io::ScoreTable& table) {
    const auto w = values.end() - std::ssize(table.w_labels), of_unknown = w - 1;
    table.argmax_unknown.push_back(*of_unknown > *std::max_element(values.begin() + 1, of_unknown) ? 1 : 0);
    table.w.insert(table.w.end(), w, values.end());
}

} // namespace

Side side_of_store(const NamedFile& file, const io::ActivationStore& store, const std::vector<Column>& columns,
                   bool is_known, bool details, int threads, io::LabelNames& labels) {
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
    const auto* openmax =
        details && columns.size() == 1 ? dynamic_cast<const detect::OpenMax*>(columns.front().detector.get()) : nullptr;
    if (openmax != nullptr)
        for (const std::string& label : store.meta().labels) side.table.w_labels.push_back(labels.number(label));
    Scorer scorer(store, columns, {openmax, openmax != nullptr, openmax != nullptr}, threads);
    store.for_each_sample([&](std::int64_t row, const std::string& path, const std::string& label) {
        scorer.move_to(row);
        const auto logits = scorer.logits(row);
        const std::int32_t number = label.empty() ? -1 : labels.number(label);
        side.table.label.push_back(number < trained || !is_known ? number : -1);
        side.table.predicted.push_back(labels.number(store.meta().labels[likeliest(logits)]));
        side.table.confidence.push_back(confidence(logits, sigmoid));
        const auto& values = scorer.values(row);
        for (std::size_t i = 0; i < columns.size(); ++i) side.table.scores[i].push_back(values[i]);
        if (details) side.table.paths.push_back(path);
        if (openmax != nullptr) add_details(values, side.table);
        ++side.table.rows;
    });
    return side;
}

} // namespace openset::scores
