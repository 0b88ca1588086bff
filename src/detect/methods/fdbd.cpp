#include <cmath>

#include "detect/fitted_state.hpp"
#include "detect/linear_head.hpp"
#include "detect/method_files.hpp"
#include "detect/training_walk.hpp"

// fDBD: how far the features lie from the decision boundaries, by how far they lie from the mean of the training features.
// Liu & Qin 2024, Fast Decision Boundary based Out-of-Distribution Detector (ICML), which averages over C - 1 where
// this, as OpenOOD, adds up; distance_as_normalizer true there. Classes with the same weights have no boundary.
namespace openset::detect {
namespace {

constexpr const char* name = "fdbd";

std::vector<Parameter> parameters() {
    return {{"normalizer", "mean|norm", "mean",
             "what the sum is divided by: the distance of the features from their mean, or their norm",
             "Liu & Qin 2024; OpenOOD fdbd.yml"}};
}

class Fdbd final : public FittedDetector {
public:
    explicit Fdbd(const io::FittedFile& file)
        : FittedDetector(file, FittedState(file).array("mean", FittedState::any).shape[0]),
          by_mean_(ParameterValues(file, parameters()).one_of("normalizer", {"mean", "norm"}) == "mean"),
          mean_(this->file().arrays.at("mean").values),
          apart_(FittedState(this->file())
                     .array("weight_distances", std::ssize(file.labels), std::ssize(file.labels))
                     .values) {}

    void score(const io::Activations& activations, std::span<double> scores) const override {
        for (std::int64_t i = 0; i < activations.rows; ++i) {
            const double far = boundary_distances(activations.logits.row(i));
            const double by = normalizer(activations.features.row(i));
            // At the mean itself nothing is more known, but where there is no boundary to be far from.
            scores[static_cast<std::size_t>(i)] = far == 0 ? 0 : -far / by;
        }
    }

private:
    double boundary_distances(std::span<const float> logits) const {
        const auto predicted = static_cast<std::size_t>(predicted_class(logits));
        const std::span<const double> apart = apart_.subspan(predicted * classes(), classes());
        double sum = 0;
        for (std::size_t c = 0; c < logits.size(); ++c) {
            if (apart[c] > 0)
                sum += std::abs(static_cast<double>(logits[c]) - static_cast<double>(logits[predicted])) / apart[c];
        }
        return sum;
    }

    double normalizer(std::span<const float> row) const {
        double squares = 0;
        for (std::size_t j = 0; j < row.size(); ++j) {
            const double value = static_cast<double>(row[j]) - (by_mean_ ? mean_[j] : 0);
            squares += value * value;
        }
        return std::sqrt(squares);
    }

    bool by_mean_;
    std::span<const double> mean_;  ///< [features]
    std::span<const double> apart_; ///< [classes, classes] norm(w_a - w_b)
};

std::vector<double> weight_distances(const io::FloatRows& weight) {
    const auto classes = static_cast<std::size_t>(weight.rows);
    std::vector<double> distances(classes * classes);
    for (std::size_t a = 0; a < classes; ++a) {
        const auto first = weight.row(static_cast<std::int64_t>(a));
        for (std::size_t b = 0; b < a; ++b) {
            const auto second = weight.row(static_cast<std::int64_t>(b));
            double squares = 0;
            for (std::size_t j = 0; j < first.size(); ++j) {
                const double difference = static_cast<double>(first[j]) - static_cast<double>(second[j]);
                squares += difference * difference;
            }
            distances[a * classes + b] = distances[b * classes + a] = std::sqrt(squares);
        }
    }
    return distances;
}

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const ParameterValues values(name, parameters(), typed);
    values.one_of("normalizer", {"mean", "norm"});
    const TrainingFacts& facts = data.facts();
    io::FittedFile file = begin_fitted(name, facts, values);
    LinearHead::check(file, data);
    file.arrays["mean"] = {{facts.features}, data.by_label(FeatureScale::as_they_are).overall()};
    file.arrays["weight_distances"] = {{facts.classes, facts.classes}, weight_distances(facts.head_weight)};
    return load_as<Fdbd>(file);
}

} // namespace

Method method::fdbd() {
    return {.name = name,
            .summary = "distance from the decision boundaries (Liu & Qin 2024)",
            .formula = "-[sum over c of |v_c - v_pred| / |w_c - w_pred|] / |f - mean f|",
            .needs = {.features = true, .head = true, .rows = false},
            .parameters = parameters(),
            .make = nullptr,
            .fit = fit,
            .load = load_as<Fdbd>};
}

} // namespace openset::detect
