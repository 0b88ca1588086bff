#include "cli/blas_environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace openset::cli {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr auto one_thread = "OPENBLAS_NUM_THREADS";

TEST(BlasEnvironment, OnAnUnknownIntelWithAvx2NamesTheKernelThatOpenBlasMisses) {
    EXPECT_THAT(blas_environment({.intel = true, .avx2_fma = true}),
                UnorderedElementsAre(Pair(one_thread, "1"), Pair("OPENBLAS_CORETYPE", "Haswell")));
}

TEST(BlasEnvironment, OnAnUnknownIntelWithAvx512NamesItsKernel) {
    EXPECT_THAT(blas_environment({.intel = true, .avx2_fma = true, .avx512 = true}),
                UnorderedElementsAre(Pair(one_thread, "1"), Pair("OPENBLAS_CORETYPE", "SkylakeX")));
}

TEST(BlasEnvironment, OnAnIntelWithBf16LeavesTheChoiceToOpenBlas) {
    EXPECT_THAT(blas_environment({.intel = true, .avx2_fma = true, .avx512 = true, .avx512_bf16 = true}),
                UnorderedElementsAre(Pair(one_thread, "1")));
}

TEST(BlasEnvironment, OnAnOldIntelNamesNoKernelThatItCouldNotRun) {
    EXPECT_THAT(blas_environment({.intel = true}), UnorderedElementsAre(Pair(one_thread, "1")));
}

TEST(BlasEnvironment, OnOtherMakesLeavesTheChoiceToOpenBlas) {
    EXPECT_THAT(blas_environment({.intel = false, .avx2_fma = true, .avx512 = true}),
                UnorderedElementsAre(Pair(one_thread, "1")));
}

} // namespace
} // namespace openset::cli
