#pragma once

#include <filesystem>
#include <string>
#include <torch/csrc/jit/api/module.h>

#include "openset/model/head.hpp"
#include "openset/model/model_info.hpp"

/// TorchScript modules as they are saved: unfrozen, with parameters that can be replaced and trained.
namespace openset::torch {

/// A module with parameters and buffers in float, and the type in which its weights were stored.
struct LoadedModule {
    ::torch::jit::Module module;
    at::ScalarType stored_as = at::kFloat; ///< kHalf, kBFloat16, kFloat or kDouble
};

/// On the CPU, in eval mode. Throws Error(model) where LibTorch cannot read the file.
LoadedModule load_module(const std::filesystem::path& path);

/// Parameters and buffers in half, bfloat16 or double become float: kernels for half are slow or missing on processors.
void convert_to_float(::torch::jit::Module& module);

/// The name of the Linear that the logits come from, as a path of submodules ("fc", "classifier.1"; empty: the
/// module itself has its weights).
/// hint   that of the ModelInfo, which decides between Linears of equal weights; may be empty
/// where  names the network in messages
/// Throws Error(model) where the logits do not come straight from a Linear with a bias that is a submodule of its own.
std::string find_head(const ::torch::jit::Module& module, const std::string& hint, const std::string& where);

/// The submodule of that path; the module itself where it is empty.
::torch::jit::Module submodule(const ::torch::jit::Module& module, const std::string& path);

/// Replaces the weights of the Linear; the number of classes may change, that of the features may not (Error(internal)).
void set_head(const ::torch::jit::Module& module, const std::string& path, const model::Head& head);

/// Writes the module with its ModelInfo inside as `openset.json`, whole or not at all; the module itself stays as it is.
/// stored_as  the type of its floating-point weights in the file
void save_module(const ::torch::jit::Module& module, at::ScalarType stored_as, const model::ModelInfo& info,
                 const std::filesystem::path& path);

} // namespace openset::torch
