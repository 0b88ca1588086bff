#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "openset/io/activation_store.hpp"
#include "openset/io/activations.hpp"

namespace openset::detect {

/// The labelled rows that a detector is fitted on, walked through once a pass: a store, or rows in memory. A view.
struct TrainingRows {
    std::string name;                           ///< in messages: the store's folder
    io::StoreMeta meta;                         ///< its labels may be empty: called 0..classes-1
    std::int64_t classes = 0;                   ///< columns of the logits
    std::int64_t features = 0;                  ///< 0: there are none
    std::map<std::string, std::int64_t> extras; ///< columns of each further tensor
    std::span<const std::int64_t> labels;       ///< [rows]; -1: no class of the model
    io::FloatRows head_weight;                  ///< [classes, features]; empty: there is none
    std::span<const float> head_bias;           ///< [classes]; empty where there is no weight
    /// Calls its argument with block after block, in order. first  number of the block's first row
    std::function<void(const std::function<void(std::int64_t first, const io::Activations& block)>&)> for_each_block;

    std::int64_t rows() const { return std::ssize(labels); }
};

/// store  must outlive the result
TrainingRows training_rows(const io::ActivationStore& store);

/// activations  what they view must outlive the result
/// labels       [activations.rows]
/// The result has no head; set its members where there is one.
TrainingRows training_rows(const io::Activations& activations, std::span<const std::int64_t> labels);

} // namespace openset::detect
