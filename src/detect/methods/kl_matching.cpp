#include <algorithm>
#include <cmath>
#include <limits>

#include "detect/fitted_state.hpp"
#include "detect/method_files.hpp"
#include "openset/stats/activation.hpp"
#include "stats/row_products.hpp"

// KL matching: the smallest Kullback-Leibler divergence of a row's softmax p from the classes' templates d_c, each the mean
// softmax of the rows that are predicted as c. Hendrycks et al. 2022, Scaling Out-of-Distribution Detection for Real-World
// Settings (ICML); as in OpenOOD (klm). A class that is never predicted has the template that is 1 at c.
namespace openset::detect {
namespace {

constexpr const char* name = "kl-matching";
constexpr const char* templates_name = "templates";

/// ln d, where a d that no double holds counts as the smallest that one does: no divergence is infinite.
double log_of(double probability) { return std::log(std::max(probability, std::numeric_limits<double>::denorm_min())); }

class KlMatching final : public FittedDetector {
public:
    explicit KlMatching(const io::FittedFile& file) : FittedDetector(file, 0) {
        const ParameterValues none(file, {});
        const FittedState state(file);
        for (const double value : state.array(templates_name, state.classes(), state.classes()).values)
            logs_.push_back(log_of(value));
        packed_ = stats::PackedMatrix::of_transposed(std::span<const double>(logs_), classes(), classes());
    }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        stats::for_row_blocks(scores.size(), [&](std::size_t first, std::size_t count) {
            std::vector<double> p, crossed(count * classes());
            for (std::size_t i = 0; i < count; ++i) {
                const auto row = activations.logits.row(static_cast<std::int64_t>(first + i));
                const auto softmax = stats::softmax(std::vector<double>(row.begin(), row.end()));
                p.insert(p.end(), softmax.begin(), softmax.end());
            }
            packed_.multiply(p, count, {}, crossed);
            for (std::size_t i = 0; i < count; ++i) {
                const auto of_row = std::span(crossed).subspan(i * classes(), classes());
                const auto nearest = static_cast<std::size_t>(std::ranges::max_element(of_row) - of_row.begin());
                const auto logits = activations.logits.row(static_cast<std::int64_t>(first + i));
                scores[first + i] = divergence(logits, nearest);
            }
        });
    }

private:
    /// sum p (ln p - ln d), with ln p = v - LSE(v).
    double divergence(std::span<const float> logits, std::size_t nearest) const {
        const double all = stats::log_sum_exp(std::vector<double>(logits.begin(), logits.end()));
        double sum = 0;
        for (std::size_t c = 0; c < logits.size(); ++c) {
            const double log_p = static_cast<double>(logits[c]) - all;
            sum += std::exp(log_p) * (log_p - logs_[nearest * classes() + c]);
        }
        return sum;
    }

    std::vector<double> logs_;   ///< [classes, classes] ln d_c, a row a template
    stats::PackedMatrix packed_; ///< [classes, templates]
};

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const ParameterValues none(name, {}, typed);
    GroupMeans templates = data.softmax_by_prediction();
    const std::size_t classes = templates.groups();
    std::int64_t never = 0;
    for (std::size_t place = 0; place < classes; ++place) {
        if (templates.counts[place] > 0) continue;
        templates.of(place)[place] = 1;
        ++never;
    }
    io::FittedFile file = begin_fitted(name, data.facts(), none);
    file.arrays[templates_name] = {{data.facts().classes, data.facts().classes}, std::move(templates.means)};
    add_diagnostic(file, "classes_never_predicted", never);
    if (never > 0) {
        add_warning(file, std::to_string(never) + " of " + std::to_string(classes) +
                              " classes are predicted for no row: their templates are certainty");
    }
    return load_as<KlMatching>(file);
}

} // namespace

Method method::kl_matching() {
    return {.name = name,
            .summary = "divergence of the softmax from the nearest class's mean softmax (Hendrycks et al. 2022)",
            .formula = "min over c of sum p ln(p / d_c), d_c the mean softmax of rows predicted c",
            .needs = {.softmax = true, .rows = false},
            .parameters = {},
            .make = nullptr,
            .fit = fit,
            .load = load_as<KlMatching>};
}

} // namespace openset::detect
