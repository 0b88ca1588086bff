#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "openset/detect/openmax.hpp"
#include "openset/io/activation_store.hpp"
#include "scores/columns.hpp"

namespace openset::scores {

/// What is told of an OpenMax besides its score.
struct OpenMaxDetails {
    const detect::OpenMax* openmax = nullptr; ///< null: nothing
    bool probabilities = false, w_scores = false;
};

/// Scores a store block by block, in the order in which its samples are asked for; the same with any number of threads.
class Scorer {
public:
    /// threads  0: one a core
    Scorer(const io::ActivationStore& store, const std::vector<Column>& columns, const OpenMaxDetails& details,
           int threads);

    /// Throws Error(corrupt) at a row that is not finite, which it names.
    void move_to(std::int64_t row);

    std::span<const float> logits(std::int64_t row) const { return block_.logits.row(row - first_); }

    /// The columns' scores of the row, then the details: probabilities, of unknown last, and W-scores.
    const std::vector<double>& values(std::int64_t row);

private:
    void score_part(std::int64_t first);

    const io::ActivationStore& store_;
    const std::vector<Column>& columns_;
    OpenMaxDetails details_;
    int threads_;
    io::Activations block_;
    std::int64_t first_ = 0;
    std::vector<std::vector<double>> scores_; ///< [columns][rows of the block]
    std::vector<double> values_;
};

/// The largest softmax or sigmoid.
double confidence(std::span<const float> logits, bool sigmoid);

/// Of the likeliest label; of equal ones the first.
std::size_t likeliest(std::span<const float> logits);

} // namespace openset::scores
