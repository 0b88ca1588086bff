#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "openset/model/network.hpp"
#include "openset/model/network_file.hpp"
#include "openset/stats/value_histogram.hpp"

/// Networks in eight bits: post-training static quantisation (Jacob et al. 2018, arXiv 1712.05877; Krishnamoorthi 2018,
/// arXiv 1806.08342).
namespace openset::torch {

/// What stands in eight bits, and what does not.
struct QuantisedLayers {
    int convolutions = 0;                ///< in eight bits
    int sums = 0, concatenations = 0;    ///< likewise
    std::map<std::string, int> in_float; ///< further operations on pictures or features, by name
};

/// Makes an int8 network of a TorchScript one: convolutions, with the activations behind them, sums and concatenations in
/// eight bits; the mean over the picture, the last Linear and whatever else there is stay in float.
///
/// Activations take 8 bits, a scale and a zero point a tensor; weights 7 bits, symmetric, a scale a channel. No sum of
/// products ever overflows 16 bits on processors without VNNI, so that they give the same bits as those with.
///
/// The network is meant for pictures of one size, that of its preprocessing: paddings that are computed of it are constant.
class Quantiser {
public:
    /// Throws Error(model): LibTorch cannot read the file, it is quantised already or holds no convolution, its input has no
    /// fixed size, or it cannot be rewritten.
    explicit Quantiser(const model::NetworkFile& file);
    Quantiser(const Quantiser&) = delete;
    Quantiser& operator=(const Quantiser&) = delete;
    ~Quantiser();

    const QuantisedLayers& layers() const;

    /// Runs pictures through the network in float and counts what values its layers take. May be called by several threads at
    /// once: what comes out does not depend on the order. Throws Error(model) for values that are not finite.
    void observe(const model::Batch& pictures);
    std::int64_t observed() const; ///< pictures so far

    /// Runs pictures of uniform noise, from a seed of its own, and widens the ranges of RangeRule::minmax half the way to what
    /// they drive layers to. That is further than photographs do: cut off there, what is no photograph would look more like
    /// one; all the way costs photographs more digits than it gives. Weights are not rounded for them. Throws Error(model) for values that are not finite.
    void observe_noise();

    /// The int8 network as the bytes of a TorchScript archive with the ModelInfo inside.
    /// coverage  of RangeRule::percentile
    /// Throws Error(usage) where nothing was observed.
    std::string archive(const model::ModelInfo& info, stats::RangeRule rule, double coverage) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace openset::torch
