#include <cmath>

#include "detect/fitted_state.hpp"
#include "detect/method_files.hpp"
#include "openset/stats/activation.hpp"

// GradNorm: minus the 1-norm of the gradient, with respect to the last layer's weights, of the divergence of the softmax from
// all classes being as likely. Huang, Geng & Li 2021, On the Importance of Gradients for Detecting Distributional Shifts in
// the Wild (NeurIPS): it is the product of two norms, so that no gradient has to be taken.
namespace openset::detect {
namespace {

constexpr const char* name = "gradnorm";

class GradNorm final : public Detector {
public:
    explicit GradNorm(std::int64_t classes) : classes_(classes) {}

    std::string_view method() const override { return name; }
    Needs needs() const override { return {.classes = classes_, .features = Needs::any_number}; }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        for (std::int64_t i = 0; i < activations.rows; ++i) {
            const auto logits = activations.logits.row(i);
            double of_logits = 0, of_features = 0;
            for (const double p : stats::softmax(std::vector<double>(logits.begin(), logits.end())))
                of_logits += std::abs(static_cast<double>(classes_) * p - 1);
            for (const float value : activations.features.row(i)) of_features += std::abs(static_cast<double>(value));
            scores[static_cast<std::size_t>(i)] = -of_logits * of_features;
        }
    }

private:
    std::int64_t classes_;
};

} // namespace

Method method::gradnorm() {
    return {.name = name,
            .summary = "norm of a gradient at the last layer, in closed form (Huang, Geng & Li 2021)",
            .formula = "-|C p - 1|_1 |f|_1",
            .needs = {.features = true, .softmax = true},
            .parameters = {},
            .make = [](std::int64_t classes, const Parameters& typed) -> std::unique_ptr<Detector> {
                const ParameterValues none(name, {}, typed);
                return std::make_unique<GradNorm>(classes);
            },
            .fit = nullptr,
            .load = nullptr};
}

} // namespace openset::detect
