#include <algorithm>

#include "detect/linear_head.hpp"
#include "detect/method_files.hpp"
#include "detect/percentile.hpp"

// ReAct: the energy of features that are cut at c, a percentile of all training features. Sun, Guo & Li 2021, ReAct:
// Out-of-distribution Detection With Rectified Activations (NeurIPS); the 90th percentile as there and in OpenOOD.
namespace openset::detect {
namespace {

constexpr const char* name = "react";

std::vector<Parameter> parameters() {
    return {{"percentile", "PERCENT", "90", "of all training features: where features are cut, 0 to 100",
             "Sun et al. 2021; OpenOOD react.yml"}};
}

class React final : public HeadDetector {
public:
    explicit React(const io::FittedFile& file) : HeadDetector(file), cut_(FittedState(file).number("cut")) {
        const ParameterValues declared(file, parameters());
    }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        score_energy(
            head(), activations.features,
            [this](std::span<double> features) {
                for (double& value : features) value = std::min(value, cut_);
            },
            scores);
    }

private:
    double cut_;
};

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const TrainingRows& rows = *data.rows();
    const ParameterValues values(name, parameters(), typed);
    io::FittedFile file = begin_fitted(name, rows, values);
    LinearHead::add_to(file, data);
    file.state_json = io::Json{{"cut", feature_percentile(rows, values.number("percentile", 0, 100))}}.dump();
    return load_as<React>(file);
}

} // namespace

Method method::react() {
    return {.name = name,
            .summary = "energy of features that are cut at a percentile (Sun, Guo & Li 2021)",
            .formula = "-LSE(W min(f, c) + b), c a percentile of all training features",
            .needs = {.features = true, .head = true},
            .parameters = parameters(),
            .make = nullptr,
            .fit = fit,
            .load = load_as<React>};
}

} // namespace openset::detect
