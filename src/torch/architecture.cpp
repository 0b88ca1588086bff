#include "openset/torch/architecture.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "openset/base/error.hpp"
#include "openset/base/spelling.hpp"
#include "torch/module_builder.hpp"
#include "torch/trainable_network_impl.hpp"

namespace openset::torch {
namespace {

using Module = ::torch::jit::Module;

// ---- ResNet (He et al. 2016), as torchvision.models.resnet has it

struct ResNetPlan {
    std::string_view name;
    bool bottleneck;           ///< blocks of 1x1, 3x3, 1x1 instead of 3x3, 3x3
    std::array<int, 4> blocks; ///< of each stage
};

constexpr std::array<ResNetPlan, 3> resnets = {{
    {"resnet18", false, {2, 2, 2, 2}},
    {"resnet34", false, {3, 4, 6, 3}},
    {"resnet50", true, {3, 4, 6, 3}},
}};

constexpr std::int64_t bottleneck_expansion = 4;

class ResNetBuilder {
public:
    ResNetBuilder(const ResNetPlan& plan, const Architecture& architecture, std::uint64_t seed)
        : plan_(plan), architecture_(architecture), build_(seed) {}

    Module network(int outputs) {
        const bool imagenet = architecture_.stem == Stem::imagenet;
        std::int64_t channels = architecture_.width;
        ModuleBuilder::Children children;
        children.emplace_back("conv1",
                              build_.convolution(3, channels, imagenet ? Convolution{7, 2} : Convolution{3, 1}));
        children.emplace_back("bn1", build_.batch_norm(channels));
        std::int64_t inner = architecture_.width;
        for (std::size_t stage = 0; stage < plan_.blocks.size(); ++stage, inner *= 2) {
            std::vector<Module> blocks;
            for (int block = 0; block < plan_.blocks.at(stage); ++block) {
                const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
                const std::int64_t outer = plan_.bottleneck ? inner * bottleneck_expansion : inner;
                blocks.push_back(plan_.bottleneck ? bottleneck(channels, inner, outer, stride)
                                                  : basic_block(channels, outer, stride));
                channels = outer;
            }
            children.emplace_back("layer" + std::to_string(stage + 1), build_.sequential(blocks));
        }
        children.emplace_back("fc", build_.linear(channels, outputs));
        const std::string pool = imagenet ? "    x = torch.max_pool2d(x, [3, 3], [2, 2], [1, 1])\n" : "";
        return build_.module("ResNet", children, {R"(
def forward(self, x):
    x = torch.relu_(self.bn1.forward(self.conv1.forward(x)))
)" + pool + R"(
    x = self.layer1.forward(x)
    x = self.layer2.forward(x)
    x = self.layer3.forward(x)
    x = self.layer4.forward(x)
    x = torch.flatten(torch.adaptive_avg_pool2d(x, [1, 1]), 1)
    return self.fc.forward(x)
)"});
    }

private:
    Module basic_block(std::int64_t inputs, std::int64_t outputs, std::int64_t stride) {
        ModuleBuilder::Children children;
        children.emplace_back("conv1", build_.convolution(inputs, outputs, {3, stride}));
        children.emplace_back("bn1", build_.batch_norm(outputs));
        children.emplace_back("conv2", build_.convolution(outputs, outputs, {3, 1}));
        children.emplace_back("bn2", build_.batch_norm(outputs));
        return residual("BasicBlock", std::move(children), inputs, outputs, stride, R"(
def forward(self, x):
    y = torch.relu_(self.bn1.forward(self.conv1.forward(x)))
    y = self.bn2.forward(self.conv2.forward(y))
    return torch.relu_(y.add_(self.shortcut(x)))
)");
    }

    Module bottleneck(std::int64_t inputs, std::int64_t inner, std::int64_t outputs, std::int64_t stride) {
        ModuleBuilder::Children children;
        children.emplace_back("conv1", build_.convolution(inputs, inner, {1, 1}));
        children.emplace_back("bn1", build_.batch_norm(inner));
        children.emplace_back("conv2", build_.convolution(inner, inner, {3, stride}));
        children.emplace_back("bn2", build_.batch_norm(inner));
        children.emplace_back("conv3", build_.convolution(inner, outputs, {1, 1}));
        children.emplace_back("bn3", build_.batch_norm(outputs));
        return residual("Bottleneck", std::move(children), inputs, outputs, stride, R"(
def forward(self, x):
    y = torch.relu_(self.bn1.forward(self.conv1.forward(x)))
    y = torch.relu_(self.bn2.forward(self.conv2.forward(y)))
    y = self.bn3.forward(self.conv3.forward(y))
    return torch.relu_(y.add_(self.shortcut(x)))
)");
    }

    /// The block with what carries x past its convolutions.
    Module residual(const std::string& type, ModuleBuilder::Children children, std::int64_t inputs,
                    std::int64_t outputs, std::int64_t stride, const std::string& forward) {
        std::string shortcut = "def shortcut(self, x):\n    return x\n";
        if (stride != 1 || inputs != outputs) {
            children.emplace_back("downsample", build_.sequential({build_.convolution(inputs, outputs, {1, stride}),
                                                                   build_.batch_norm(outputs)}));
            shortcut = "def shortcut(self, x):\n    return self.downsample.forward(x)\n";
        }
        return build_.module(type, children, {shortcut, forward});
    }

    ResNetPlan plan_;
    Architecture architecture_;
    ModuleBuilder build_;
};

// ---- DHRNet (after Yoshihashi et al. 2019)

constexpr std::int64_t latent_maps = 32; // of each stage

class DhrNetBuilder {
public:
    explicit DhrNetBuilder(std::uint64_t seed) : build_(seed) {}

