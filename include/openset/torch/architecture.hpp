#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "openset/torch/trainable_network.hpp"

/// Networks that openset builds by itself, as TorchScript: what is saved opens in Python (torch.jit.load) as well as here.
namespace openset::torch {

/// What a network does with the picture first.
enum class Stem {
    imagenet, ///< 7x7 convolution of stride 2, then 3x3 maximum of stride 2: pictures of 64 pixels and more (He et al. 2016)
    cifar, ///< 3x3 convolution of stride 1: pictures of about 32 pixels; 16 times the work for one of equal size
};

struct Architecture {
    std::string name = "resnet18"; ///< of architecture_names()
    int width = 64;                ///< channels of the first stage, 1 or more; each further stage has twice as many
    Stem stem = Stem::imagenet;    ///< of a ResNet; dhrnet has its own and takes no other
};

/// "resnet18", "resnet34", "resnet50", "dhrnet".
const std::vector<std::string>& architecture_names();

/// A network with fresh weights.
///
/// resnet*  He et al. 2016 as torchvision 0.14 has it (stride in the 3x3 convolution of a bottleneck), with its names of
///          parameters and buffers: at width 64 and with Stem::imagenet a state_dict fits both ways. Initialised as there:
///          convolutions normal with deviation sqrt(2 / fan_out), batch normalisation 1 and 0, the Linear `fc` uniform
///          within 1 / sqrt(features).
/// dhrnet   the Deep Hierarchical Reconstruction Network of CROSR (Yoshihashi et al. 2019, arXiv 1812.04246) for pictures
///          whose sides are multiples of 4: three stages of two 3x3 convolutions; of each stage a bottleneck of 32 maps z,
///          from which, with what the stage above gave, the decoder makes the picture again. forward() returns
///          {"logits": [n, outputs], "latents": [n, 96]}, the largest value of each map of z; a second method,
///          reconstruct(), returns the logits and the picture as decoded.
///
/// outputs  rows of the head, 1 or more
/// seed     the same weights for the same seed, with every LibTorch
/// Throws Error(usage): no such name, or a width or stem that it cannot have.
TrainableNetwork build_network(const Architecture& architecture, int outputs, std::uint64_t seed);

} // namespace openset::torch
