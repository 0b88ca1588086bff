#include <algorithm>
#include <cmath>
#include <string>

#include "openset/base/error.hpp"
#include "openset/detect/detector.hpp"
#include "openset/stats/activation.hpp"

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

} // namespace openset::detect
