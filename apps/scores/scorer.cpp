#include "scores/scorer.hpp"

#include <algorithm>
#include <cmath>
#include <thread>

#include "cli/in_parallel.hpp"
#include "openset/base/cancellation.hpp"
#include "openset/base/error.hpp"
#include "openset/stats/activation.hpp"

namespace openset::scores {
namespace {

constexpr std::int64_t rows_a_block = 4096;
constexpr std::int64_t rows_a_part = 256; ///< that a thread takes at a time: they stay in its cache

bool all_finite(const io::FloatRows& rows) {
    const std::span all(rows.values, static_cast<std::size_t>(rows.rows * rows.columns));
    return std::ranges::all_of(all, [](float value) { return std::isfinite(value); });
}

bool all_finite(const io::Activations& rows) {
    return all_finite(rows.logits) && all_finite(rows.features) &&
           std::ranges::all_of(rows.extras, [](const auto& extra) { return all_finite(extra.second); });
}

} // namespace

Scorer::Scorer(const io::ActivationStore& store, const std::vector<Column>& columns, const OpenMaxDetails& details,
               int threads)
    : store_(store), columns_(columns), details_(details),
      threads_(threads > 0 ? threads : static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U))),
      scores_(columns.size()) {}

void Scorer::move_to(std::int64_t row) {
    if (row < first_ + block_.rows) return;
    store_.let_go(row);
    first_ = row;
    block_ = store_.block(first_, std::min<std::int64_t>(rows_a_block, store_.rows() - first_));
    for (auto& scores : scores_) scores.resize(static_cast<std::size_t>(block_.rows));
    const Cancellation nobody_stops_it;
    const auto parts = static_cast<std::size_t>((block_.rows + rows_a_part - 1) / rows_a_part);
    cli::in_parallel(
        threads_, parts, [this](std::size_t part) { score_part(static_cast<std::int64_t>(part) * rows_a_part); },
        [](std::size_t) {}, nobody_stops_it);
}

const std::vector<double>& Scorer::values(std::int64_t row) {
    values_.clear();
    for (const auto& scores : scores_) values_.push_back(scores[static_cast<std::size_t>(row - first_)]);
    if (details_.openmax == nullptr) return values_;
    const auto revision = details_.openmax->revise(block_, row - first_);
    if (details_.probabilities) {
        values_.insert(values_.end(), revision.probabilities.begin(), revision.probabilities.end());
        values_.push_back(revision.p_unknown);
    }
    if (details_.w_scores) values_.insert(values_.end(), revision.w.begin(), revision.w.end());
    return values_;
}

/// All scores of some rows: each is read once, whatever the number of detectors.
void Scorer::score_part(std::int64_t first) {
    const std::int64_t count = std::min(rows_a_part, block_.rows - first);
    const io::Activations part = io::some_rows(block_, first, count);
    if (!all_finite(part)) store_.check_finite(); // which names the row
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const auto to = std::span(scores_[i]).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
        columns_[i].detector->score(part, to);
        const auto nan = std::ranges::find_if(to, [](double score) { return std::isnan(score); });
        if (nan != to.end()) {
            throw Error(ErrorKind::internal, store_.folder().string() + ": row " +
                                                 std::to_string(first_ + first + (nan - to.begin())) +
                                                 " has the score NaN of " + columns_[i].name +
                                                 ", expected a number; fit the detector anew, or leave it out");
        }
    }
}

double confidence(std::span<const float> logits, bool sigmoid) {
    const std::vector<double> values(logits.begin(), logits.end());
    if (sigmoid) return stats::sigmoid(*std::ranges::max_element(values));
    const auto probabilities = stats::softmax(values);
    return *std::ranges::max_element(probabilities);
}

std::size_t likeliest(std::span<const float> logits) {
    return static_cast<std::size_t>(std::ranges::max_element(logits) - logits.begin());
}

} // namespace openset::scores
