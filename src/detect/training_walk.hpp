#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "openset/detect/training_data.hpp"

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

/// values  [columns], replaced
void scale_features(FeatureScale scale, std::span<double> values);

/// The values in double, scaled. to  as many
void load_features(std::span<const float> from, FeatureScale scale, std::span<double> to);

} // namespace openset::detect
