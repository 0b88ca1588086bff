// openset doctor: what this machine has, and what will be slow. With --model: does the optimised network agree?

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <limits>
#include <opencv2/core.hpp>
#include <random>
#include <thread>

#include "cli/blas_environment.hpp"
#include "cli/command.hpp"
#include "cli/network_defaults.hpp"
#include "cli/version.hpp"
#include "doctor/engines.hpp"
#include "doctor/line.hpp"
#include "openset/base/error.hpp"
#include "openset/base/log.hpp"
#include "openset/image/fixed_size.hpp"
#include "openset/torch/runtime.hpp"
#include "openset/torch/script_network.hpp"
#include "pictures/side_by_side.hpp"

using namespace openset;
using doctor::line;

namespace {

std::string instruction_sets() {
    std::string sets;
#if defined(__x86_64__)
    const auto add = [&sets](const char* name, bool has) {
        if (has) sets += (sets.empty() ? "" : ", ") + std::string(name);
    };
    __builtin_cpu_init();
    add("AVX", __builtin_cpu_supports("avx") != 0);
    add("AVX2", __builtin_cpu_supports("avx2") != 0);
    add("FMA", __builtin_cpu_supports("fma") != 0);
    add("AVX-512", __builtin_cpu_supports("avx512f") != 0);
    add("AVX-512 VNNI", __builtin_cpu_supports("avx512vnni") != 0);
    add("AVX-512 BF16", __builtin_cpu_supports("avx512bf16") != 0);
#endif
    return sets.empty() ? "no vector extensions known to openset" : sets;
}

/// OpenBLAS kernels for processors without AVX2.
bool is_slow_kernel(const std::string& kernel) {
    static const std::vector<std::string> slow = {"Prescott", "Core2",     "Penryn", "Dunnington", "Atom",
                                                  "Nehalem",  "Northwood", "Banias", "Katmai",     "Generic"};
    return std::ranges::find(slow, kernel) != slow.end();
}

int check_machine() {
    const auto facts = torch::runtime_facts();
    std::vector<std::string> slow;
    line("openset", cli::version);
    line("LibTorch", facts.compiled_version);
    line("BLAS", facts.blas + (facts.openblas_kernel.empty() ? "" : ", kernel " + facts.openblas_kernel));
    line("oneDNN", facts.onednn.empty() ? "none" : facts.onednn);
    line("LibTorch kernels", facts.cpu_capability);
    line("processor", instruction_sets());
    if (const auto vnni = torch::has_vnni()) {
        line("int8", *vnni ? "AVX-512 VNNI: networks of openset quantize run several times faster than in float"
                           : "no AVX-512 VNNI: networks of openset quantize give the same figures, but gain less time");
    }
    line("cores", std::to_string(std::thread::hardware_concurrency()));
    line("threads",
         "infer runs one inference thread a core; LibTorch alone would use " + std::to_string(facts.threads));
    line("OpenCV", CV_VERSION);
    line("CUDA",
         !facts.cuda_built ? "this LibTorch is built without it" : std::to_string(facts.cuda_devices) + " devices");
    for (const auto& [variable, wanted] : cli::blas_environment(cli::this_processor())) {
        const char* value = std::getenv(variable.c_str());
        line(variable, value == nullptr ? "not set; \"openset COMMAND\" sets it to " + wanted : std::string(value));
    }

    const auto processor = cli::this_processor();
    if (facts.onednn.empty())
        slow.emplace_back("this LibTorch has no oneDNN: convolutions run several times slower; use Debian's "
                          "libtorch-dev or pip's torch");
    if (is_slow_kernel(facts.openblas_kernel) && processor.avx2_fma) {
        slow.push_back("OpenBLAS chose its " + facts.openblas_kernel +
                       " kernel on a processor with AVX2: matrix products run at about a fifth of the speed. Start "
                       "commands as \"openset COMMAND\", or set OPENBLAS_CORETYPE=" +
                       (processor.avx512 ? "SkylakeX" : "Haswell"));
    }
    if (facts.blas.starts_with("no OpenBLAS")) slow.emplace_back("no fast BLAS: install libopenblas0-pthread");
    if (!processor.avx2_fma) slow.emplace_back("no AVX2: expect a quarter of the speed of a processor that has it");
    std::cout << "\n";
    for (const std::string& sentence : slow) std::cout << "slow: " << sentence << "\n";
    if (slow.empty()) std::cout << "nothing here will be slow\n";
    return cli::exit_done;
}

struct Timed {
    model::Matrix logits;
    double milliseconds_a_picture;
};

Timed forward(model::Network& network, const model::Batch& batch) {
    model::logits(network, network.run(batch)); // the first passes compile and warm up
    const auto start = std::chrono::steady_clock::now();
    model::Matrix logits = model::logits(network, network.run(batch));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return {std::move(logits), 1000 * seconds / batch.count};
}

model::Batch noise(const image::PreprocessSpec& spec, int count) {
    const image::Size size = image::fixed_size(spec).value_or(image::Size{224, 224});
    model::Batch batch{count, size.height, size.width, {}};
    batch.data.resize(static_cast<std::size_t>(count) * 3 * static_cast<std::size_t>(size.height) *
                      static_cast<std::size_t>(size.width));
    std::mt19937 random(1);
    std::ranges::generate(batch.data, [&random] { return static_cast<float>(random() % 2048) / 512.0F - 2.0F; });
    return batch;
}

/// The same pictures alone and in batches of several sizes: ATen's kernels change at 2 and at 16.
bool same_bits_in_any_batch(model::Network& network, const image::PreprocessSpec& spec) {
    const auto batch = noise(spec, 64);
    const auto all = model::logits(network, network.run(batch)).values;
    const std::size_t picture = batch.data.size() / 64, classes = all.size() / 64;
    const auto equals_part_of_all = [&](std::size_t first, std::size_t count) {
        const auto start = batch.data.begin() + static_cast<std::ptrdiff_t>(first * picture);
        const model::Batch part{static_cast<int>(count),
                                batch.height,
                                batch.width,
                                {start, start + static_cast<std::ptrdiff_t>(count * picture)}};
        const auto logits = model::logits(network, network.run(part)).values;
        return std::memcmp(logits.data(), &all[first * classes], logits.size() * sizeof(float)) == 0;
    };
    return equals_part_of_all(0, 1) && equals_part_of_all(63, 1) && equals_part_of_all(7, 5) &&
           equals_part_of_all(30, 16);
}

int check_model(const std::string& path, const std::string& device, const model::InfoDefaults& defaults) {
    torch::prepare_process();
    const auto file = model::open_network_file(path, defaults);
    for (const std::string& assumption : file.assumptions) log_warning(assumption);
    const auto plain = torch::load_network(file, {device, false});
    const auto optimised = torch::load_network(file, {device, true});
    for (const std::string& warning : optimised->report().warnings) log_warning(warning);
    const auto batch = noise(file.info.preprocess, 8);
    const auto expected = forward(*plain, batch), got = forward(*optimised, batch);

    double largest = 0, scale = 0;
    int same_top = 0;
    for (int i = 0; i < batch.count; ++i) {
        const auto a = expected.logits.row(i), b = got.logits.row(i);
        for (std::size_t k = 0; k < a.size(); ++k) {
            const double apart = std::abs(static_cast<double>(a[k]) - static_cast<double>(b[k]));
            largest = std::isfinite(apart) ? std::max(largest, apart) : std::numeric_limits<double>::infinity();
            if (std::isinf(largest)) break;
            scale = std::max(scale, std::abs(static_cast<double>(a[k])));
        }
        same_top += pictures::likeliest(a) == pictures::likeliest(b) ? 1 : 0;
    }
    const auto& report = optimised->report();
    const bool agrees = largest <= 1e-4 * std::max(1.0, scale) && same_top == batch.count;
    line("network", path + ", " + std::to_string(expected.logits.columns) + " outputs, input " +
                        std::to_string(batch.height) + "x" + std::to_string(batch.width));
    line("device", report.device);
    line("head", report.cut_at_head ? "last Linear found: features come from the graph, logits from openset's own head"
                                    : "no Linear at the end: logits come from the network itself");
    char figures[256];
    std::snprintf(
        figures, sizeof figures,
        "largest difference in a logit %.2g (logits up to %.3g), same likeliest label for %d of %d noise pictures",
        largest, scale, same_top, batch.count);
    line("agreement", figures);
    line("same bits", same_bits_in_any_batch(*optimised, file.info.preprocess)
                          ? "alone and in batches of 5, 16 and 64: yes"
                          : "alone and in batches of 5, 16 and 64: NO");
    if (report.picture_by_picture)
        line(
            "batches",
            "holds operations whose bits depend on the batch: pictures run one by one, to keep rows independent of it");
    std::snprintf(figures, sizeof figures, "%.1f ms a picture as saved, %.1f ms optimised (batch of 8, one thread)",
                  expected.milliseconds_a_picture, got.milliseconds_a_picture);
    line("speed", figures);
    std::cout
        << (agrees
                ? "\nthe optimised network agrees with the one that was saved\n"
                : "\nthe optimised network DISAGREES with the one that was saved: use --no-optimise, and report it\n");
    return agrees ? cli::exit_done : cli::exit_failed;
}

} // namespace

