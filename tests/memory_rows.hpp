#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "openset/detect/training_rows.hpp"

/// Labelled rows in memory, as a store would give them.
struct MemoryRows {
    using Matrix = std::vector<std::vector<double>>;

    std::vector<std::int64_t> labels;
    std::vector<float> logits, features;
    std::map<std::string, std::vector<float>> extras;
    std::vector<float> head_weight = {}, head_bias = {}; ///< [classes, features], [classes]; empty: there is none

    static std::vector<float> flat(const Matrix& matrix) {
        std::vector<float> values;
        for (const std::vector<double>& row : matrix) {
            for (const double value : row) values.push_back(static_cast<float>(value));
        }
        return values;
    }

    openset::io::Activations activations() const {
        openset::io::Activations all;
        all.rows = std::ssize(labels);
        all.logits = view(logits);
        all.features = view(features);
        for (const auto& [name, values] : extras) all.extras[name] = view(values);
        return all;
    }

    openset::detect::TrainingRows training() const {
        auto rows = openset::detect::training_rows(activations(), labels);
        if (head_weight.empty()) return rows;
        rows.head_weight = {rows.classes, rows.features, head_weight.data()};
        rows.head_bias = head_bias;
        return rows;
    }

private:
    openset::io::FloatRows view(const std::vector<float>& values) const {
        if (values.empty() || labels.empty()) return {};
        return {std::ssize(labels), std::ssize(values) / std::ssize(labels), values.data()};
    }
};
