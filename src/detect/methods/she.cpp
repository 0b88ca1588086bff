#include "detect/fitted_state.hpp"
#include "detect/method_files.hpp"
#include "detect/training_walk.hpp"

// SHE: minus the inner product of a row's features with the mean of those of the predicted class's training rows that are
// classified correctly. Zhang et al. 2023, Out-of-Distribution Detection based on In-Distribution Data Patterns Memorization
// with Modern Hopfield Energy (ICLR); the inner product as in OpenOOD's she.yml. A class without a correct row has the
// mean of all its rows, one without any row zeros.
namespace openset::detect {
namespace {

constexpr const char* name = "she";
constexpr const char* patterns_name = "patterns";

class She final : public FittedDetector {
public:
    explicit She(const io::FittedFile& file)
        : FittedDetector(file,
                         FittedState(file).array(patterns_name, std::ssize(file.labels), FittedState::any).shape[1]),
          patterns_(this->file().arrays.at(patterns_name).values) {
        const ParameterValues none(file, {});
    }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        for (std::int64_t i = 0; i < activations.rows; ++i) {
            const auto predicted = static_cast<std::size_t>(predicted_class(activations.logits.row(i)));
            const std::span<const double> pattern = patterns_.subspan(predicted * features(), features());
            const auto row = activations.features.row(i);
            double product = 0;
            for (std::size_t j = 0; j < row.size(); ++j) product += static_cast<double>(row[j]) * pattern[j];
            scores[static_cast<std::size_t>(i)] = -product;
        }
    }

private:
    std::span<const double> patterns_; ///< [classes, features]
};

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const ParameterValues none(name, {}, typed);
    GroupMeans patterns = data.of_correct();
    io::FittedFile file = begin_fitted(name, data.facts(), none);
    std::int64_t replaced = 0, empty = 0;
    for (std::size_t c = 0; c < patterns.groups(); ++c) {
        if (patterns.counts[c] > 0) continue;
        const GroupMeans& of_all = data.by_label(FeatureScale::as_they_are);
        ++(of_all.counts[c] > 0 ? replaced : empty);
        std::ranges::copy(of_all.of(c), patterns.of(c).begin());
    }
    if (replaced + empty > 0) {
        add_warning(file, std::to_string(replaced + empty) + " classes have no row that is classified correctly; " +
                              std::to_string(replaced) + " of them have the mean of all their rows, the others zeros");
    }
    file.arrays[patterns_name] = {{data.facts().classes, data.facts().features}, std::move(patterns.means)};
    return load_as<She>(file);
}

} // namespace

Method method::she() {
    return {.name = name,
            .summary = "inner product with the mean feature of the predicted class (Zhang et al. 2023)",
            .formula = "-<f, mean f of the correct training rows of the predicted class>",
            .needs = {.features = true, .labels = true, .rows = false},
            .parameters = {},
            .make = nullptr,
            .fit = fit,
            .load = load_as<She>};
}

} // namespace openset::detect