int main(int argc, char** argv) {
    std::string model_path, device = "auto";
    std::vector<std::string> pictures;
    cli::NetworkDefaults defaults;
    cli::Command command(
        "openset doctor",
        "Says what this machine has and what will be slow; with --model, whether a network runs as it should.",
        {{"openset doctor", "libraries, processor, threads"},
         {"openset doctor --model cats8.pt", "load it, compare optimised and plain, time it"},
         {"openset doctor --model cats8.pt photos/", "compare engines on your pictures, for --engine auto"}});
    command.app()
        .add_option("PICTURE", pictures,
                    "compare LibTorch and onednn on these pictures, and remember it for --engine "
                    "auto")
        ->type_name("PICTURE");
    command.app().add_option("--model", model_path, "network to try")->type_name("FILE");
    command.app().add_option("--device", device, "auto, cpu, cuda or cuda:N")->type_name("DEVICE");
    defaults.add_options(command.app());
    for (const char* flag : {"--device", "--labels", "--preprocess", "PICTURE"})
        command.app().get_option(flag)->needs(command.app().get_option("--model"));
    return command.main(argc, argv, [&] {
        if (model_path.empty()) return check_machine();
        return pictures.empty()
                   ? check_model(model_path, device, defaults.read())
                   : doctor::compare_engines(model::open_network_file(model_path, defaults.read()), pictures, device);
    });
}
