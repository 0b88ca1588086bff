#include "openset/image/preprocess.hpp"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "openset/base/error.hpp"

namespace openset::image {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr Interpolation interpolations[] = {Interpolation::bilinear, Interpolation::bicubic, Interpolation::nearest};
constexpr PassOrder orders[] = {PassOrder::horizontal_first, PassOrder::pillow13};

Picture black(int width, int height) {
    return {width, height, Bytes(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3)};
}

Picture noise(int width, int height) {
    Picture picture = black(width, height);
    std::uint32_t state = 1;
    for (auto& sample : picture.rgb) {
        state = state * 1664525U + 1013904223U;
        sample = static_cast<std::uint8_t>(state >> 24);
    }
    return picture;
}

/// One row of grey pixels.
Picture row_of(const Bytes& samples) {
    Picture picture{static_cast<int>(samples.size()), 1, {}};
    for (const std::uint8_t sample : samples) picture.rgb.insert(picture.rgb.end(), 3, sample);
    return picture;
}

/// The same pixels as one column.
Picture column_of(const Bytes& samples) {
    Picture picture = row_of(samples);
    std::swap(picture.width, picture.height);
    return picture;
}

PreprocessSpec shorter_side(int length) {
    PreprocessSpec spec;
    spec.resize.mode = ResizeMode::shorter_side;
    spec.resize.shorter_side = length;
    return spec;
}

PreprocessSpec squash(Size size, Interpolation interpolation = Interpolation::bilinear,
                      PassOrder order = PassOrder::horizontal_first) {
    PreprocessSpec spec;
    spec.resize = {ResizeMode::squash, 0, size, interpolation, order};
    return spec;
}

PreprocessSpec crop_only(Size size) {
    PreprocessSpec spec;
    spec.crop = size;
    return spec;
}

Size size_after(const Picture& picture, const PreprocessSpec& spec) {
    const Picture result = resize_crop(picture, spec);
    EXPECT_EQ(result.rgb.size(), static_cast<std::size_t>(result.width) * static_cast<std::size_t>(result.height) * 3);
    return {result.height, result.width};
}

ErrorKind kind_of_failure(const Picture& picture, const PreprocessSpec& spec) {
    try {
        resize_crop(picture, spec);
    } catch (const Error& error) {
        return error.kind();
    }
    ADD_FAILURE() << "no failure";
    return ErrorKind::internal;
}

// ---- sizes

TEST(Resize, TheLongerSideIsCutNotRounded) {
    EXPECT_EQ(size_after(black(225, 300), shorter_side(224)), (Size{298, 224})); // 298.67
    EXPECT_EQ(size_after(black(300, 225), shorter_side(224)), (Size{224, 298}));
    EXPECT_EQ(size_after(black(500, 375), shorter_side(256)), (Size{256, 341})); // 341.33
    EXPECT_EQ(size_after(black(100, 100), shorter_side(7)), (Size{7, 7}));
    EXPECT_EQ(size_after(black(1, 500), shorter_side(3)), (Size{1500, 3}));
}

TEST(Resize, SquashGivesTheSizeWhateverTheAspectRatio) {
    EXPECT_EQ(size_after(black(30, 20), squash({.height = 5, .width = 40})), (Size{.height = 5, .width = 40}));
}

TEST(Resize, APictureOfTheRightSizeIsLeftAlone) {
    const Picture picture = noise(12, 16);
    EXPECT_EQ(resize_crop(picture, shorter_side(12)), picture);
    EXPECT_EQ(resize_crop(picture, {}), picture);
    for (const auto interpolation : interpolations) {
        EXPECT_EQ(resize_crop(picture, squash({16, 12}, interpolation)), picture);
    }
}

// ---- what may be lost before

TEST(DecodeDivisor, LeavesMoreThanTwiceTheResizedSidesAndIsFourAtMost) {
    const auto of_256 = [](int width, int height) { return decode_divisor({height, width}, shorter_side(256)); };
    EXPECT_EQ(of_256(1500, 1024), 1); // 512 is twice 256
    EXPECT_EQ(of_256(1600, 1026), 2);
    EXPECT_EQ(of_256(3000, 2000), 2);
    EXPECT_EQ(of_256(4000, 3000), 4);
    EXPECT_EQ(of_256(3000, 4000), 4);
    EXPECT_EQ(of_256(40000, 30000), 4);
    EXPECT_EQ(decode_divisor({.height = 1000, .width = 4000}, squash({.height = 300, .width = 100})), 1);
}

TEST(DecodeDivisor, IsOneWhereNothingIsResized) {
    EXPECT_EQ(decode_divisor({.height = 3000, .width = 4000}, crop_only({224, 224})), 1);
}

// ---- weights, by hand

// Scale 2: the weights 3/4, 3/4, 1/4 of the three samples within reach, divided by their sum.
TEST(Bilinear, ShrinkingAveragesOverAWindowThatGrowsWithTheScale) {
    EXPECT_EQ(resize_crop(row_of({0, 70, 140, 210}), squash({1, 2})), row_of({50, 160}));
    EXPECT_EQ(resize_crop(column_of({0, 70, 140, 210}), squash({2, 1})), column_of({50, 160}));
}

TEST(Bilinear, EnlargingMixesTheTwoNeighboursAndRepeatsTheBorder) {
    EXPECT_EQ(resize_crop(row_of({0, 200}), squash({1, 4})), row_of({0, 50, 150, 200}));
}

// f(1/4) = 0.8671875, f(5/4) = -0.0703125, f(3/4) = 0.2265625: -8.8, 20.7, 79.3, 108.8.
TEST(Bicubic, EnlargingOvershootsAndIsClipped) {
    EXPECT_EQ(resize_crop(row_of({0, 100}), squash({1, 4}, Interpolation::bicubic)), row_of({0, 21, 79, 109}));
    EXPECT_EQ(resize_crop(row_of({0, 255}), squash({1, 4}, Interpolation::bicubic)), row_of({0, 53, 202, 255}));
}

TEST(Resampling, AnEvenPictureStaysEven) {
    for (const auto interpolation : interpolations) {
        for (const int value : {0, 1, 127, 255}) {
            Picture picture = black(13, 29);
            std::ranges::fill(picture.rgb, static_cast<std::uint8_t>(value));
            const Picture result = resize_crop(picture, squash({17, 5}, interpolation));
            EXPECT_TRUE(std::ranges::all_of(result.rgb, [&](int sample) { return sample == value; })) << value;
        }
    }
}

TEST(Nearest, TakesTheMiddleAndHalvesGoUp) {
    EXPECT_EQ(resize_crop(row_of({1, 2, 3, 4}), squash({1, 2}, Interpolation::nearest)), row_of({2, 4}));
    EXPECT_EQ(resize_crop(row_of({1, 2}), squash({1, 4}, Interpolation::nearest)), row_of({1, 1, 2, 2}));
}

// Exactly computed, position 112 is 112.5 * 2/225 = 1; summed up in steps of 2/225 it stays below.
TEST(Nearest, SumsItsPositionUpAsPillowDoes) {
    const Picture result = resize_crop(row_of({10, 20}), squash({1, 225}, Interpolation::nearest));
    EXPECT_EQ(result.rgb[336], 10); // three samples a pixel
    EXPECT_EQ(result.rgb[339], 20);
}

// ---- the order of the passes

Picture in_two_steps(const Picture& picture, Size first, Size second, Interpolation interpolation) {
    return resize_crop(resize_crop(picture, squash(first, interpolation)), squash(second, interpolation));
}

TEST(PassOrder, HorizontalFirstRoundsToEightBitsBetweenThePasses) {
    const Picture picture = noise(20, 60);
    for (const auto interpolation : {Interpolation::bilinear, Interpolation::bicubic}) {
        EXPECT_EQ(resize_crop(picture, squash({11, 7}, interpolation)),
                  in_two_steps(picture, {60, 7}, {11, 7}, interpolation));
    }
}

TEST(PassOrder, Pillow13GoesVerticallyFirstWhereMoreThanTwiceAsManyRowsAreLost) {
    const Picture picture = noise(20, 60);
    const Interpolation interpolation = Interpolation::bicubic;
    const auto result = [&](Size size) {
        return resize_crop(picture, squash(size, interpolation, PassOrder::pillow13));
    };
    const auto vertical_first = [&](Size size) {
        return in_two_steps(picture, {size.height, 20}, size, interpolation);
    };
    const auto horizontal_first = [&](Size size) {
        return in_two_steps(picture, {60, size.width}, size, interpolation);
    };

    const Size above{.height = 39, .width = 10}; // 21 rows and 10 columns lost
    EXPECT_EQ(result(above), vertical_first(above));
    EXPECT_NE(result(above), horizontal_first(above));

    const Size at{.height = 40, .width = 10}; // 20 and 10
    EXPECT_EQ(result(at), horizontal_first(at));
    EXPECT_NE(result(at), vertical_first(at));

    const Size taller{.height = 70, .width = 40}; // none lost
    EXPECT_EQ(result(taller), horizontal_first(taller));
}

// ---- crop

TEST(Crop, AnOddMarginIsHalvedToTheEvenSide) {
    Bytes ramp(229);
    for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<std::uint8_t>(i);
    const auto left = [&](int width) {
        const Bytes samples(ramp.begin(), ramp.begin() + width);
        return +resize_crop(row_of(samples), crop_only({1, 224})).rgb[0];
    };
    EXPECT_EQ(left(224), 0);
    EXPECT_EQ(left(225), 0); // 0.5
    EXPECT_EQ(left(226), 1);
    EXPECT_EQ(left(227), 2); // 1.5
    EXPECT_EQ(left(228), 2);
    EXPECT_EQ(left(229), 2); // 2.5
}

TEST(Crop, ASmallerPictureIsPaddedWithBlackTheOddPixelRightAndBelow) {
    const Picture result = resize_crop(row_of({9}), crop_only({.height = 4, .width = 3}));
    Picture expected = black(3, 4);
    std::fill_n(expected.rgb.begin() + 12, 3, std::uint8_t{9}); // row 1, column 1
    EXPECT_EQ(result, expected);
}

TEST(Crop, MayCutOneAxisAndPadTheOther) {
    const Picture result = resize_crop(row_of({1, 2, 3, 4}), crop_only({.height = 2, .width = 2}));
    EXPECT_EQ(result, (Picture{2, 2, {2, 2, 2, 3, 3, 3, 0, 0, 0, 0, 0, 0}}));
}

TEST(Crop, WithAResizeEqualsTheCropOfTheResizedPicture) {
    for (const auto& [width, height] : {std::pair{50, 37}, {37, 50}, {20, 90}, {90, 20}, {10, 10}}) {
        const Picture picture = noise(width, height);
        for (const auto interpolation : interpolations) {
            for (const auto order : orders) {
                for (const Size size : {Size{24, 24}, Size{height, 9}, Size{30, width}, Size{13, 70}}) {
                    const auto resize = squash(size, interpolation, order);
                    auto both = resize;
                    both.crop = Size{16, 15};
                    EXPECT_EQ(resize_crop(picture, both),
                              resize_crop(resize_crop(picture, resize), crop_only(*both.crop)))
                        << width << " x " << height << " to " << size.width << " x " << size.height;
                }
            }
        }
    }
}

// ---- limits

TEST(Crop, ACornerIsTheSquareOfTheResizedPictureThatLiesThere) {
    const Picture picture = noise(9, 7);
    PreprocessSpec spec;
    spec.crop = Size{4, 5};
    const auto pixel = [](const Picture& of, int x, int y) {
        return std::vector(of.rgb.begin() + (y * of.width + x) * 3, of.rgb.begin() + (y * of.width + x + 1) * 3);
    };
    const struct {
        CropPlace place;
        int left, top;
    } corners[] = {{CropPlace::top_left, 0, 0},
                   {CropPlace::top_right, 4, 0},
                   {CropPlace::bottom_left, 0, 3},
                   {CropPlace::bottom_right, 4, 3}};
    for (const auto& corner : corners) {
        spec.crop_place = corner.place;
        const Picture crop = resize_crop(picture, spec);
        for (int y = 0; y < 4; ++y)
            for (int x = 0; x < 5; ++x) EXPECT_EQ(pixel(crop, x, y), pixel(picture, corner.left + x, corner.top + y));
    }
}

TEST(Crop, ASmallerPictureLiesInTheMiddleOfItsPaddingWhicheverCornerIsAskedFor) {
    PreprocessSpec spec;
    spec.crop = Size{6, 6};
    const Picture centred = resize_crop(noise(3, 2), spec);
    spec.crop_place = CropPlace::bottom_right;
    EXPECT_EQ(resize_crop(noise(3, 2), spec), centred);
}

TEST(Mirror, ExchangesLeftAndRightOfTheCroppedPicture) {
    PreprocessSpec spec;
    spec.mirror = true;
    EXPECT_EQ(resize_crop(row_of({1, 2, 3, 4}), spec), row_of({4, 3, 2, 1}));
    EXPECT_EQ(resize_crop(row_of({1, 2, 3, 4, 5}), spec), row_of({5, 4, 3, 2, 1}));
    spec.crop = Size{1, 2};
    spec.crop_place = CropPlace::top_left;
    EXPECT_EQ(resize_crop(row_of({1, 2, 3, 4}), spec), row_of({2, 1}));
}

TEST(Resize, ASizeOfMoreThanTwoGigabytesIsTooLarge) {
    EXPECT_EQ(kind_of_failure(black(1, 1000), squash({30000, 30000})), ErrorKind::too_large);
    EXPECT_EQ(kind_of_failure(black(1, 100'000), shorter_side(std::numeric_limits<int>::max())), ErrorKind::too_large);
    EXPECT_EQ(kind_of_failure(black(1, 100'000), squash({1, 100'000})), ErrorKind::too_large) << "between the passes";
    EXPECT_EQ(kind_of_failure(black(1, 1), crop_only({30000, 30000})), ErrorKind::too_large);
}

TEST(Resize, ASideBelowOneIsAUsageError) {
    EXPECT_EQ(kind_of_failure(black(2, 2), squash({0, 5})), ErrorKind::usage);
    EXPECT_EQ(kind_of_failure(black(2, 2), shorter_side(0)), ErrorKind::usage);
    EXPECT_EQ(kind_of_failure(black(2, 2), crop_only({5, -1})), ErrorKind::usage);
}

// ---- normalise

TEST(Normalise, DividesTwiceInFloat32) {
    Picture picture = black(256, 1);
    for (std::size_t i = 0; i < picture.rgb.size(); ++i) picture.rgb[i] = static_cast<std::uint8_t>(i / 3);
    const PreprocessSpec spec;
    std::vector<float> tensor(picture.rgb.size());
    normalise(picture, spec, tensor);
    int reciprocal_differs = 0;
    for (std::size_t channel = 0; channel < 3; ++channel) {
        for (std::size_t v = 0; v < 256; ++v) {
            const float scaled = static_cast<float>(v) / 255.0F;
            EXPECT_EQ(tensor[channel * 256 + v], (scaled - spec.mean[channel]) / spec.std[channel]);
            reciprocal_differs += channel == 0 && scaled != static_cast<float>(v) * (1.0F / 255.0F) ? 1 : 0;
        }
    }
    EXPECT_EQ(reciprocal_differs, 126) << "why a multiplication by 1/255 will not do";
}

TEST(Normalise, WritesOneChannelAfterTheOther) {
    PreprocessSpec spec;
    spec.mean = {0, 0, 0};
    spec.std = {1, 0.5F, 0.25F};
    std::vector<float> tensor(6);
    normalise({2, 1, {255, 0, 255, 0, 255, 0}}, spec, tensor);
    EXPECT_EQ(tensor, (std::vector<float>{1, 0, 0, 2, 4, 0}));
}

TEST(Normalise, BlackPaddingIsNotZero) {
    std::vector<float> tensor(3);
    normalise(black(1, 1), {}, tensor);
    EXPECT_FLOAT_EQ(tensor[0], -0.485F / 0.229F);
}

TEST(Normalise, ATensorOfAnotherSizeIsRefused) {
    std::vector<float> tensor(4);
    EXPECT_THROW(normalise(black(1, 1), {}, tensor), Error);
}

} // namespace
} // namespace openset::image
