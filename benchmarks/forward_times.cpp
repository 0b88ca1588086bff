// CPU time of openset's own forward passes, one thread: what benchmarks/peers/onnx_openvino.py holds beside other engines'.
//
//   forward_times MODEL BATCH ROUNDS [torch|onednn [fp32|bf16]]   ->  the CPU ms a picture of each round, one a line
//
// An int8 network of openset quantize is a MODEL of its own.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "openset/base/error.hpp"
#include "openset/model/network.hpp"
#include "openset/model/network_file.hpp"
#include "openset/torch/runtime.hpp"
#include "openset/torch/script_network.hpp"

namespace {

using namespace openset;

/// Of all threads: none of them may hide work.
double cpu_milliseconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 4 || argc > 6)
        return std::fputs("usage: forward_times MODEL BATCH ROUNDS [torch|onednn [fp32|bf16]]\n", stderr), 2;
    const std::string engine = argc > 4 ? argv[4] : "torch", precision = argc > 5 ? argv[5] : "fp32";
    try {
        torch::prepare_process();
        torch::LoadOptions options;
        options.engine = engine == "onednn" ? torch::Engine::onednn : torch::Engine::torch;
        options.precision = precision == "bf16" ? torch::Precision::bf16 : torch::Precision::fp32;
        const auto network = torch::load_network(model::open_network_file(argv[1]), options);
        if (network->report().engine != engine) // a time under the wrong name is worse than none
            return std::fprintf(stderr, "forward_times: %s does not run on %s\n", argv[1], engine.c_str()), 1;
        if (network->report().precision != precision && !network->info().quantisation)
            return std::fprintf(stderr, "forward_times: %s does not run in %s here\n", argv[1], precision.c_str()), 1;
        const image::Size size = network->info().preprocess.crop.value_or(image::Size{224, 224});
        model::Batch batch{std::atoi(argv[2]), size.height, size.width, {}};
        batch.data.resize(static_cast<std::size_t>(batch.count) * 3 *
                          static_cast<std::size_t>(size.height * size.width));
        for (std::size_t i = 0; i < batch.data.size(); ++i) batch.data[i] = static_cast<float>(i * 7919 % 256) / 64 - 2;
        for (int i = 0; i < 3; ++i) network->run(batch); // the first ones compile
        for (int round = 0; round < std::atoi(argv[3]); ++round) {
            const double start = cpu_milliseconds();
            logits(*network, network->run(batch));
            std::printf("%.3f\n", (cpu_milliseconds() - start) / batch.count);
        }
    } catch (const Error& error) {
        std::fprintf(stderr, "forward_times: %s\n", error.what());
        return 1;
    }
    return 0;
}
