#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "openset/engine/compiled_network.hpp"
#include "openset/model/network.hpp"
#include "openset/model/network_file.hpp"

/// TorchScript networks on LibTorch. No LibTorch type appears in these headers.
namespace openset::torch {

/// What runs the graph up to the head.
enum class Engine {
    automatic, ///< what LoadOptions::choose_engine says; torch where there is none
    torch,     ///< LibTorch: knows every operation
    onednn,    ///< engine::CompiledNetwork: convolutional networks for pictures of one size, on the CPU
};

/// What weights and the values between layers are rounded to; sums and what comes out are float.
enum class Precision {
    fp32,
    bf16, ///< of the engine onednn
    fp16, ///< of CUDA devices
};

struct LoadOptions {
    std::string device = "auto"; ///< auto (a CUDA device where there is one), cpu, cuda, cuda:N
    bool optimise = true;        ///< cut, fold, fuse and pack; off: the network exactly as it was saved
    bool share_trunk = true;     ///< networks of equal trunk() have one copy of it between them
    Engine engine =
        Engine::automatic; ///< with `optimise`; where it cannot run a network, LibTorch does, with a warning
    Precision precision = Precision::fp32; ///< where the device or the engine lacks it fp32, with a warning
    /// Asked with LoadReport::graph, so that networks which are one up to the head get one engine, and share its work.
    std::function<Engine(const std::string& graph)> choose_engine = {};
};

/// What became of a network file.
struct LoadReport {
    std::string device;                ///< "cpu", "cuda:0"
    std::string engine = "torch";      ///< "torch" or "onednn"
    std::string precision = "fp32";    ///< in which most of it is computed: "fp32", "bf16", "fp16" or "int8"
    std::string graph;                 ///< a digest of what is run up to the head(), whatever runs it; empty: not known
    bool cut_at_head = false;          ///< features come from the graph, logits from our own head
    bool picture_by_picture = false;   ///< a batch goes through one by one, see load_network
    std::vector<std::string> warnings; ///< what looks wrong: sentences that name the file
};

class ScriptNetwork : public model::Network {
public:
    virtual const LoadReport& report() const = 0;
};

/// Loads a TorchScript archive (saved by torch 1.13 or newer; half and double weights are computed in float).
///
/// Where the graph's logits come from a Linear, the graph is cut in front of it: run() returns the penultimate
/// features, head() is the Linear (not so without `optimise`). The output may be a tensor, a tuple whose first element,
/// or a dict whose entry `logits` is the logits; further tensors [n, ...] become extras, by their key or as output1,
/// output2, ...
///
/// A network that is cut has a trunk(), a digest of the graph that is left, with its weights and the device, unless
/// something in it cannot be told (random operations, attributes that freezing leaves in the module).
///
/// Engine::onednn agrees with LibTorch to a few units in the last place of the largest number between two layers; verdicts
/// near a threshold may differ.
///
/// On the CPU equal pictures give equal bits, whatever the batch, their place in it and the number of threads: an
/// optimised convolutional network has this property by itself. One that holds operations whose kernels are chosen by
/// the batch, or that is not optimised, does not; it is given the pictures of a batch one by one. CUDA devices make no
/// such promise.
///
/// On the CPU what it is made into is held against the network as it was saved, on a picture of noise; where LibTorch's
/// optimised graph is off, it runs as it was saved, with a warning.
///
/// Where the preprocessing fixes the input's size the network is tried once on a blank picture.
/// The caller bounds LibTorch's own threads with prepare_process().
///
/// Throws Error(model): LibTorch cannot read the file, it refuses its own input size, or the number of outputs is not
/// the number of labels (one output for two labels is a single-logit head). Error(usage): no such device.
std::unique_ptr<ScriptNetwork> load_network(const model::NetworkFile& file, const LoadOptions& options = {});

} // namespace openset::torch
