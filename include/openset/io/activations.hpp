#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace openset::io {

/// A float matrix that lies somewhere else, row-major [rows, columns]. No columns: there is no such matrix.
struct FloatRows {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    const float* values = nullptr;

    bool empty() const { return columns == 0; }
    std::span<const float> row(std::int64_t index) const {
        return {values + index * columns, static_cast<std::size_t>(columns)};
    }
};

/// What a network says of some pictures, one row each: a block of a store, or a batch that it has just computed. Views:
/// valid as long as what they were taken from.
struct Activations {
    std::int64_t rows = 0;
    FloatRows logits;   ///< [rows, classes]
    FloatRows features; ///< [rows, features], penultimate; empty where the network does not show them
    std::map<std::string, FloatRows> extras; ///< [rows, any] further tensors of the network, by name
};

/// Rows `first` to `first + count` of them.
Activations some_rows(const Activations& activations, std::int64_t first, std::int64_t count);

/// One row of them.
Activations one_row(const Activations& activations, std::int64_t row);

} // namespace openset::io
