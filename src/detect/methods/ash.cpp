#include <algorithm>

#include "detect/largest_features.hpp"
#include "detect/linear_head.hpp"
#include "detect/method_files.hpp"

// ASH-B: the energy of features of which the largest are all set to the sum of the row by their number, and the rest to 0.
// Djurisic et al. 2023, Extremely Simple Activation Shaping for Out-of-Distribution Detection (ICLR); 90 as in
// OpenOOD's ash.yml (its function's own default is 65). Where values tie at the cut, the lower index is kept.
namespace openset::detect {
namespace {

constexpr const char* name = "ash";

std::vector<Parameter> parameters() { return {kept_percentile("90", "OpenOOD ash.yml")}; }

class Ash final : public HeadDetector {
public:
    explicit Ash(const io::FittedFile& file)
        : HeadDetector(file),
          kept_(kept_features(features(), ParameterValues(file, parameters()).number("percentile", 0, 100))) {}

    void score(const io::Activations& activations, std::span<double> scores) const override {
        std::vector<std::size_t> order;
        score_energy(
            head(), activations.features, [&](std::span<double> row) { shape_row(row, order); }, scores);
    }

private:
    void shape_row(std::span<double> row, std::vector<std::size_t>& order) const {
        double all = 0;
        for (const double value : row) all += value;
        const auto largest = largest_features(row, kept_, order);
        std::ranges::fill(row, 0.0);
        for (const std::size_t i : largest) row[i] = all / static_cast<double>(kept_);
    }

    std::size_t kept_;
};

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const ParameterValues values(name, parameters(), typed);
    values.number("percentile", 0, 100);
    io::FittedFile file = begin_fitted(name, data.facts(), values);
    LinearHead::add_to(file, data);
    warn_of_negative_features(file, *data.rows());
    return load_as<Ash>(file);
}

} // namespace

Method method::ash() {
    return {.name = name,
            .summary = "energy of the largest features, made equal (ASH-B, Djurisic et al. 2023)",
            .formula = "-LSE(W f' + b), f' = sum f / kept at the largest f, 0 elsewhere",
            .needs = {.features = true, .head = true},
            .parameters = parameters(),
            .make = nullptr,
            .fit = fit,
            .load = load_as<Ash>};
}

} // namespace openset::detect
