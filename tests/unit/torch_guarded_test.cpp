#include "torch/guarded.hpp"

#include <gtest/gtest.h>
#include <stdexcept>

#include "error_of.hpp"

namespace openset::torch {
namespace {

std::string told(const std::string& text) {
    return error_of([&] { guarded("gate.pt", [&]() -> int { throw std::runtime_error(text); }); });
}

TEST(Guarded, AnErrorOfTheNetworkIsItsLastLineThatSaysSomething) {
    EXPECT_EQ(told("The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript:\n"
                   "    return x\n           ~ <--- HERE\nRuntimeError: Expected 3 channels\n"),
              "model: gate.pt: Expected 3 channels");
}

TEST(Guarded, WhatFindsNoMemoryIsThatOnAnyDevice) {
    for (const char* text : {"DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes", "std::bad_alloc",
                             "CUDA out of memory. Tried to allocate 2.00 GiB", "CUDA error: out of memory\nCompile with",
                             "cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED"})
        EXPECT_EQ(told(text), "out-of-memory: gate.pt: out of memory") << text;
}

TEST(Guarded, ADeviceThatFailedEndsTheRunAndSaysHow) {
    EXPECT_EQ(told("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be asynchronously "
                   "reported at some other API call\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"),
              "internal: gate.pt: the device has failed: CUDA error: an illegal memory access was encountered; start "
              "anew, on another --device if it fails again");
}

TEST(Guarded, OurOwnErrorsPass) {
    EXPECT_EQ(error_of([] { guarded("gate.pt", []() -> int { throw Error(ErrorKind::corrupt, "torn"); }); }), "corrupt: torn");
}

} // namespace
} // namespace openset::torch
