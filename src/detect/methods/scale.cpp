#include <algorithm>
#include <cmath>

#include "detect/largest_features.hpp"
#include "detect/linear_head.hpp"
#include "detect/method_files.hpp"

// SCALE: the energy of features that are multiplied by e^r, r the sum of a row's features by that of its largest ones. Xu et
// al. 2024, Scaling for Training Time and Post-hoc Out-of-distribution Detection Enhancement (ICLR); 85 as there and
// in OpenOOD.
namespace openset::detect {
namespace {

constexpr const char* name = "scale";
constexpr double largest_exponent = 300; // e^r times any float stays far below what a double holds

std::vector<Parameter> parameters() { return {kept_percentile("85", "Xu et al. 2024; OpenOOD scale.yml")}; }

class Scale final : public HeadDetector {
public:
    explicit Scale(const io::FittedFile& file)
        : HeadDetector(file),
          kept_(kept_features(features(), ParameterValues(file, parameters()).number("percentile", 0, 100))) {}

    void score(const io::Activations& activations, std::span<double> scores) const override {
        std::vector<std::size_t> order;
        score_energy(
            head(), activations.features, [&](std::span<double> row) { scale_row(row, order); }, scores);
    }

private:
    void scale_row(std::span<double> row, std::vector<std::size_t>& order) const {
        double all = 0, kept = 0;
        for (const double value : row) all += value;
        // In the order of the features: selection leaves none.
        std::vector<bool> is_kept(row.size());
        for (const std::size_t i : largest_features(row, kept_, order)) is_kept[i] = true;
        for (std::size_t i = 0; i < row.size(); ++i) kept += is_kept[i] ? row[i] : 0;
        const double ratio = kept == 0 ? 1 : std::min(all / kept, largest_exponent);
        for (double& value : row) value *= std::exp(ratio);
    }

    std::size_t kept_;
};

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const ParameterValues values(name, parameters(), typed);
    values.number("percentile", 0, 100);
    io::FittedFile file = begin_fitted(name, data.facts(), values);
    LinearHead::add_to(file, data);
    warn_of_negative_features(file, *data.rows());
    return load_as<Scale>(file);
}

} // namespace

Method method::scale() {
    return {.name = name,
            .summary = "energy of features scaled by how much the largest of them hold (Xu et al. 2024)",
            .formula = "-LSE(W (f e^r) + b), r = sum f / sum of the largest f",
            .needs = {.features = true, .head = true},
            .parameters = parameters(),
            .make = nullptr,
            .fit = fit,
            .load = load_as<Scale>};
}

} // namespace openset::detect
