#include "detect/linear_head.hpp"
#include "detect/method_files.hpp"
#include "detect/percentile.hpp"
#include "detect/training_walk.hpp"

// DICE: the energy of a head of which only the weights that contribute most on average are kept. Sun & Li 2022, DICE:
// Leveraging Sparsification for Out-of-Distribution Detection (ECCV); 90 as in OpenOOD's dice.yml.
namespace openset::detect {
namespace {

constexpr const char* name = "dice";

std::vector<Parameter> parameters() {
    return {{"percentile", "PERCENT", "90",
             "of the contributions mean(f)_j W_cj: the weights of those above it are kept, 0 to 100",
             "Sun & Li 2022; OpenOOD dice.yml"}};
}

/// [classes, features] whether the weight is kept.
std::vector<bool> kept_weights(const io::FittedFile& file) {
    const FittedState state(file);
    const std::int64_t features = LinearHead::features_of(state);
    const std::vector<float>& weight = state.floats("head_weight", state.classes(), features).values;
    const std::vector<double>& mean = state.array("mean", features).values;
    std::vector<double> contributions;
    for (std::size_t i = 0; i < weight.size(); ++i)
        contributions.push_back(mean[i % mean.size()] * static_cast<double>(weight[i]));
    std::vector<double> sorted = contributions;
    const double threshold = percentile(sorted, ParameterValues(file, parameters()).number("percentile", 0, 100));
    std::vector<bool> kept;
    for (const double contribution : contributions) kept.push_back(contribution > threshold);
    return kept;
}

class Dice final : public HeadDetector {
public:
    explicit Dice(const io::FittedFile& file) : HeadDetector(file, kept_weights(file)) {}

    void score(const io::Activations& activations, std::span<double> scores) const override {
        score_energy(
            head(), activations.features, [](std::span<double>) {}, scores);
    }
};

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const ParameterValues values(name, parameters(), typed);
    values.number("percentile", 0, 100);
    const TrainingFacts& facts = data.facts();
    io::FittedFile file = begin_fitted(name, facts, values);
    LinearHead::add_to(file, data);
    file.arrays["mean"] = {{facts.features}, data.by_label(FeatureScale::as_they_are).overall()};
    return load_as<Dice>(file);
}

} // namespace

Method method::dice() {
    return {.name = name,
            .summary = "energy of a head thinned to what contributes most (Sun & Li 2022)",
            .formula = "-LSE((W masked) f + b), kept where mean(f)_j W_cj is above a percentile",
            .needs = {.features = true, .head = true, .rows = false},
            .parameters = parameters(),
            .make = nullptr,
            .fit = fit,
            .load = load_as<Dice>};
}

} // namespace openset::detect
