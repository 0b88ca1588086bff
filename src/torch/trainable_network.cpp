#include "openset/torch/trainable_network.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include "torch/initial_weights.hpp"
#include "torch/script_module.hpp"
#include "torch/tensor_values.hpp"
#include "torch/trainable_network_impl.hpp"

namespace openset::torch {
namespace {

namespace jit = ::torch::jit;

std::int64_t count_numbers(const jit::Module& module) {
    std::int64_t count = 0;
    for (const at::Tensor& parameter : module.parameters()) count += parameter.numel();
    return count;
}

bool has_numbered_children(const jit::Module& module) {
    bool numbered = false;
    for (const auto& child : module.named_children()) {
        numbered = std::ranges::all_of(child.name, [](unsigned char c) { return std::isdigit(c) != 0; });
        if (!numbered) break;
    }
    return numbered;
}

/// Whether it has a matrix or the filters of a convolution.
bool has_matrix(const jit::Module& module) {
    for (const at::Tensor& parameter : module.parameters()) {
        if (parameter.dim() >= 2) return true;
    }
    return false;
}

class BlockFinder {
public:
    BlockFinder(const jit::Module& network, std::string head)
        : head_(std::move(head)), half_(count_numbers(network) / 2) {
        look_into(network, "");
    }

    std::vector<std::vector<std::string>> take() { return std::move(blocks_); }

private:
    void look_into(const jit::Module& module, const std::string& prefix) {
        for (const auto& child : module.named_children()) {
            const std::string path = prefix + child.name;
            const std::int64_t numbers = count_numbers(child.value);
            if (numbers == 0 || path == head_) continue;
            const bool has_children = child.value.named_children().size() > 0;
            const bool holds_head = head_.starts_with(path + ".");
            if (has_children && (holds_head || has_numbered_children(child.value) || numbers > half_)) {
                look_into(child.value, path + ".");
            } else if (has_matrix(child.value) || blocks_.empty()) {
                blocks_.push_back({path});
            } else {
                blocks_.back().push_back(path);
            }
        }
    }

    std::string head_;
    std::int64_t half_;
    std::vector<std::vector<std::string>> blocks_;
};

} // namespace

TrainableNetwork::TrainableNetwork(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
TrainableNetwork::TrainableNetwork(TrainableNetwork&&) noexcept = default;
TrainableNetwork& TrainableNetwork::operator=(TrainableNetwork&&) noexcept = default;
TrainableNetwork::~TrainableNetwork() = default;

const std::string& TrainableNetwork::head() const { return implementation_->head; }

int TrainableNetwork::outputs() const {
    return static_cast<int>(submodule(implementation_->module, head()).attr("weight").toTensor().size(0));
}

void TrainableNetwork::set_head(const model::Head& head) {
    torch::set_head(implementation_->module, implementation_->head, head);
}

std::vector<std::vector<std::string>> TrainableNetwork::blocks() const {
    return BlockFinder(implementation_->module, head()).take();
}

void TrainableNetwork::save(const std::filesystem::path& path, const model::ModelInfo& info) const {
    save_module(implementation_->module, implementation_->stored_as, info, path);
}

TrainableNetwork load_for_training(const model::NetworkFile& file, int outputs, std::uint64_t seed) {
    LoadedModule loaded = load_module(file.path);
    auto network = std::make_unique<TrainableNetwork::Implementation>();
    network->module = loaded.module;
    network->stored_as = loaded.stored_as;
    network->head = find_head(network->module, file.info.head, file.path.string());
    const auto features = static_cast<int>(submodule(network->module, network->head).attr("weight").toTensor().size(1));
    // As torch.nn.Linear begins.
    const double bound = 1 / std::sqrt(static_cast<double>(features));
    const at::Tensor weight = uniform_tensor({outputs, features}, bound, Random(seed, 0));
    const at::Tensor bias = uniform_tensor({outputs}, bound, Random(seed, 1));
    set_head(network->module, network->head, model::Head(outputs, features, float_values(weight), float_values(bias)));
    return TrainableNetwork(std::move(network));
}

} // namespace openset::torch
