#include <algorithm>
#include <cmath>
#include <string>

#include "detect/method_files.hpp"
#include "detect/parameter_values.hpp"
#include "openset/stats/activation.hpp"

// The methods that look at a row's logits alone and have nothing to set.
namespace openset::detect {
namespace {

/// A detector whose score of a row is a function of its logits alone.
class LogitDetector : public Detector {
public:
    using Function = double (*)(std::span<const double> logits);

    LogitDetector(std::string_view method, std::int64_t classes, Function function)
        : method_(method), classes_(classes), function_(function) {}

    std::string_view method() const override { return method_; }
    Needs needs() const override { return {.classes = classes_}; }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        std::vector<double> logits;
        for (std::int64_t i = 0; i < activations.rows; ++i) {
            const auto row = activations.logits.row(i);
            logits.assign(row.begin(), row.end());
            scores[static_cast<std::size_t>(i)] = function_(logits);
        }
    }

private:
    std::string method_;
    std::int64_t classes_;
    Function function_;
};

double largest(std::span<const double> values) { return *std::ranges::max_element(values); }

/// -sum p ln p, with ln p = v - LSE(v): no logarithm of a p that has no digits left.
double entropy_of(std::span<const double> logits) {
    const double all = stats::log_sum_exp(logits);
    double sum = 0;
    for (const double logit : logits) sum -= std::exp(logit - all) * (logit - all);
    return sum;
}

/// There is nothing to set.
void refuse_parameters(std::string_view method, const Parameters& parameters) {
    const ParameterValues none(method, {}, parameters);
}

} // namespace

std::unique_ptr<Detector> make_msp(std::int64_t classes) {
    return std::make_unique<LogitDetector>(
        "msp", classes, [](std::span<const double> logits) { return -largest(stats::softmax(logits)); });
}

std::unique_ptr<Detector> make_max_logit(std::int64_t classes) {
    return std::make_unique<LogitDetector>("max-logit", classes,
                                           [](std::span<const double> logits) { return -largest(logits); });
}

std::unique_ptr<Detector> make_sigmoid_max(std::int64_t classes) {
    return std::make_unique<LogitDetector>(
        "sigmoid-max", classes, [](std::span<const double> logits) { return -stats::sigmoid(largest(logits)); });
}

namespace method {

Method msp() {
    return {.name = "msp",
            .summary = "largest softmax probability (Hendrycks & Gimpel 2017)",
            .formula = "-max p",
            .needs = {},
            .parameters = {},
            .make = [](std::int64_t classes, const Parameters& parameters) -> std::unique_ptr<Detector> {
                refuse_parameters("msp", parameters);
                return make_msp(classes);
            },
            .fit = nullptr,
            .load = nullptr};
}

Method max_logit() {
    return {.name = "max-logit",
            .summary = "largest logit (Hendrycks et al. 2022)",
            .formula = "-max v",
            .needs = {},
            .parameters = {},
            .make = [](std::int64_t classes, const Parameters& parameters) -> std::unique_ptr<Detector> {
                refuse_parameters("max-logit", parameters);
                return make_max_logit(classes);
            },
            .fit = nullptr,
            .load = nullptr};
}

Method entropy() {
    return {.name = "entropy",
            .summary = "entropy of the softmax (Shannon)",
            .formula = "-sum p ln p",
            .needs = {.softmax = true},
            .parameters = {},
            .make = [](std::int64_t classes, const Parameters& parameters) -> std::unique_ptr<Detector> {
                refuse_parameters("entropy", parameters);
                return std::make_unique<LogitDetector>("entropy", classes, entropy_of);
            },
            .fit = nullptr,
            .load = nullptr};
}

Method sigmoid_max() {
    return {.name = "sigmoid-max",
            .summary = "largest sigmoid, for networks trained with a binary loss a label",
            .formula = "-max sigmoid(v)",
            .needs = {.sigmoid = true},
            .parameters = {},
            .make = [](std::int64_t classes, const Parameters& parameters) -> std::unique_ptr<Detector> {
                refuse_parameters("sigmoid-max", parameters);
                return make_sigmoid_max(classes);
            },
            .fit = nullptr,
            .load = nullptr};
}

} // namespace method
} // namespace openset::detect
