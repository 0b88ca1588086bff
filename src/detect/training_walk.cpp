#include "detect/training_walk.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "openset/base/error.hpp"
#include "stats/row_products.hpp"

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

void add(std::span<const double> values, std::span<double> sums) {
    for (std::size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
}

void divide(std::span<double> sums, std::int64_t count) {
    for (double& sum : sums) sum /= static_cast<double>(std::max<std::int64_t>(count, 1));
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

FeatureMeans feature_means(const TrainingRows& rows, FeatureScale scale,
                           const std::function<bool(const TrainingRow&)>& counts) {
    const auto columns = static_cast<std::size_t>(rows.features), classes = static_cast<std::size_t>(rows.classes);
    FeatureMeans means{std::vector<double>(columns), rows.rows(), std::vector<double>(classes * columns),
                       std::vector<std::int64_t>(classes)};
    std::vector<double> values(columns);
    for_each_row(rows, [&](const TrainingRow& row) {
        load_features(row.features, scale, values);
        add(values, means.all);
        if (row.label < 0 || (counts && !counts(row))) return;
        const auto label = static_cast<std::size_t>(row.label);
        add(values, std::span(means.of_class).subspan(label * columns, columns));
        ++means.of_label[label];
    });
    divide(means.all, means.rows);
    for (std::size_t c = 0; c < classes; ++c)
        divide(std::span(means.of_class).subspan(c * columns, columns), means.of_label[c]);
    return means;
}

std::vector<double> mean_squares(const TrainingRows& rows, FeatureScale scale,
                                 const std::function<std::span<const double>(const TrainingRow&)>& centre_of) {
    constexpr std::size_t rows_at_once = 256;
    const auto columns = static_cast<std::size_t>(rows.features);
    std::vector<double> sums(columns * columns), centred(rows_at_once * columns);
    std::size_t waiting = 0;
    std::int64_t count = 0;
    const auto add_waiting = [&] {
        stats::add_squares(std::span(centred).first(waiting * columns), waiting, columns, sums);
        waiting = 0;
    };
    for_each_row(rows, [&](const TrainingRow& row) {
        const std::span<const double> centre = centre_of(row);
        if (centre.empty()) return;
        const auto values = std::span(centred).subspan(waiting * columns, columns);
        load_features(row.features, scale, values);
        for (std::size_t i = 0; i < columns; ++i) values[i] -= centre[i];
        ++count;
        if (++waiting == rows_at_once) add_waiting();
    });
    add_waiting();
    stats::mirror_upper_triangle(sums, columns);
    divide(sums, count);
    return sums;
}

} // namespace openset::detect
