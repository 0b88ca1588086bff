#include <algorithm>
#include <functional>

#include "detect/feature_bank.hpp"
#include "detect/method_files.hpp"
#include "openset/stats/activation.hpp"

// NNGuide: the energy, guided by the nearest training rows: -LSE(v) times the mean of the K largest similarities to training
// rows that each weigh their own energy. Park, Jung & Teoh 2023, Nearest Neighbor Guidance for Out-of-Distribution Detection
// (ICCV); K = 100 of 1 % of the rows as in OpenOOD's nnguide.yml.
namespace openset::detect {
namespace {

constexpr const char* name = "nnguide";
constexpr const char* energies_name = "energies";

std::vector<Parameter> parameters() {
    return {{"k", "N", "100", "how many of the largest similarities count, at most the rows that are kept",
             "OpenOOD nnguide.yml"},
            FeatureBank::share_parameter("0.01", "OpenOOD nnguide.yml; k rows at least are kept"),
            FeatureBank::seed_parameter()};
}

double energy(std::span<const float> logits) {
    return stats::log_sum_exp(std::vector<double>(logits.begin(), logits.end()));
}

/// The k largest of what is added.
class Largest {
public:
    explicit Largest(std::size_t k) : k_(k) {}

    void add(double value) {
        if (heap_.size() == k_) {
            if (!(value > heap_.front())) return;
            std::ranges::pop_heap(heap_, std::greater<>());
            heap_.pop_back();
        }
        heap_.push_back(value);
        std::ranges::push_heap(heap_, std::greater<>());
    }

    double mean() {
        std::ranges::sort(heap_, std::greater<>()); // the sum in one order, however they came
        double sum = 0;
        for (const double value : heap_) sum += value;
        return sum / static_cast<double>(heap_.size());
    }

private:
    std::size_t k_;
    std::vector<double> heap_; ///< the smallest in front
};

class NnGuide final : public FittedDetector {
public:
    explicit NnGuide(const io::FittedFile& fitted)
        : FittedDetector(fitted, FeatureBank::features_of(FittedState(fitted))), bank_(file()),
          energies_(FittedState(file()).array(energies_name, static_cast<std::int64_t>(bank_.rows())).values) {
        const auto k = static_cast<std::size_t>(ParameterValues(fitted, parameters()).whole("k", 1));
        k_ = std::min(k, bank_.rows());
    }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        stats::for_row_blocks(scores.size(), [&](std::size_t first, std::size_t count) {
            std::vector<double> queries(count * features());
            for (std::size_t i = 0; i < count; ++i)
                load_features(activations.features.row(static_cast<std::int64_t>(first + i)), FeatureScale::l2,
                              std::span(queries).subspan(i * features(), features()));
            std::vector<Largest> largest(count, Largest(k_));
            bank_.for_each_product(queries, count, [&](std::size_t b, std::span<const double> products) {
                const double weight = bank_.length(b) > 0 ? energies_[b] / bank_.length(b) : 0;
                for (std::size_t i = 0; i < count; ++i) largest[i].add(products[i] * weight);
            });
            for (std::size_t i = 0; i < count; ++i)
                scores[first + i] =
                    -energy(activations.logits.row(static_cast<std::int64_t>(first + i))) * largest[i].mean();
        });
    }

private:
    FeatureBank bank_;
    std::span<const double> energies_; ///< [rows of the bank] LSE(v)
    std::size_t k_ = 1;
};

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const TrainingRows& rows = *data.rows();
    const ParameterValues values(name, parameters(), typed);
    io::FittedFile file = begin_fitted(name, rows, values);
    std::vector<double> energies;
    FeatureBank::add_to(file, rows, values, values.whole("k", 1),
                        [&energies](const TrainingRow& row) { energies.push_back(energy(row.logits)); });
    if (std::ssize(energies) <= values.whole("k", 1)) {
        add_warning(file, "all " + std::to_string(energies.size()) +
                              " kept rows are among the k nearest, so that no neighbour counts more than another: keep more "
                              "(--set share=1) or set a smaller k");
    }
    if (std::ranges::any_of(energies, [](double each) { return each <= 0; }))
        add_warning(file, "some rows have a log-sum-exp of 0 or less, whose sign turns the order of similarities round");
    file.arrays[energies_name] = {{std::ssize(energies)}, energies};
    return load_as<NnGuide>(file);
}

} // namespace

Method method::nnguide() {
    return {.name = name,
            .summary = "energy times the similarity to the nearest training rows (Park, Jung & Teoh 2023)",
            .formula = "-LSE(v) mean of the K largest <f/|f|, g_i>, g_i = f_i/|f_i| LSE(v_i)",
            .needs = {.features = true},
            .parameters = parameters(),
            .make = nullptr,
            .fit = fit,
            .load = load_as<NnGuide>};
}

} // namespace openset::detect
