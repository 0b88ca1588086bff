// CPU time of one thread for a picture's way to the tensor, in steps: what benchmarks/pixels.py holds beside Pillow's.
//
//   pixel_times ROUNDS PICTURE...     ->  a line a picture and step: PICTURE <tab> STEP <tab> microseconds, a number a round
//
// Resizing: shorter side to 256, cropped to 224 x 224, by each of the kernels that this processor has.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <malloc.h>

#include "image/resample.hpp"
#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/image/decode.hpp"
#include "openset/image/preprocess.hpp"

namespace {

using namespace openset;
using namespace openset::image;

double cpu_microseconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

PreprocessSpec to_224(Interpolation interpolation) {
    PreprocessSpec spec;
    spec.resize = {ResizeMode::shorter_side, 256, {}, interpolation, PassOrder::horizontal_first};
    spec.crop = Size{224, 224};
    return spec;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) return std::fputs("usage: pixel_times ROUNDS PICTURE...\n", stderr), 2;
    // As openset's programs have it (torch::prepare_process): else each picture's memory is mapped anew, page by page.
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    const int rounds = std::atoi(argv[1]);
    try {
        for (int i = 2; i < argc; ++i) {
            const auto file = read_file(argv[i]);
            const Picture picture = decode(file).picture;
            const Picture crop = resize_crop(picture, to_224(Interpolation::bilinear));
            std::vector<float> tensor(crop.rgb.size());

            std::map<std::string, std::function<void()>> steps;
            steps["decode"] = [&] { decode(file); };
            for (const int divisor : {2, 4}) {
                steps["decode at 1/" + std::to_string(divisor)] = [&file, divisor] {
                    decode(file, {.jpeg_divisor = [divisor](int, int) { return divisor; }});
                };
            }
            steps["bilinear"] = [&] { resize_crop(picture, to_224(Interpolation::bilinear)); };
            steps["bicubic"] = [&] { resize_crop(picture, to_224(Interpolation::bicubic)); };
            steps["normalise"] = [&] { normalise(crop, {}, tensor); };
            for (const ResampleKernels* const kernels : usable_kernels()) {
                steps[std::string("bilinear whole, ") + kernels->name] = [&picture, kernels] {
                    const bool upright = picture.width <= picture.height;
                    const Size to = upright ? Size{256 * picture.height / picture.width, 256}
                                            : Size{256, 256 * picture.width / picture.height};
                    resample(picture, to, Interpolation::bilinear, PassOrder::horizontal_first, {0, 0, to}, *kernels);
                };
            }
            for (const auto& [name, step] : steps) {
                std::printf("%s\t%s", argv[i], name.c_str());
                step(); // caches, and memory from the system
                for (int round = 0; round < rounds; ++round) {
                    const double start = cpu_microseconds();
                    step();
                    std::printf("\t%.1f", cpu_microseconds() - start);
                }
                std::puts("");
            }
        }
    } catch (const Error& error) {
        std::fprintf(stderr, "pixel_times: %s\n", error.what());
        return 1;
    }
    return 0;
}
