#pragma once

#include <memory>
#include <span>
#include <vector>

namespace openset::stats {
class PackedMatrix;
}

namespace openset::model {

/// The last Linear of a network, taken out of it: logits = W f + b.
class Head {
public:
    /// weight  [classes, features], row-major; bias [classes]
    Head(int classes, int features, std::span<const float> weight, std::span<const float> bias);

    int classes() const { return classes_; }
    int features() const { return features_; }

    /// weight [classes, features] and bias [classes], as given.
    std::vector<float> weight() const;
    const std::vector<float>& bias() const { return bias_; }

    /// Logits of rows of features, each summed in double from feature 0 upwards, bias last, rounded to float once. No
    /// BLAS: the same bits whatever the batch, the thread count or the processor.
    /// features  [rows, features()]
    /// logits    [rows, classes()]
    void apply(std::span<const float> features, std::span<float> logits) const;

private:
    int classes_;
    int features_;
    std::shared_ptr<const stats::PackedMatrix> weight_; ///< [features, classes]; shared by copies
    std::vector<float> bias_;
};

} // namespace openset::model
