#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "openset/model/model_info.hpp"

namespace openset::train {

/// Pictures and what a network says of them.
struct Judged {
    std::string name;                 ///< "train", "validation", "test"
    std::string how;                  ///< by which network: "5-fold cross-validation"
    std::vector<std::int64_t> labels; ///< [pictures]
    std::vector<float> logits;        ///< [pictures, labels of the network]
    std::int64_t left_out = 0;        ///< further pictures whose class the network was not taught
    std::int64_t failed = 0;          ///< further pictures that could not be read
};

struct CurvePoint {
    double at = 0, training = 0;
    std::optional<double> validation;
};

/// How a training went.
struct Report {
    std::string title; ///< of the chart
    std::vector<std::string> labels;
    model::Activation activation = model::Activation::softmax;
    std::vector<Judged> sets;
    std::vector<CurvePoint> curve;
    std::string curve_unit; ///< "epoch"
};

/// The share of pictures whose likeliest label is theirs; 0 where there are none.
double accuracy_of(const Judged& set, const Report& report);

/// For people: a line a set, then a line a label of the last set, with the confusions.
std::string text_of(const Report& report);

/// The sets with their loss, accuracy, balanced accuracy, confusion matrix (truth x prediction) and, for each label, precision,
/// recall, F1 and the areas under ROC and precision-recall curve of its probability against all others; the curve.
/// facts  what else the file says, before them
nlohmann::ordered_json json_of(const Report& report, const nlohmann::ordered_json& facts);

/// Loss over the course of the training.
std::string svg_of(const Report& report);

} // namespace openset::train
