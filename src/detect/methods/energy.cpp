#include "detect/fitted_state.hpp"
#include "detect/method_files.hpp"
#include "openset/stats/activation.hpp"

// Energy: -T LSE(v / T). Liu et al. 2020, Energy-based Out-of-distribution Detection (NeurIPS); T = 1 there and in
// OpenOOD. Of logits that were scaled or shifted it says nothing: it needs those of the real head.
namespace openset::detect {
namespace {

constexpr const char* name = "energy";

std::vector<Parameter> parameters() {
    return {{"temperature", "T", "1", "what the logits are divided by, > 0", "Liu et al. 2020; OpenOOD"}};
}

class Energy final : public FittedDetector {
public:
    explicit Energy(const io::FittedFile& file)
        : FittedDetector(file, 0), temperature_(ParameterValues(file, parameters()).positive("temperature")) {}

    void score(const io::Activations& activations, std::span<double> scores) const override {
        std::vector<double> divided;
        for (std::int64_t i = 0; i < activations.rows; ++i) {
            divided.clear();
            for (const float logit : activations.logits.row(i))
                divided.push_back(static_cast<double>(logit) / temperature_);
            scores[static_cast<std::size_t>(i)] = -temperature_ * stats::log_sum_exp(divided);
        }
    }

private:
    double temperature_;
};

ParameterValues read(const Parameters& typed) {
    ParameterValues values(name, parameters(), typed);
    values.positive("temperature");
    return values;
}

} // namespace

Method method::energy() {
    return {.name = name,
            .summary = "energy of the logits (Liu et al. 2020)",
            .formula = "-T LSE(v / T)",
            .needs = {.rows = false},
            .parameters = parameters(),
            .make = [](std::int64_t classes,
                       const Parameters& typed) { return load_as<Energy>(begin_unfitted(name, classes, read(typed))); },
            .fit = [](const TrainingData& data,
                      const Parameters& typed) { return load_as<Energy>(begin_fitted(name, data.facts(), read(typed))); },
            .load = load_as<Energy>};
}

} // namespace openset::detect
