#include "detect/linear_head.hpp"

#include <algorithm>
#include <cmath>

#include "detect/training_walk.hpp"
#include "openset/base/error.hpp"
#include "openset/io/number_text.hpp"
#include "openset/stats/activation.hpp"

namespace openset::detect {
namespace {

constexpr const char* weight_name = "head_weight";
constexpr const char* bias_name = "head_bias";
constexpr double most_error = 1e-3;
constexpr std::int64_t rows_looked_at = 512;

void put_head(io::FittedFile& file, const TrainingFacts& facts) {
    const auto size = static_cast<std::size_t>(facts.classes * facts.features);
    file.float_arrays[weight_name] = {{facts.classes, facts.features},
                                      {facts.head_weight.values, facts.head_weight.values + size}};
    file.float_arrays[bias_name] = {{facts.classes}, {facts.head_bias.begin(), facts.head_bias.end()}};
}

} // namespace

double LinearHead::largest_error(const TrainingRows& rows) {
    io::FittedFile file = begin_fitted("", rows, ParameterValues("", {}, {}));
    put_head(file, rows);
    const LinearHead head{FittedState(file)};
    const std::int64_t step = std::max<std::int64_t>(rows.rows() / rows_looked_at, 1);
    std::vector<double> features(head.features()), logits(head.classes());
    double largest = 0;
    for_each_row(rows, [&](const TrainingRow& row) { // which names a row that is not finite
        if (row.number % step != 0) return;
        load_features(row.features, FeatureScale::as_they_are, features);
        head.apply(features, 1, logits);
        for (std::size_t c = 0; c < logits.size(); ++c) {
            const double error = std::abs(logits[c] - static_cast<double>(row.logits[c]));
            if (!(error <= largest)) largest = std::isnan(error) ? INFINITY : error;
        }
    });
    return largest;
}

void LinearHead::add_to(io::FittedFile& file, const TrainingData& data) {
    put_head(file, data.facts());
    const double error = data.head_error();
    if (error > most_error) {
        throw Error(ErrorKind::usage, data.facts().name + ": W f + b of head_weight.npy and head_bias.npy is " +
                                          io::shortest(error) +
                                          " away from the logits, expected at most 0.001: this head did not make them; "
                                          "extract the store again");
    }
    add_diagnostic(file, "head_error", error);
}

void LinearHead::check(io::FittedFile& file, const TrainingData& data) {
    add_to(file, data);
    file.float_arrays.erase(weight_name);
    file.float_arrays.erase(bias_name);
}

std::int64_t LinearHead::features_of(const FittedState& state) {
    return state.floats(weight_name, state.classes(), FittedState::any).shape[1];
}

LinearHead::LinearHead(const FittedState& state, const std::vector<bool>& kept) {
    const io::FittedFloats& weight = state.floats(weight_name, state.classes(), FittedState::any);
    const io::FittedFloats& bias = state.floats(bias_name, state.classes());
    std::vector<float> used = weight.values;
    for (std::size_t i = 0; i < kept.size(); ++i) {
        if (!kept[i]) used[i] = 0;
    }
    weight_ =
        stats::PackedMatrix::of_transposed(std::span<const float>(used), static_cast<std::size_t>(weight.shape[1]),
                                           static_cast<std::size_t>(weight.shape[0]));
    bias_.assign(bias.values.begin(), bias.values.end());
}

HeadDetector::HeadDetector(const io::FittedFile& file, const std::vector<bool>& kept)
    : FittedDetector(file, LinearHead::features_of(FittedState(file))), head_(FittedState(file), kept) {}

void score_energy(const LinearHead& head, const io::FloatRows& features,
                  const std::function<void(std::span<double> features)>& change, std::span<double> scores) {
    stats::for_row_blocks(scores.size(), [&](std::size_t first, std::size_t count) {
        std::vector<double> changed(count * head.features()), logits(count * head.classes());
        for (std::size_t i = 0; i < count; ++i) {
            const auto row = std::span(changed).subspan(i * head.features(), head.features());
            load_features(features.row(static_cast<std::int64_t>(first + i)), FeatureScale::as_they_are, row);
            change(row);
        }
        head.apply(changed, count, logits);
        for (std::size_t i = 0; i < count; ++i)
            scores[first + i] = -stats::log_sum_exp(std::span(logits).subspan(i * head.classes(), head.classes()));
    });
}

} // namespace openset::detect
