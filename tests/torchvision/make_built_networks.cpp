// make_built_networks DIR: networks that openset builds, for Python to compare with torchvision's. Seed 5, 10 outputs.

#include <filesystem>
#include <string>

#include "openset/torch/architecture.hpp"

using namespace openset;

int main(int, char** argv) {
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder);
    for (const std::string& name : torch::architecture_names()) {
        const torch::TrainableNetwork network = torch::build_network({name}, 10, 5);
        model::ModelInfo info;
        info.name = name;
        for (int i = 0; i < network.outputs(); ++i) info.labels.push_back("class " + std::to_string(i));
        network.save(folder / (name + ".pt"), info);
    }
}
