#include <iostream>

#include <openset/torch/runtime.hpp>

int main() {
    const openset::torch::RuntimeFacts facts = openset::torch::runtime_facts();
    std::cout << "LibTorch " << facts.compiled_version << ", " << facts.cpu_capability << "\n";
    return facts.compiled_version.empty() ? 1 : 0;
}
