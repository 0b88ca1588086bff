#pragma once

#include <string>
#include <torch/csrc/jit/api/module.h>

#include "openset/torch/trainable_network.hpp"

namespace openset::torch {

struct TrainableNetwork::Implementation {
    ::torch::jit::Module module; ///< parameters and buffers in float, on the CPU, in eval mode
    std::string head;            ///< path of the last Linear
    at::ScalarType stored_as = at::kFloat;
};

} // namespace openset::torch
