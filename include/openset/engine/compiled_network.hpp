#pragma once

#include <memory>
#include <string>
#include <vector>

#include "openset/engine/layer_graph.hpp"
#include "openset/model/network.hpp"

/// Layer graphs on the CPU, through oneDNN. No type of oneDNN appears here.
namespace openset::engine {

/// What weights and the values between layers are rounded to. Sums are float in every case, and so is what goes in and
/// comes out.
enum class Precision { fp32, bf16 };

/// Whether this processor multiplies in that precision by itself; where it does not, it would be no faster than fp32.
bool has_fast(Precision precision);

/// Version of the oneDNN that runs: "2.6.3".
std::string onednn_version();

/// The instructions that oneDNN chooses its kernels for here: "avx2", "avx512_core_bf16".
std::string onednn_instruction_set();

/// A layer graph made ready to run: layouts chosen, weights laid out once for all threads, memory planned.
///
/// Equal pictures give equal bits, whatever the batch, their place in it and the number of threads that call: pictures go
/// through one by one, each on the thread that asks; in eight bits four at a time, if that gives the same bits on trial.
class CompiledNetwork {
public:
    /// Throws Error(model): oneDNN has no kernel for one of the layers. Error(out_of_memory).
    explicit CompiledNetwork(const LayerGraph& graph, Precision precision = Precision::fp32);
    ~CompiledNetwork();
    CompiledNetwork(const CompiledNetwork&) = delete;
    CompiledNetwork& operator=(const CompiledNetwork&) = delete;

    /// The graph's outputs in its order, [count, channels * height * width] each. Several threads may call at once.
    /// Throws Error(model) for pictures of another size than the graph's input. Error(out_of_memory).
    std::vector<model::Matrix> run(const model::Batch& batch) const;

    /// Which kernel runs each layer, one a line: for people who look for the slow one.
    std::string description() const;

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

} // namespace openset::engine
