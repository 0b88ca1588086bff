#include "image/resample.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "openset/base/random.hpp"

namespace openset::image {
namespace {

constexpr Interpolation interpolations[] = {Interpolation::bilinear, Interpolation::bicubic, Interpolation::nearest};
constexpr PassOrder orders[] = {PassOrder::horizontal_first, PassOrder::pillow13};

/// Noise, or black and white alone: then bicubic's sums are as far from 0 as they get.
Picture random_picture(Size size, bool extreme, Random& random) {
    Picture picture{size.width, size.height, {}};
    picture.rgb.resize(static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) * 3);
    for (std::uint8_t& sample : picture.rgb) {
        sample = static_cast<std::uint8_t>(extreme ? random.below(2) * 255 : random.below(256));
    }
    return picture;
}

Size random_size(int most, Random& random) {
    // Often small: the ends of rows and of the picture are where registers hold too much.
    const auto length = [&] { return random.integer(1, random.chance(0.5) ? 20 : most); };
    return {.height = length(), .width = length()};
}

Window random_window(Size within, Random& random) {
    Window window;
    window.left = random.integer(0, within.width - 1);
    window.top = random.integer(0, within.height - 1);
    window.size = {.height = random.integer(1, within.height - window.top),
                   .width = random.integer(1, within.width - window.left)};
    return window;
}

std::string in_words(Size size) { return std::to_string(size.width) + " x " + std::to_string(size.height); }

void expect_the_same_by_all_kernels(const Picture& picture, Size to, const Window& window) {
    SCOPED_TRACE(in_words({picture.height, picture.width}) + " to " + in_words(to) + ", " + in_words(window.size) +
                 " at " + std::to_string(window.left) + ", " + std::to_string(window.top));
    for (const Interpolation interpolation : interpolations) {
        for (const PassOrder order : orders) {
            const Picture expected = resample(picture, to, interpolation, order, window, plain_kernels);
            for (const ResampleKernels* const kernels : usable_kernels()) {
                EXPECT_EQ(resample(picture, to, interpolation, order, window, *kernels), expected)
                    << kernels->name << ", interpolation " << static_cast<int>(interpolation) << ", order "
                    << static_cast<int>(order);
            }
        }
    }
}

TEST(ResampleKernels, AllThatTheProcessorHasGiveTheBitsOfThePlainOnes) {
    Random random(12);
    for (int i = 0; i < 400; ++i) {
        const Size to = random_size(600, random);
        const Picture picture = random_picture(random_size(600, random), i % 4 == 0, random);
        expect_the_same_by_all_kernels(picture, to, random_window(to, random));
        if (HasFailure()) return; // one is enough to look at
    }
}

TEST(ResampleKernels, AgreeOnAllSmallSizesToTheirBorders) {
    Random random(13);
    for (int width = 1; width <= 12; ++width) {
        for (int height = 1; height <= 4; ++height) {
            const Picture picture = random_picture({height, width}, false, random);
            for (const Size to : {Size{1, 1}, Size{3, 5}, Size{2, 17}, Size{9, 2}}) {
                expect_the_same_by_all_kernels(picture, to, {0, 0, to});
            }
        }
    }
}

TEST(ResampleKernels, AgreeWhereThousandsOfSamplesMakeOne) {
    Random random(14);
    const Picture row = random_picture({.height = 1, .width = 100'000}, false, random);
    expect_the_same_by_all_kernels(row, {.height = 2, .width = 3}, {0, 0, {.height = 2, .width = 3}});
    const Picture column = random_picture({.height = 100'000, .width = 2}, true, random);
    expect_the_same_by_all_kernels(column, {.height = 3, .width = 1}, {0, 0, {.height = 3, .width = 1}});
}

} // namespace
} // namespace openset::image
