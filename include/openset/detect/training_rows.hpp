#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "openset/io/activation_store.hpp"
#include "openset/io/activations.hpp"

namespace openset::detect {

/// What is known of training rows without looking at one.
struct TrainingFacts {
    std::string name;                           ///< in messages: the store's folder
    io::StoreMeta meta;                         ///< its labels may be empty: called 0..classes-1
    std::int64_t row_count = 0;
    std::int64_t labelled_count = 0;            ///< rows with a label
    std::int64_t classes = 0;                   ///< columns of the logits
    std::int64_t features = 0;                  ///< 0: there are none
    std::map<std::string, std::int64_t> extras; ///< columns of each further tensor
    io::FloatRows head_weight;                  ///< [classes, features]; empty: there is none
    std::span<const float> head_bias;           ///< [classes]; empty where there is no weight

    std::int64_t rows() const { return row_count; }
};

/// The labelled rows that a detector is fitted on, walked through once a pass: a store, or rows in memory. A view.
struct TrainingRows : TrainingFacts {
    std::span<const std::int64_t> labels; ///< [rows]; -1: no class of the model
    /// Calls its argument with block after block, in order. first  number of the block's first row
    std::function<void(const std::function<void(std::int64_t first, const io::Activations& block)>&)> for_each_block;
};

/// store  must outlive the result
TrainingRows training_rows(const io::ActivationStore& store);

/// activations  what they view must outlive the result
/// labels       [activations.rows]
/// The result has no head; set its members where there is one.
TrainingRows training_rows(const io::Activations& activations, std::span<const std::int64_t> labels);

} // namespace openset::detect
