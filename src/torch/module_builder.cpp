#include "torch/module_builder.hpp"

#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <cmath>

#include "torch/initial_weights.hpp"

namespace openset::torch {
namespace {

std::string pair(std::int64_t value) {
    const std::string text = std::to_string(value);
    return "[" + text + ", " + text + "]";
}

} // namespace

ModuleBuilder::ModuleBuilder(std::uint64_t seed)
    : unit_(std::make_shared<::torch::jit::CompilationUnit>()), seed_(seed) {}

ModuleBuilder::Module ModuleBuilder::empty_module(const std::string& type) {
    // Each module is a class of its own: what its methods call depends on its children.
    Module module("__torch__.openset." + type, unit_, /*shouldMangle=*/true);
    module.register_attribute("training", c10::BoolType::get(), false);
    return module;
}

ModuleBuilder::Module ModuleBuilder::module(const std::string& type, const Children& children,
                                            const std::vector<std::string>& source) {
    Module module = empty_module(type);
    for (const auto& [name, child] : children) module.register_module(name, child);
    for (const std::string& method : source) module.define(method);
    return module;
}

ModuleBuilder::Module ModuleBuilder::sequential(const std::vector<Module>& children) {
    Children numbered;
    std::string forward = "def forward(self, x):\n";
    for (const Module& child : children) {
        const std::string number = std::to_string(numbered.size());
        numbered.emplace_back(number, child);
        forward += "    x = getattr(self, \"" + number + "\").forward(x)\n"; // no attribute is spelled as a number
    }
    return module("Sequential", numbered, {forward + "    return x\n"});
}

ModuleBuilder::Module ModuleBuilder::convolution(std::int64_t inputs, std::int64_t outputs, const Convolution& kind) {
    Module module = empty_module("Conv2d");
    const auto area = static_cast<double>(kind.kernel * kind.kernel);
    const std::vector<std::int64_t> sizes{outputs, inputs, kind.kernel, kind.kernel};
    if (kind.bias) {
        register_default(module, sizes, outputs, static_cast<double>(inputs) * area);
    } else {
        const double deviation = std::sqrt(2 / (static_cast<double>(outputs) * area));
        module.register_parameter("weight", normal_tensor(sizes, deviation, next_stream()), false);
    }
    module.define("def forward(self, x):\n    return torch.conv2d(x, self.weight, " +
                  std::string(kind.bias ? "self.bias" : "None") + ", " + pair(kind.stride) + ", " +
                  pair(kind.kernel / 2) + ")\n");
    return module;
}

ModuleBuilder::Module ModuleBuilder::doubling(std::int64_t inputs, std::int64_t outputs) {
    Module module = empty_module("ConvTranspose2d");
    register_default(module, {inputs, outputs, 2, 2}, outputs, static_cast<double>(outputs) * 4);
    module.define(
        "def forward(self, x):\n    return torch.conv_transpose2d(x, self.weight, self.bias, [2, 2], [0, 0])\n");
    return module;
}

void ModuleBuilder::register_default(Module& module, const std::vector<std::int64_t>& sizes, std::int64_t outputs,
                                     double fan_in) {
    const double bound = 1 / std::sqrt(fan_in);
    module.register_parameter("weight", uniform_tensor(sizes, bound, next_stream()), false);
    module.register_parameter("bias", uniform_tensor({outputs}, bound, next_stream()), false);
}

ModuleBuilder::Module ModuleBuilder::batch_norm(std::int64_t channels) {
    Module module = empty_module("BatchNorm2d");
    module.register_parameter("weight", at::ones({channels}), false);
    module.register_parameter("bias", at::zeros({channels}), false);
    module.register_buffer("running_mean", at::zeros({channels}));
    module.register_buffer("running_var", at::ones({channels}));
    module.register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
    module.define(R"(
def forward(self, x):
    if self.training:
        self.num_batches_tracked.add_(1)
    return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training, 0.1, 1e-05, True)
)");
    return module;
}

ModuleBuilder::Module ModuleBuilder::linear(std::int64_t features, std::int64_t outputs) {
    Module module = empty_module("Linear");
    register_default(module, {outputs, features}, outputs, static_cast<double>(features));
    module.define("def forward(self, x):\n    return torch.linear(x, self.weight, self.bias)\n");
    return module;
}

} // namespace openset::torch
