#include <algorithm>
#include <cmath>

#include "detect/fitted_state.hpp"
#include "detect/method_files.hpp"
#include "detect/training_walk.hpp"
#include "stats/row_products.hpp"
#include "stats/symmetric_eigen.hpp"

// Mahalanobis distances of the features, squared. S is the covariance of the features around their class's mean, by label,
// divided by the number of rows; its pseudo-inverse leaves out eigenvalues below 1e-6 of the largest.
//
//   mahalanobis           min over c of (f - mu_c)' S^+ (f - mu_c). Lee et al. 2018, A Simple Unified Framework for Detecting
//                         Out-of-Distribution Samples and Adversarial Attacks (NeurIPS), without its input noise
//   relative-mahalanobis  the same minus (f - mu)' S_0^+ (f - mu), mean and covariance of all rows. Ren et al. 2021, A Simple
//                         Fix to Mahalanobis Distance for Improving Near-OOD Detection (arXiv 2106.09022)
//   ...-l2                the same of f / |f|. Mueller & Hein 2025, Mahalanobis++ (ICML, arXiv 2505.18032)
namespace openset::detect {
namespace {

constexpr const char* plain_name = "mahalanobis";
constexpr const char* relative_name = "relative-mahalanobis";
constexpr const char* plain_l2_name = "mahalanobis-l2";
constexpr const char* relative_l2_name = "relative-mahalanobis-l2";

bool is_relative(std::string_view method) { return method.starts_with("relative"); }

FeatureScale scale_of(std::string_view method) {
    return method.ends_with("-l2") ? FeatureScale::l2 : FeatureScale::as_they_are;
}

double squared_length(std::span<const double> values) {
    double sum = 0;
    for (const double value : values) sum += value * value;
    return sum;
}

double squared_distance(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/// A matrix P [features, rank] with P P' the pseudo-inverse of a covariance.
io::FittedArray whitening_of(const stats::SymmetricEigen& eigen) {
    const std::size_t rank = eigen.rank();
    std::vector<double> values(eigen.size * rank);
    for (std::size_t j = 0; j < rank; ++j) {
        const auto vector = eigen.vector(j);
        const double deviation = std::sqrt(eigen.values[j]);
        for (std::size_t i = 0; i < eigen.size; ++i) values[i * rank + j] = vector[i] / deviation;
    }
    return {{std::ssize(eigen.values), static_cast<std::int64_t>(rank)}, std::move(values)};
}

stats::PackedMatrix packed(const io::FittedArray& array) {
    return {array.values, static_cast<std::size_t>(array.shape[0]), static_cast<std::size_t>(array.shape[1])};
}

/// Distances are taken where the covariance is 1: of z = P' (f - mean) to the classes' P' (mu_c - mean).
class Mahalanobis final : public FittedDetector {
public:
    explicit Mahalanobis(const io::FittedFile& fitted)
        : FittedDetector(fitted, FittedState(fitted).array("mean", FittedState::any).shape[0]),
          scale_(scale_of(fitted.method)), mean_(file().arrays.at("mean").values) {
        const ParameterValues none(fitted, {});
        const FittedState state(file());
        const auto columns = needs().features;
        whitening_ = packed(state.array("whitening", columns, FittedState::any));
        const io::FittedArray& centres =
            state.array("centres", FittedState::any, static_cast<std::int64_t>(whitening_.columns()));
        centres_ = centres.values;
        nearest_ = stats::PackedMatrix::of_transposed(centres_, whitening_.columns(),
                                                      static_cast<std::size_t>(centres.shape[0]));
        for (std::size_t c = 0; c < nearest_.columns(); ++c) lengths_.push_back(squared_length(centre(c)));
        if (is_relative(fitted.method))
            background_ = packed(state.array("background_whitening", columns, FittedState::any));
    }

    void score(const io::Activations& activations, std::span<double> scores) const override {
        stats::for_row_blocks(scores.size(), [&](std::size_t first, std::size_t count) {
            std::vector<double> rows(count * features());
            for (std::size_t i = 0; i < count; ++i) {
                const auto row = std::span(rows).subspan(i * features(), features());
                load_features(activations.features.row(static_cast<std::int64_t>(first + i)), scale_, row);
                for (std::size_t j = 0; j < row.size(); ++j) row[j] -= mean_[j];
            }
            const auto to = scores.subspan(first, count);
            add_distances_to_classes(rows, to);
            if (background_.depth() > 0) subtract_distances_to_all(rows, to);
        });
    }

private:
    std::span<const double> centre(std::size_t index) const {
        return centres_.subspan(index * whitening_.columns(), whitening_.columns());
    }

    void add_distances_to_classes(std::span<const double> rows, std::span<double> scores) const {
        const std::size_t rank = whitening_.columns(), centres = nearest_.columns();
        std::vector<double> z(scores.size() * rank), minus_twice(z.size()), distances(scores.size() * centres);
        whitening_.multiply(rows, scores.size(), {}, z);
        std::ranges::transform(z, minus_twice.begin(), [](double value) { return -2 * value; });
        nearest_.multiply(minus_twice, scores.size(), lengths_, distances); // without |z|^2, which all have
        for (std::size_t i = 0; i < scores.size(); ++i) {
            const auto of_row = std::span(distances).subspan(i * centres, centres);
            const auto nearest = static_cast<std::size_t>(std::ranges::min_element(of_row) - of_row.begin());
            // Anew from the differences: of near neighbours those squares leave no digits.
            scores[i] = squared_distance(std::span(z).subspan(i * rank, rank), centre(nearest));
        }
    }

    void subtract_distances_to_all(std::span<const double> rows, std::span<double> scores) const {
        const std::size_t rank = background_.columns();
        std::vector<double> z(scores.size() * rank);
        background_.multiply(rows, scores.size(), {}, z);
        for (std::size_t i = 0; i < scores.size(); ++i)
            scores[i] -= squared_length(std::span(z).subspan(i * rank, rank));
    }

    FeatureScale scale_;
    std::span<const double> mean_;    ///< [features] of all rows
    stats::PackedMatrix whitening_;   ///< [features, rank]
    std::span<const double> centres_; ///< [centres, rank]
    stats::PackedMatrix nearest_;     ///< [rank, centres]
    std::vector<double> lengths_;     ///< [centres] squared
    stats::PackedMatrix background_;  ///< [features, rank]; of a relative distance
};

const stats::SymmetricEigen& with_rank(const stats::SymmetricEigen& eigen, const TrainingFacts& facts,
                                       const std::string& what) {
    if (eigen.rank() == 0) {
        throw Error(ErrorKind::usage,
                    facts.name + ": the features of " + what +
                        " are all equal, expected some that differ: there is no covariance to measure "
                        "distances by");
    }
    return eigen;
}

/// P' (mu_c - mean) of the classes that have rows.
io::FittedArray centres_of(const GroupMeans& means, std::span<const double> mean, const stats::PackedMatrix& whitening) {
    std::vector<double> differences;
    std::size_t count = 0;
    for (std::size_t c = 0; c + 1 < means.groups(); ++c) { // the last group has no label
        if (means.counts[c] == 0) continue;
        ++count;
        for (std::size_t i = 0; i < mean.size(); ++i) differences.push_back(means.of(c)[i] - mean[i]);
    }
    std::vector<double> centres(count * whitening.columns());
    whitening.multiply(differences, count, {}, centres);
    return {{static_cast<std::int64_t>(count), static_cast<std::int64_t>(whitening.columns())}, std::move(centres)};
}

template <const char* const& name>
std::unique_ptr<Detector> fit(const TrainingData& data, const Parameters& typed) {
    const ParameterValues none(name, {}, typed);
    const FeatureScale scale = scale_of(name);
    const TrainingFacts& facts = data.facts();
    const GroupMeans& means = data.by_label(scale);
    const std::vector<double> mean = means.overall();
    io::FittedFile file = begin_fitted(name, facts, none);
    const auto& of_class = with_rank(data.eigen_within(scale), facts, "each class");
    file.arrays["mean"] = {{facts.features}, mean};
    file.arrays["whitening"] = whitening_of(of_class);
    file.arrays["centres"] = centres_of(means, mean, packed(file.arrays["whitening"]));
    add_diagnostic(file, "rank", of_class.rank());
    if (is_relative(name)) {
        if (std::ranges::count_if(means.counts, [](std::int64_t rows) { return rows > 0; }) < 2) {
            throw Error(ErrorKind::usage, facts.name + ": has rows of one class alone, expected two at least: the distance from "
                                                       "it and that from all rows are the same");
        }
        const auto& of_all = with_rank(data.eigen_about(mean, scale), facts, "all rows");
        file.arrays["background_whitening"] = whitening_of(of_all);
        add_diagnostic(file, "background_rank", of_all.rank());
    }
    return load_as<Mahalanobis>(file);
}

template <const char* const& name>
Method method_of(const std::string& summary, const std::string& formula) {
    return {.name = name,
            .summary = summary,
            .formula = formula,
            .needs = {.features = true, .labels = true, .rows = false},
            .parameters = {},
            .make = nullptr,
            .fit = fit<name>,
            .load = load_as<Mahalanobis>};
}

} // namespace

Method method::mahalanobis() {
    return method_of<plain_name>("distance from the nearest class mean in units of the scatter (Lee et al. 2018)",
                                 "min over c of (f - mu_c)' S^+ (f - mu_c)");
}

Method method::relative_mahalanobis() {
    return method_of<relative_name>("the same minus the distance from the mean of all rows (Ren et al. 2021)",
                                    "min over c of M_c(f) - M_0(f)");
}

Method method::mahalanobis_l2() {
    return method_of<plain_l2_name>("mahalanobis of features of length 1 (Mueller & Hein 2025)",
                                    "mahalanobis of f / |f|");
}

Method method::relative_mahalanobis_l2() {
    return method_of<relative_l2_name>("relative-mahalanobis of features of length 1 (Mueller & Hein 2025)",
                                       "relative-mahalanobis of f / |f|");
}

} // namespace openset::detect
