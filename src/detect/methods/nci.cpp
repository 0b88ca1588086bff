#include <cmath>

#include "detect/linear_head.hpp"
#include "detect/method_files.hpp"
#include "detect/training_walk.hpp"

// NCI: how far the centred features point along the weights of the predicted class, and how large they are. Liu & Qin 2025,
// Detecting Out-of-Distribution through the Lens of Neural Collapse (CVPR); 0.0001 as in OpenOOD's nci.yml.
namespace openset::detect {
namespace {

constexpr const char* name = "nci";

std::vector<Parameter> parameters() {
    return {
        {"alpha", "A", "0.0001", "weight of the 1-norm of the features, 0 to 1", "Liu & Qin 2025; OpenOOD nci.yml"}};
}

class Nci final : public FittedDetector {
public:
    explicit Nci(const io::FittedFile& file)
        : FittedDetector(file, FittedState(file).array("mean", FittedState::any).shape[0]),
          alpha_(ParameterValues(file, parameters()).number("alpha", 0, 1)),
          mean_(this->file().arrays.at("mean").values),
          weight_(FittedState(this->file()).floats("weight", needs().classes, needs().features).values) {}

    void score(const io::Activations& activations, std::span<double> scores) const override {
        for (std::int64_t i = 0; i < activations.rows; ++i) {
            const auto predicted = static_cast<std::size_t>(predicted_class(activations.logits.row(i)));
            scores[static_cast<std::size_t>(i)] =
                -knownness(activations.features.row(i), weight_.subspan(predicted * features(), features()));
        }
    }

private:
    double knownness(std::span<const float> row, std::span<const float> weight) const {
        double along = 0, squares = 0, magnitude = 0;
        for (std::size_t j = 0; j < row.size(); ++j) {
            const double value = row[j], centred = value - mean_[j];
            along += static_cast<double>(weight[j]) * centred;
            squares += centred * centred;
            magnitude += std::abs(value);
        }
        return (squares == 0 ? 0 : along / std::sqrt(squares)) + alpha_ * magnitude;
    }

    double alpha_;
    std::span<const double> mean_;  ///< [features]
    std::span<const float> weight_; ///< [classes, features]
};

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const ParameterValues values(name, parameters(), typed);
    values.number("alpha", 0, 1);
    const TrainingFacts& facts = data.facts();
    io::FittedFile file = begin_fitted(name, facts, values);
    LinearHead::check(file, data);
    file.float_arrays["weight"] = {{facts.classes, facts.features},
                                   {facts.head_weight.values, facts.head_weight.values + facts.classes * facts.features}};
    file.arrays["mean"] = {{facts.features}, data.by_label(FeatureScale::as_they_are).overall()};
    return load_as<Nci>(file);
}

} // namespace

Method method::nci() {
    return {.name = name,
            .summary = "nearness of the features to the predicted class's weights (Liu & Qin 2025)",
            .formula = "-(<w_pred, f - mean f> / |f - mean f| + a |f|_1)",
            .needs = {.features = true, .head = true, .rows = false},
            .parameters = parameters(),
            .make = nullptr,
            .fit = fit,
            .load = load_as<Nci>};
}

} // namespace openset::detect
