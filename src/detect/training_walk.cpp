#include "detect/training_walk.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "openset/base/error.hpp"

namespace openset::detect {
namespace {

void expect_sound(const TrainingRow& row, const TrainingRows& rows) {
    const auto finite = [](float value) { return std::isfinite(value); };
    if (!std::ranges::all_of(row.logits, finite) || !std::ranges::all_of(row.features, finite)) {
        throw Error(ErrorKind::corrupt, rows.name + ": row " + std::to_string(row.number) +
                                            " has a NaN or an infinity, expected finite numbers; take the picture out "
                                            "or extract the store again");
    }
    if (row.label >= rows.classes) {
        throw Error(ErrorKind::corrupt, rows.name + ": row " + std::to_string(row.number) + " has label " +
                                            std::to_string(row.label) + ", expected -1 to " +
                                            std::to_string(rows.classes - 1));
    }
}

} // namespace

std::int64_t predicted_class(std::span<const float> logits) {
    return std::ranges::max_element(logits) - logits.begin();
}

void for_each_row(const TrainingRows& rows, const std::function<void(const TrainingRow& row)>& receive) {
    rows.for_each_block([&](std::int64_t first, const io::Activations& block) {
        for (std::int64_t i = 0; i < block.rows; ++i) {
            TrainingRow row;
            row.number = first + i;
            row.label = rows.labels[static_cast<std::size_t>(row.number)];
            row.logits = block.logits.row(i);
            row.predicted = predicted_class(row.logits);
            if (!block.features.empty()) row.features = block.features.row(i);
            expect_sound(row, rows);
            receive(row);
        }
    });
}

void scale_features(FeatureScale scale, std::span<double> values) {
    if (scale == FeatureScale::as_they_are) return;
    double squares = 0;
    for (const double value : values) squares += value * value;
    const double length = std::sqrt(squares);
    if (length == 0) return;
    for (double& value : values) value /= length;
}

void load_features(std::span<const float> from, FeatureScale scale, std::span<double> to) {
    std::ranges::copy(from, to.begin());
    scale_features(scale, to);
}

} // namespace openset::detect
