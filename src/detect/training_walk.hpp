#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "openset/detect/training_rows.hpp"

/// Passes through the training rows: each in the order of the rows, with nothing kept of them.
namespace openset::detect {

struct TrainingRow {
    std::int64_t number = 0; ///< in the store
    std::int64_t label = 0;  ///< -1: none
    std::int64_t predicted = 0;
    std::span<const float> logits;   ///< [classes]
    std::span<const float> features; ///< [features]; empty: there are none

    bool is_correct() const { return label == predicted; }
};

/// The class with the largest logit, the first of several.
std::int64_t predicted_class(std::span<const float> logits);

/// Throws Error(corrupt) that names a row which is not finite, or has a label that there is not.
void for_each_row(const TrainingRows& rows, const std::function<void(const TrainingRow& row)>& receive);

/// What the features are taken as.
enum class FeatureScale {
    as_they_are,
    l2, ///< of length 1; a vector of zeros stays one
};

/// values  [columns], replaced
void scale_features(FeatureScale scale, std::span<double> values);

/// The values in double, scaled. to  as many
void load_features(std::span<const float> from, FeatureScale scale, std::span<double> to);

/// Means of the features.
struct FeatureMeans {
    std::vector<double> all;            ///< [features] of all rows
    std::int64_t rows = 0;              ///< all of them
    std::vector<double> of_class;       ///< [classes, features] of the rows with the label; zeros where there are none
    std::vector<std::int64_t> of_label; ///< [classes] how many those are

    std::span<const double> mean_of(std::int64_t label) const {
        return std::span(of_class).subspan(static_cast<std::size_t>(label) * all.size(), all.size());
    }
};

/// counts  whether a row is one of its class's; rows without a label never are
FeatureMeans feature_means(const TrainingRows& rows, FeatureScale scale = FeatureScale::as_they_are,
                           const std::function<bool(const TrainingRow&)>& counts = {});

/// The mean of (f - centre)(f - centre)' over the rows that have a centre, [features, features]. In blocks: memory does not
/// grow with the rows, and the bits do not depend on the blocks.
/// centre_of  [features], or empty: the row is left out
std::vector<double> mean_squares(const TrainingRows& rows, FeatureScale scale,
                                 const std::function<std::span<const double>(const TrainingRow&)>& centre_of);

} // namespace openset::detect
