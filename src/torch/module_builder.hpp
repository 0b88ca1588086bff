#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <utility>
#include <vector>

#include "openset/base/random.hpp"

/// Layers as TorchScript modules, with torch.nn's names of parameters and buffers.
namespace openset::torch {

/// What a convolution is, besides its channels.
struct Convolution {
    std::int64_t kernel = 3;
    std::int64_t stride = 1;
    bool bias = false;
};

/// Makes the modules of one network. Their weights are drawn from the seed, a stream of random numbers for each tensor.
class ModuleBuilder {
public:
    using Module = ::torch::jit::Module;
    /// In the order in which they are registered: that of a state_dict, of parameters() and of blocks().
    using Children = std::vector<std::pair<std::string, Module>>;

    explicit ModuleBuilder(std::uint64_t seed);

    /// A module with children and methods.
    /// type    name of its class in the archive
    /// source  of each method in TorchScript, in an order in which each calls only those before it
    Module module(const std::string& type, const Children& children, const std::vector<std::string>& source);

    /// torch.nn.Sequential.
    Module sequential(const std::vector<Module>& children);

    /// torch.nn.Conv2d, padded by half its kernel. With a bias it begins as there, without one as torchvision's ResNets do:
    /// normal of deviation sqrt(2 / fan_out) (He et al. 2015).
    Module convolution(std::int64_t inputs, std::int64_t outputs, const Convolution& kind);

    /// torch.nn.ConvTranspose2d of kernel 2 and stride 2: doubles the sides. Initialised as there.
    Module doubling(std::int64_t inputs, std::int64_t outputs);

    /// torch.nn.BatchNorm2d with its defaults.
    Module batch_norm(std::int64_t channels);

    /// torch.nn.Linear, initialised as there.
    Module linear(std::int64_t features, std::int64_t outputs);

private:
    Module empty_module(const std::string& type);
    Random next_stream() { return Random(seed_, next_stream_++); }
    /// weight and bias as torch.nn begins them: uniform within 1 / sqrt(fan_in).
    void register_default(Module& module, const std::vector<std::int64_t>& sizes, std::int64_t outputs, double fan_in);

    std::shared_ptr<::torch::jit::CompilationUnit> unit_;
    std::uint64_t seed_;
    std::uint32_t next_stream_ = 0;
};

} // namespace openset::torch