    Module network(int width, int outputs) {
        const std::int64_t c1 = width, c2 = c1 * 2, c3 = c2 * 2;
        ModuleBuilder::Children children;
        children.emplace_back("stage1", stage(3, c1));
        children.emplace_back("stage2", stage(c1, c2));
        children.emplace_back("stage3", stage(c2, c3));
        children.emplace_back("bottleneck1", build_.convolution(c1, latent_maps, {1, 1, true}));
        children.emplace_back("bottleneck2", build_.convolution(c2, latent_maps, {1, 1, true}));
        children.emplace_back("bottleneck3", build_.convolution(c3, latent_maps, {1, 1, true}));
        children.emplace_back("expand1", build_.convolution(latent_maps, c1, {1, 1, true}));
        children.emplace_back("expand2", build_.convolution(latent_maps, c2, {1, 1, true}));
        children.emplace_back("expand3", build_.convolution(latent_maps, c3, {1, 1, true}));
        children.emplace_back("decode3", build_.doubling(c3, c2));
        children.emplace_back("decode2", build_.doubling(c2, c1));
        children.emplace_back("decode1", build_.convolution(c1, 3, {3, 1, true}));
        children.emplace_back("fc", build_.linear(c3, outputs));
        return build_.module("DHRNet", children, {encode, classify, forward, reconstruct});
    }

private:
    Module stage(std::int64_t inputs, std::int64_t outputs) {
        ModuleBuilder::Children children;
        children.emplace_back("conv1", build_.convolution(inputs, outputs, {3, 1}));
        children.emplace_back("bn1", build_.batch_norm(outputs));
        children.emplace_back("conv2", build_.convolution(outputs, outputs, {3, 1}));
        children.emplace_back("bn2", build_.batch_norm(outputs));
        return build_.module("Stage", children, {R"(
def forward(self, x):
    x = torch.relu_(self.bn1.forward(self.conv1.forward(x)))
    return torch.relu_(self.bn2.forward(self.conv2.forward(x)))
)"});
    }

    /// x of the last stage, and z of each.
    static constexpr const char* encode = R"(
def encode(self, x):
    x1 = self.stage1.forward(x)
    x2 = self.stage2.forward(torch.max_pool2d(x1, [2, 2]))
    x3 = self.stage3.forward(torch.max_pool2d(x2, [2, 2]))
    z1 = torch.relu(self.bottleneck1.forward(x1))
    z2 = torch.relu(self.bottleneck2.forward(x2))
    z3 = torch.relu(self.bottleneck3.forward(x3))
    return (x3, z1, z2, z3)
)";
    static constexpr const char* classify = R"(
def classify(self, x3):
    return self.fc.forward(torch.flatten(torch.adaptive_avg_pool2d(x3, [1, 1]), 1))
)";
    static constexpr const char* forward = R"(
def forward(self, x):
    x3, z1, z2, z3 = self.encode(x)
    latents = torch.cat([torch.amax(z1, [2, 3]), torch.amax(z2, [2, 3]), torch.amax(z3, [2, 3])], 1)
    return {"logits": self.classify(x3), "latents": latents}
)";
    static constexpr const char* reconstruct = R"(
def reconstruct(self, x):
    x3, z1, z2, z3 = self.encode(x)
    y = torch.relu(self.decode3.forward(torch.relu(self.expand3.forward(z3))))
    y = torch.relu(self.decode2.forward(y + torch.relu(self.expand2.forward(z2))))
    return (self.classify(x3), self.decode1.forward(y + torch.relu(self.expand1.forward(z1))))
)";

    ModuleBuilder build_;
};

constexpr std::string_view dhrnet = "dhrnet";

void check(const Architecture& architecture, int outputs) {
    const auto& names = architecture_names();
    if (std::ranges::find(names, architecture.name) == names.end()) {
        throw Error(ErrorKind::usage, "no architecture \"" + architecture.name +
                                          "\", expected resnet18, resnet34, resnet50 or dhrnet" +
                                          did_you_mean(architecture.name, names));
    }
    constexpr int widest = 1024;
    if (architecture.width < 1 || architecture.width > widest) {
        throw Error(ErrorKind::usage, "width " + std::to_string(architecture.width) + ", expected 1 to " +
                                          std::to_string(widest) + " channels in the first stage");
    }
    if (outputs < 1) {
        throw Error(ErrorKind::usage, "a network of " + std::to_string(outputs) + " outputs, expected 1 or more");
    }
    if (architecture.name == dhrnet && architecture.stem != Stem::imagenet) {
        throw Error(ErrorKind::usage, architecture.name + ": has a stem of its own; leave the stem out");
    }
}

Module build_module(const Architecture& architecture, int outputs, std::uint64_t seed) {
    if (architecture.name == dhrnet) return DhrNetBuilder(seed).network(architecture.width, outputs);
    const auto* const plan = std::ranges::find(resnets, architecture.name, &ResNetPlan::name);
    return ResNetBuilder(*plan, architecture, seed).network(outputs);
}

} // namespace

const std::vector<std::string>& architecture_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const ResNetPlan& plan : resnets) all.emplace_back(plan.name);
        all.emplace_back(dhrnet);
        return all;
    }();
    return names;
}

TrainableNetwork build_network(const Architecture& architecture, int outputs, std::uint64_t seed) {
    check(architecture, outputs);
    auto implementation = std::make_unique<TrainableNetwork::Implementation>();
    implementation->module = build_module(architecture, outputs, seed);
    implementation->head = "fc";
    return TrainableNetwork(std::move(implementation));
}

} // namespace openset::torch
