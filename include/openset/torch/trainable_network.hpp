#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "openset/model/head.hpp"
#include "openset/model/model_info.hpp"
#include "openset/model/network_file.hpp"

namespace openset::torch {

/// A TorchScript module as it is saved, neither frozen nor cut, whose parameters can learn. No LibTorch type appears here.
class TrainableNetwork {
public:
    struct Implementation; ///< of src/torch/trainable_network_impl.hpp

    explicit TrainableNetwork(std::unique_ptr<Implementation> implementation);
    TrainableNetwork(TrainableNetwork&&) noexcept;
    TrainableNetwork& operator=(TrainableNetwork&&) noexcept;
    ~TrainableNetwork();

    /// The last Linear, as a path of submodules: "fc", "classifier.1".
    const std::string& head() const;
    int outputs() const;

    /// Gives the last Linear these weights; the number of features is its own (else Error(internal)), outputs may change.
    void set_head(const model::Head& head);

    /// What can be kept from learning, from the input to the output and without the head: each the paths of the submodules
    /// that belong together, such as {"conv1", "bn1"}, {"layer1.0"}, ..., {"layer4.1"} of a ResNet.
    ///
    /// They are read off the tree of submodules: the network itself, modules whose children have numbers for names
    /// (Sequential) and modules with more than half of all numbers in them are looked into; what holds no matrix and no
    /// filter, as a batch normalisation, belongs to what stands before it.
    std::vector<std::vector<std::string>> blocks() const;

    /// Writes a TorchScript archive with the ModelInfo inside, whole or not at all. Its parameters have the type in which
    /// the file that this network came from stored them; float for one that was built.
    void save(const std::filesystem::path& path, const model::ModelInfo& info) const;

    Implementation& implementation() { return *implementation_; }
    const Implementation& implementation() const { return *implementation_; }

private:
    std::unique_ptr<Implementation> implementation_;
};

/// A network file as a start for training: its last Linear is replaced by one of `outputs` rows, drawn from the seed as
/// torch.nn.Linear draws its own. Half and double weights become float.
///
/// Throws Error(model): LibTorch cannot read the file, or its logits do not come straight from a Linear.
TrainableNetwork load_for_training(const model::NetworkFile& file, int outputs, std::uint64_t seed);

} // namespace openset::torch
