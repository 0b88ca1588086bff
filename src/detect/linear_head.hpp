#pragma once

#include <functional>
#include <span>
#include <vector>

#include "detect/fitted_state.hpp"
#include "stats/row_products.hpp"

namespace openset::detect {

/// The network's last layer, W f + b in double, as a part of a fitted detector: its arrays `head_weight` and `head_bias`.
class LinearHead {
public:
    /// Puts the head of the data into a file.
    /// Throws Error(usage) where W f + b is more than 1e-3 away from the logits: the scores would be another network's.
    static void add_to(io::FittedFile& file, const TrainingData& data);

    /// The same without the arrays, for a method that keeps something else of the head.
    static void check(io::FittedFile& file, const TrainingData& data);

    /// The largest distance of W f + b from the logits, over some of the rows from the whole store.
    static double largest_error(const TrainingRows& rows);

    /// kept  [classes, features]: which of the weights count, the others are 0; empty: all of them
    explicit LinearHead(const FittedState& state, const std::vector<bool>& kept = {});

    /// How many features the head of a file takes. Throws Error(corrupt) where there is none.
    static std::int64_t features_of(const FittedState& state);

    std::size_t features() const { return weight_.depth(); }
    std::size_t classes() const { return bias_.size(); }

    /// rows    [count, features]
    /// logits  [count, classes]
    void apply(std::span<const double> rows, std::size_t count, std::span<double> logits) const {
        weight_.multiply(rows, count, bias_, logits);
    }

private:
    stats::PackedMatrix weight_; ///< [features, classes]
    std::vector<double> bias_;
};

/// A detector that applies the network's head.
class HeadDetector : public FittedDetector {
protected:
    /// kept  as LinearHead has it
    explicit HeadDetector(const io::FittedFile& file, const std::vector<bool>& kept = {});

    const LinearHead& head() const { return head_; }

private:
    LinearHead head_;
};

/// scores[i] = -LSE(W change(f_i) + b): the energy of what the head makes of changed features. Works in blocks.
/// features  [scores.size(), head.features()]
void score_energy(const LinearHead& head, const io::FloatRows& features,
                  const std::function<void(std::span<double> features)>& change, std::span<double> scores);

} // namespace openset::detect
