#pragma once

#include <span>
#include <string>
#include <vector>

#include "openset/detect/detector.hpp"
#include "openset/detect/openmax.hpp"
#include "openset/detect/training_rows.hpp"

namespace openset::detect {

/// The columns of a row in which distances are taken (OpenMaxParams::space): the logits, the features, or the logits
/// with a further block behind them.
class DistanceSpace {
public:
    /// text  as OpenMaxParams::space. Throws Error(usage) where the rows have no such block.
    DistanceSpace(const std::string& text, const TrainingRows& rows);

    /// columns  of the whole space, as a fitted file's means have them; too few for the text leave no block
    DistanceSpace(const std::string& text, std::int64_t classes, std::int64_t columns);

    std::int64_t columns() const { return (logits_ ? needs_.classes : 0) + block_columns(); }

    /// How many columns stand in front of the further block; columns() where there is none.
    std::int64_t first_of_block() const { return columns() - block_columns(); }

    bool has_block_behind_logits() const { return logits_ && block_columns() > 0; }

    const Needs& needs() const { return needs_; }

    /// row  [columns()], filled with the row's values
    void gather(const io::Activations& activations, std::int64_t index, std::span<double> row) const;

private:
    std::int64_t block_columns() const { return needs_.features + needs_.extra_columns; }

    bool logits_ = true; ///< they are part of the space
    Needs needs_;
};

/// row, mean  [columns]
double distance(Distance kind, std::span<const double> row, std::span<const double> mean);

} // namespace openset::detect
