#include "cli/blas_environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace openset::cli {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const auto one_thread = Pair("OPENBLAS_NUM_THREADS", "1");
const auto passive = Pair("OMP_WAIT_POLICY", "PASSIVE");

TEST(BlasEnvironment, OnAnUnknownIntelWithAvx2NamesTheKernelThatOpenBlasMisses) {
    EXPECT_THAT(blas_environment({.intel = true, .avx2_fma = true}),
                UnorderedElementsAre(one_thread, passive, Pair("OPENBLAS_CORETYPE", "Haswell")));
}

TEST(BlasEnvironment, OnAnUnknownIntelWithAvx512NamesItsKernel) {
    EXPECT_THAT(blas_environment({.intel = true, .avx2_fma = true, .avx512 = true}),
                UnorderedElementsAre(one_thread, passive, Pair("OPENBLAS_CORETYPE", "SkylakeX")));
}

TEST(BlasEnvironment, OnAnIntelWithBf16LeavesTheChoiceToOpenBlas) {
    EXPECT_THAT(blas_environment({.intel = true, .avx2_fma = true, .avx512 = true, .avx512_bf16 = true}),
                UnorderedElementsAre(one_thread, passive));
}

TEST(BlasEnvironment, OnAnOldIntelNamesNoKernelThatItCouldNotRun) {
    EXPECT_THAT(blas_environment({.intel = true}), UnorderedElementsAre(one_thread, passive));
}

TEST(BlasEnvironment, OnOtherMakesLeavesTheChoiceToOpenBlas) {
    EXPECT_THAT(blas_environment({.intel = false, .avx2_fma = true, .avx512 = true}),
                UnorderedElementsAre(one_thread, passive));
}

} // namespace
} // namespace openset::cli
