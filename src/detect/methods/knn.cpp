#include <algorithm>
#include <cmath>

#include "detect/feature_bank.hpp"
#include "detect/method_files.hpp"

// Deep nearest neighbours: the distance of f / |f| to the k-th nearest training row, of length 1 as well. Sun et al. 2022,
// Out-of-Distribution Detection with Deep Nearest Neighbors (ICML); k = 50 and all rows as in OpenOOD's knn.yml, whose score
// is the squared distance: the same order. Exact: every row of the bank is looked at.
namespace openset::detect {
namespace {

constexpr const char* name = "knn";

std::vector<Parameter> parameters() {
    return {{"k", "N", "50", "which nearest neighbour, at most the number of rows", "OpenOOD knn.yml"},
            FeatureBank::share_parameter("1", "OpenOOD knn.yml"),
            FeatureBank::seed_parameter()};
}

/// The k nearest of what is added, by squared distance and then by number.
class Nearest {
public:
    explicit Nearest(std::size_t k) : k_(k) {}

    void add(double distance, std::size_t number) {
        const std::pair one(distance, number);
        if (heap_.size() == k_ && !(one < heap_.front())) return;
        if (heap_.size() == k_) {
            std::ranges::pop_heap(heap_);
            heap_.pop_back();
        }
        heap_.push_back(one);
        std::ranges::push_heap(heap_);
    }

    std::size_t farthest() const { return heap_.front().second; }

private:
    std::size_t k_;
    std::vector<std::pair<double, std::size_t>> heap_; ///< the farthest in front
};

class Knn final : public FittedDetector {
public:
    explicit Knn(const io::FittedFile& fitted)
        : FittedDetector(fitted, FeatureBank::features_of(FittedState(fitted))), bank_(file()) {
        const auto k = static_cast<std::size_t>(ParameterValues(fitted, parameters()).whole("k", 1));
        k_ = std::min(k, bank_.rows());
    }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        stats::for_row_blocks(scores.size(), [&](std::size_t first, std::size_t count) {
            std::vector<double> queries(count * features());
            for (std::size_t i = 0; i < count; ++i)
                load_features(activations.features.row(static_cast<std::int64_t>(first + i)), FeatureScale::l2,
                              std::span(queries).subspan(i * features(), features()));
            std::vector<Nearest> nearest(count, Nearest(k_));
            bank_.for_each_product(queries, count, [&](std::size_t b, std::span<const double> products) {
                // |q - g|^2 = |q|^2 + |g|^2 - 2 q g, without |q|^2, which all have; g of length 1, or 0.
                const double length = bank_.length(b), squared = length > 0 ? 1 : 0;
                for (std::size_t i = 0; i < count; ++i)
                    nearest[i].add(squared - 2 * (length > 0 ? products[i] / length : 0), b);
            });
            for (std::size_t i = 0; i < count; ++i)
                scores[first + i] =
                    distance(std::span(queries).subspan(i * features(), features()), nearest[i].farthest());
        });
    }

private:
    /// From the differences: of near neighbours the sum above leaves no digits.
    double distance(std::span<const double> query, std::size_t b) const {
        const double length = bank_.length(b) > 0 ? bank_.length(b) : 1;
        const auto row = bank_.row(b);
        double squares = 0;
        for (std::size_t j = 0; j < row.size(); ++j) {
            const double difference = query[j] - static_cast<double>(row[j]) / length;
            squares += difference * difference;
        }
        return std::sqrt(squares);
    }

    FeatureBank bank_;
    std::size_t k_ = 1;
};

std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const TrainingRows& rows = *data.rows();
    const ParameterValues values(name, parameters(), typed);
    const std::int64_t k = values.whole("k", 1);
    io::FittedFile file = begin_fitted(name, rows, values);
    FeatureBank::add_to(file, rows, values, k);
    if (k > rows.rows()) {
        add_warning(file, "k is " + std::to_string(k) + ", and there are " + std::to_string(rows.rows()) +
                              " rows: the score is the distance to the farthest of them");
    }
    return load_as<Knn>(file);
}

} // namespace

Method method::knn() {
    return {.name = name,
            .summary = "distance to the k-th nearest training row (Sun et al. 2022)",
            .formula = "|f/|f| - g|, g the k-th nearest of the training rows' f/|f|",
            .needs = {.features = true},
            .parameters = parameters(),
            .make = nullptr,
            .fit = fit,
            .load = load_as<Knn>};
}

} // namespace openset::detect
