#include "torch/script_module.hpp"

#include <algorithm>
#include <optional>
#include <sstream>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/script.h>

#include "openset/base/byte_sink.hpp"
#include "openset/base/error.hpp"
#include "torch/graph.hpp"
#include "torch/guarded.hpp"
#include "torch/quantised_engine.hpp"
#include "torch/tensor_values.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;

/// Whether the module is a Linear of these weights.
bool is_linear(const jit::Module& module, const model::Head& head) {
    if (!module.hasattr("weight") || !module.hasattr("bias")) return false;
    const jit::IValue weight = module.attr("weight"), bias = module.attr("bias");
    if (!weight.isTensor() || !bias.isTensor()) return false;
    const at::Tensor matrix = weight.toTensor();
    return matrix.dim() == 2 && matrix.size(0) == head.classes() && matrix.size(1) == head.features() &&
           float_values(matrix) == head.weight() && float_values(bias.toTensor()) == head.bias();
}

void convert(const jit::Module& module, at::ScalarType type) {
    const auto convert_one = [type](const at::Tensor& tensor) {
        if (tensor.is_floating_point() && tensor.scalar_type() != type) tensor.set_data(tensor.to(type));
    };
    for (const at::Tensor& tensor : module.parameters()) convert_one(tensor);
    for (const at::Tensor& tensor : module.buffers()) convert_one(tensor);
}

} // namespace

void convert_to_float(jit::Module& module) { convert(module, at::kFloat); }

LoadedModule load_module(const std::filesystem::path& path) {
    return guarded(path.string(), [&] {
        choose_quantised_engine();
        LoadedModule loaded{jit::load(path.string(), at::kCPU)};
        loaded.module.eval();
        for (const at::Tensor& tensor : loaded.module.parameters()) {
            if (!tensor.is_floating_point()) continue;
            loaded.stored_as = tensor.scalar_type();
            break;
        }
        convert_to_float(loaded.module);
        return loaded;
    });
}

std::string find_head(const jit::Module& module, const std::string& hint, const std::string& where) {
    return guarded(where, [&]() -> std::string {
        jit::Module frozen = module.clone();
        frozen.eval();
        frozen = jit::freeze_module(frozen);
        const auto head = cut_at_head(frozen);
        if (!head) {
            throw Error(ErrorKind::model, where + ": its logits do not come straight from a Linear, expected one there "
                                                  "to replace");
        }
        std::optional<std::string> found;
        for (const auto& named : module.named_modules()) {
            if (!is_linear(named.value, *head)) continue;
            if (!found || named.name == hint) found = named.name;
        }
        if (!found) {
            throw Error(ErrorKind::model, where +
                                              ": its last Linear is no submodule with a weight and a bias, expected "
                                              "one as torch.nn.Linear makes it");
        }
        return *found;
    });
}

jit::Module submodule(const jit::Module& module, const std::string& path) {
    jit::Module found = module;
    std::istringstream names(path);
    for (std::string name; std::getline(names, name, '.');) found = found.attr(name).toModule();
    return found;
}

void set_head(const jit::Module& module, const std::string& path, const model::Head& head) {
    jit::Module linear = submodule(module, path);
    const at::Tensor weight = linear.attr("weight").toTensor();
    if (weight.size(1) != head.features())
        throw Error(ErrorKind::usage, path + " takes " + std::to_string(weight.size(1)) +
                                          " features, found a head of " + std::to_string(head.features()) +
                                          "; expected features of the same network");
    const auto replace = [&linear](const char* name, const std::vector<float>& values, at::IntArrayRef shape) {
        const at::Tensor old = linear.attr(name).toTensor();
        at::Tensor tensor = at::empty(shape, at::kFloat);
        std::ranges::copy(values, tensor.data_ptr<float>());
        tensor = tensor.to(old.device(), old.scalar_type());
        tensor.set_requires_grad(old.requires_grad());
        linear.setattr(name, tensor);
    };
    replace("weight", head.weight(), {head.classes(), head.features()});
    replace("bias", head.bias(), {head.classes()});
}

void save_module(const jit::Module& module, at::ScalarType stored_as, const model::ModelInfo& info,
                 const std::filesystem::path& path) {
    const std::string bytes = guarded(path.string(), [&] {
        const jit::Module copy = module.deepcopy();
        convert(copy, stored_as);
        std::ostringstream archive;
        copy.save(archive, {{"openset.json", model::to_json(info)}});
        return archive.str();
    });
    write_file_atomically(path, bytes);
}

} // namespace openset::torch
