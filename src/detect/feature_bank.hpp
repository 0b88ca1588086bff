#pragma once

#include <functional>
#include <span>
#include <vector>

#include "detect/fitted_state.hpp"
#include "detect/training_walk.hpp"
#include "stats/row_products.hpp"

namespace openset::detect {

/// Training features that new rows are held against, as the store has them: the array `bank` [rows, features] of a fitted
/// detector, a random part of the store where that was wanted.
class FeatureBank {
public:
    /// The parameters by which a part is chosen: `share` and `seed`.
    static Parameter share_parameter(const std::string& usual, const std::string& source);
    static Parameter seed_parameter();

    /// Puts round(share * rows) rows of the store, at_least of them where there are so many, into a file; which ones depends
    /// on the seed and on the number of rows alone.
    /// receive  called for each of them, in the order of the store
    static void add_to(io::FittedFile& file, const TrainingRows& rows, const ParameterValues& values,
                       std::int64_t at_least, const std::function<void(const TrainingRow&)>& receive = {});

    /// Columns of the bank in a file. Throws Error(corrupt) where there is none.
    static std::int64_t features_of(const FittedState& state);

    /// file  must outlive the bank
    explicit FeatureBank(const io::FittedFile& file);

    std::size_t rows() const { return lengths_.size(); }
    std::size_t features() const { return features_; }
    std::span<const float> row(std::size_t index) const { return bank_.subspan(index * features_, features_); }
    double length(std::size_t index) const { return lengths_[index]; } ///< its 2-norm

    /// Calls receive(b, products) for each row b of the bank, in rising order: its inner products with the queries.
    /// queries  [count, features]
    void for_each_product(std::span<const double> queries, std::size_t count,
                          const std::function<void(std::size_t b, std::span<const double> products)>& receive) const;

private:
    std::size_t features_;
    std::span<const float> bank_; ///< [rows, features]
    std::vector<double> lengths_;
};

} // namespace openset::detect
