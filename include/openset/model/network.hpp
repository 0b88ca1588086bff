#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "openset/image/picture.hpp"
#include "openset/image/preprocess.hpp"
#include "openset/model/head.hpp"
#include "openset/model/model_info.hpp"

namespace openset::model {

/// Pictures of one size, ready for a network.
struct Batch {
    int count = 0;
    int height = 0;
    int width = 0;
    std::vector<float> data; ///< [count, 3, height, width]
};

/// A float matrix, row-major [rows, columns].
struct Matrix {
    int rows = 0;
    int columns = 0;
    std::vector<float> values;

    std::span<const float> row(int index) const {
        return {values.data() + static_cast<std::size_t>(index) * static_cast<std::size_t>(columns),
                static_cast<std::size_t>(columns)};
    }
};

/// What a network returns for a batch: one row a picture in each matrix.
struct Outputs {
    Matrix logits;                        ///< empty where the network has a head(): logits are the head's business then
    Matrix features;                      ///< penultimate features; empty where the network does not show them
    std::map<std::string, Matrix> extras; ///< further tensors by name, flattened to one row a picture
};

/// A network, whatever is behind it. run() may be called by several threads at once.
class Network {
public:
    virtual ~Network() = default;

    virtual const ModelInfo& info() const = 0;

    /// The last Linear, where the network is cut in front of it; its input are the features that run() returns.
    virtual const Head* head() const = 0;

    /// What tells a network's trunk, all of it up to the head(), from others. Networks of equal trunk(), not empty, return
    /// for one batch the same features and extras bit for bit: what one of them returned serves the other, which has but
    /// to apply its own head. Empty: not known, or no head().
    virtual std::string trunk() const { return {}; }

    /// In which most of it is computed: "fp32", "bf16", "fp16" or "int8".
    virtual std::string precision() const { return info().quantisation ? "int8" : "fp32"; }

    /// Throws Error(out_of_memory) where a smaller batch may pass, Error(model) where the network refuses the input.
    virtual Outputs run(const Batch& batch) = 0;

    /// The same for pictures that are resized and cropped but not normalised: where the network is on another device,
    /// bytes go there instead of floats. The numbers are those of image::normalise in every case.
    /// pictures    one or more, all of one size
    /// preprocess  its mean and std are what is looked at
    virtual Outputs run_pictures(std::span<const image::Picture* const> pictures,
                                 const image::PreprocessSpec& preprocess);
};

/// Pictures as a network takes them on the CPU: image::normalise for each.
/// pictures  one or more, all of one size
Batch normalised(std::span<const image::Picture* const> pictures, const image::PreprocessSpec& preprocess);

/// The logits of a network's outputs: the head applied to the features, or what the network itself gave.
/// [count, classes]
Matrix logits(const Network& network, const Outputs& outputs);

} // namespace openset::model
