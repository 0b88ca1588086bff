#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "openset/detect/training_rows.hpp"
#include "openset/io/fitted_file.hpp"

namespace openset::stats {
struct SymmetricEigen;
} // namespace openset::stats

namespace openset::detect {

/// What the features are taken as.
enum class FeatureScale {
    as_they_are,
    l2, ///< of length 1; a vector of zeros stays one
};

/// Means of rows in groups.
struct GroupMeans {
    std::vector<std::int64_t> counts; ///< [groups]
    std::vector<double> means;        ///< [groups, columns]; zeros where there are no rows

    GroupMeans() = default;
    GroupMeans(std::size_t groups, std::size_t columns) : counts(groups), means(groups * columns) {}

    std::size_t groups() const { return counts.size(); }
    std::size_t columns() const { return counts.empty() ? 0 : means.size() / counts.size(); }
    std::span<const double> of(std::size_t group) const { return std::span(means).subspan(group * columns(), columns()); }
    std::span<double> of(std::size_t group) { return std::span(means).subspan(group * columns(), columns()); }

    std::int64_t rows() const;
    /// [columns] the mean of all rows.
    std::vector<double> overall() const;
};

/// Sums of (f - m)(f - m)' over the rows, [features, features], m the mean of a row's label.
struct Scatter {
    std::vector<double> labelled;   ///< rows with a label
    std::vector<double> unlabelled; ///< rows without one, about their own mean; empty: there are none
};

/// What detectors are fitted on: labelled rows, with what several methods take of all of them computed once, or the sums of
/// rows alone, of one store or of many that never lay on one machine. A fit on merged sums is the fit on all rows but for
/// rounding (Chan, Golub & LeVeque 1979, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances).
///
/// One thread at a time: sums are computed where they are first asked for, each in one or two walks through the rows.
class TrainingData {
public:
    /// rows  must outlive this, with what it views
    TrainingData(const TrainingRows& rows); // NOLINT(google-explicit-constructor): rows are data to fit on

    TrainingData(TrainingData&&) noexcept;
    ~TrainingData();

    /// Of files that sums() made. Throws Error(corrupt) where a file does not hold together, Error(usage) where it is no file
    /// of sums, or of another network, head or preprocessing than the first, which it names.
    static TrainingData merged(std::span<const io::FittedFile> parts);

    /// The method that such files name.
    static constexpr const char* sums_name = "sums";

    /// All sums, as a file.
    io::FittedFile sums() const;

    /// What is known without looking at a row.
    const TrainingFacts& facts() const;

    /// Null: only the sums are there.
    const TrainingRows* rows() const;

    /// Of the features; group `classes` holds the rows without a label.
    const GroupMeans& by_label(FeatureScale scale) const;
    const Scatter& scatter(FeatureScale scale) const;
    /// The mean of (f - centre)(f - centre)' over all rows, [features, features]. centre  [features]
    std::vector<double> squares_about(std::span<const double> centre, FeatureScale scale) const;
    /// Of that matrix; the same centre is computed once.
    const stats::SymmetricEigen& eigen_about(std::span<const double> centre, FeatureScale scale) const;
    /// Of the labelled rows' covariance about their class's mean. Needs a row with a label.
    const stats::SymmetricEigen& eigen_within(FeatureScale scale) const;
    /// Of the features, by label, of the rows whose label has the largest logit.
    const GroupMeans& of_correct() const;
    /// Of the softmax, by the class with the largest logit.
    const GroupMeans& softmax_by_prediction() const;
    /// The largest distance of W f + b from the logits, over rows from everywhere.
    double head_error() const;

private:
    struct State;
    explicit TrainingData(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace openset::detect
