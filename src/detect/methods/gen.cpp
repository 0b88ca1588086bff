#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "detect/fitted_state.hpp"
#include "detect/method_files.hpp"
#include "openset/stats/activation.hpp"

// GEN: the generalised entropy sum p^g (1 - p)^g over the M largest p. Liu, Lochman & Zach 2023, GEN: Pushing the Limits of
// Softmax-Based Out-of-Distribution Detection (CVPR); g = 0.1 and M = 100 (cut to the number of classes) as there for
// ImageNet and in OpenOOD's gen.yml.
namespace openset::detect {
namespace {

constexpr const char* name = "gen";

std::vector<Parameter> parameters() {
    return {{"gamma", "G", "0.1", "the power, 0 to 1", "Liu et al. 2023; OpenOOD gen.yml"},
            {"m", "N", "100", "how many of the largest probabilities count, at most the number of classes",
             "Liu et al. 2023; OpenOOD gen.yml"}};
}

struct Gen final : FittedDetector {
    explicit Gen(const io::FittedFile& file) : FittedDetector(file, 0) {
        const ParameterValues values(file, parameters());
        gamma = values.number("gamma", 0, 1);
        most = static_cast<std::size_t>(std::min(values.whole("m", 1), std::ssize(file.labels)));
    }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        std::vector<double> logits;
        for (std::int64_t i = 0; i < activations.rows; ++i) {
            const auto row = activations.logits.row(i);
            logits.assign(row.begin(), row.end());
            scores[static_cast<std::size_t>(i)] = generalised_entropy(logits);
        }
    }

private:
    /// ln(p (1 - p)) of each class. 1 - p is the sum of the others' probabilities and is added up as that: 1 - p itself is 0
    /// for a confident row, and 0^0.1 is not (1e-17)^0.1 = 0.02.
    static std::vector<double> log_products(std::span<const double> logits) {
        const std::size_t classes = logits.size();
        const auto top = static_cast<std::size_t>(std::ranges::max_element(logits) - logits.begin());
        std::vector<double> behind(classes + 1); // sums of exp(v - max v) of the classes from here on
        for (std::size_t c = classes; c > 0; --c) behind[c - 1] = behind[c] + std::exp(logits[c - 1] - logits[top]);
        std::vector<double> others;
        for (std::size_t c = 0; c < classes; ++c) {
            if (c != top) others.push_back(logits[c]);
        }
        const double all = stats::log_sum_exp(logits);
        std::vector<double> products;
        double before = 0;
        for (std::size_t c = 0; c < classes; ++c) {
            // Without the largest the sum may be 0 to the last digit: its own largest is taken out there.
            const double of_others = c != top         ? logits[top] + std::log(before + behind[c + 1])
                                     : others.empty() ? -std::numeric_limits<double>::infinity()
                                                      : stats::log_sum_exp(others);
            products.push_back((logits[c] - all) + (of_others - all));
            before += std::exp(logits[c] - logits[top]);
        }
        return products;
    }

    double generalised_entropy(std::span<const double> logits) const {
        std::vector<std::size_t> order(logits.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::partial_sort(
            order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(),
            [&](std::size_t a, std::size_t b) { return logits[a] > logits[b] || (logits[a] == logits[b] && a < b); });
        const std::vector<double> products = log_products(logits);
        double sum = 0;
        for (std::size_t i = 0; i < most; ++i) sum += gamma == 0 ? 1 : std::exp(gamma * products[order[i]]);
        return sum;
    }

    double gamma = 0;
    std::size_t most = 0;
};

ParameterValues read(const Parameters& typed) {
    ParameterValues values(name, parameters(), typed);
    values.number("gamma", 0, 1);
    values.whole("m", 1);
    return values;
}

} // namespace

Method method::gen() {
    return {.name = name,
            .summary = "generalised entropy of the softmax (Liu, Lochman & Zach 2023)",
            .formula = "sum over the M largest p of p^g (1 - p)^g",
            .needs = {.softmax = true, .rows = false},
            .parameters = parameters(),
            .make = [](std::int64_t classes,
                       const Parameters& typed) { return load_as<Gen>(begin_unfitted(name, classes, read(typed))); },
            .fit = [](const TrainingData& data,
                      const Parameters& typed) { return load_as<Gen>(begin_fitted(name, data.facts(), read(typed))); },
            .load = load_as<Gen>};
}

} // namespace openset::detect
