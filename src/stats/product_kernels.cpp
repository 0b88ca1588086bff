#include "stats/product_kernels.hpp"

#include <cmath>
#include <vector>

namespace openset::stats {
namespace {

void add_plain(const Strided& left, std::size_t rows, const double* panel, std::size_t depth, double* out,
               std::size_t out_stride) {
    for (std::size_t i = 0; i < rows; ++i) {
        const double* const row = left.first + static_cast<std::ptrdiff_t>(i) * left.row_stride;
        double* const sums = out + i * out_stride;
        for (std::size_t k = 0; k < depth; ++k) {
            const double factor = row[static_cast<std::ptrdiff_t>(k) * left.depth_stride];
            for (std::size_t j = 0; j < panel_columns; ++j)
                sums[j] = std::fma(factor, panel[k * panel_columns + j], sums[j]);
        }
    }
}

} // namespace

const ProductKernel plain_product = {"plain", add_plain};

std::span<const ProductKernel* const> usable_product_kernels() {
    static const std::vector<const ProductKernel*> usable = [] {
        std::vector<const ProductKernel*> kernels = {&plain_product};
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) kernels.push_back(&avx2_product);
        if (__builtin_cpu_supports("avx512f")) kernels.push_back(&avx512_product);
#endif
        return kernels;
    }();
    return usable;
}

} // namespace openset::stats
