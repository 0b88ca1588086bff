#include "openset/draw/augment.hpp"

#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "openset/base/error.hpp"

namespace openset::draw {
namespace {

using image::Picture;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Picture changed(const Picture& picture, const Augmentation& augmentation, std::uint64_t seed = 1) {
    Random random(seed);
    return augmented(picture, augmentation, random);
}

/// Every sample follows from its place, so that a picture knows where its pixels came from.
Picture gradient(int width, int height) {
    Picture picture{width, height, {}};
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (const int sample : {x * 255 / width, y * 255 / height, (x + y) % 256})
                picture.rgb.push_back(static_cast<std::uint8_t>(sample));
        }
    }
    return picture;
}

Picture even(int width, int height, std::uint8_t sample) {
    return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3), sample)};
}

/// One white pixel on black.
Picture point(int size, int x, int y) {
    Picture picture = even(size, size, 0);
    for (int channel = 0; channel < 3; ++channel)
        picture.rgb[static_cast<std::size_t>((y * size + x) * 3 + channel)] = 255;
    return picture;
}

/// Where the lightest pixel lies: x, y.
std::pair<int, int> lightest(const Picture& picture) {
    const auto at = static_cast<int>(std::ranges::max_element(picture.rgb) - picture.rgb.begin()) / 3;
    return {at % picture.width, at / picture.width};
}

int largest_difference(const Picture& one, const std::vector<std::uint8_t>& other) {
    EXPECT_EQ(one.rgb.size(), other.size());
    int largest = 0;
    for (std::size_t i = 0; i < std::min(one.rgb.size(), other.size()); ++i)
        largest = std::max(largest, std::abs(one.rgb[i] - other[i]));
    return largest;
}

double mean(const Picture& picture) {
    double sum = 0;
    for (const std::uint8_t sample : picture.rgb) sum += sample;
    return sum / static_cast<double>(picture.rgb.size());
}

double deviation(const Picture& picture) {
    const double centre = mean(picture);
    double sum = 0;
    for (const std::uint8_t sample : picture.rgb) sum += (sample - centre) * (sample - centre);
    return std::sqrt(sum / static_cast<double>(picture.rgb.size()));
}

Augmentation everything() {
    Augmentation all;
    all.crop = RandomResizedCrop{{32, 48}};
    all.flip = 0.5;
    all.rotation = either_way(20);
    all.shear = either_way(10);
    all.brightness = all.contrast = all.saturation = factors_around_one(0.3);
    all.hue = either_way(0.1);
    all.blur = {0, 2};
    all.noise = {0, 20};
    return all;
}

// ---- what follows from the random numbers

TEST(Augment, ByDefaultNothingHappensAndNothingIsDrawn) {
    Random random(7), untouched(7);
    const Picture picture = gradient(9, 5);
    EXPECT_EQ(augmented(picture, {}, random), picture);
    EXPECT_EQ(random.bits(), untouched.bits());
}

TEST(Augment, TheSameRandomNumbersGiveTheSameBytes) {
    const Picture picture = gradient(80, 60);
    EXPECT_EQ(changed(picture, everything(), 3), changed(picture, everything(), 3));
    EXPECT_NE(changed(picture, everything(), 3), changed(picture, everything(), 4));
}

TEST(Augment, AChangeThatIsCertainLeavesTheOthersAsTheyWere) {
    const Picture picture = gradient(40, 40);
    Augmentation turned, turned_and_darker;
    turned.rotation = turned_and_darker.rotation = either_way(90);
    turned_and_darker.brightness = {0.5, 0.5};
    const Picture one = changed(picture, turned), other = changed(picture, turned_and_darker);
    for (std::size_t i = 0; i < one.rgb.size(); ++i) ASSERT_NEAR(one.rgb[i] / 2., other.rgb[i], 0.6);
}

// ---- geometry

TEST(Augment, AFlipExchangesLeftAndRight) {
    const Picture picture{3, 1, {1, 2, 3, 4, 5, 6, 7, 8, 9}};
    Augmentation flip;
    flip.flip = 1;
    EXPECT_THAT(changed(picture, flip).rgb, ElementsAre(7, 8, 9, 4, 5, 6, 1, 2, 3));
}

TEST(Augment, AFlipOfChanceOneHalfHappensAboutHalfOfTheTimes) {
    const Picture picture = gradient(4, 1);
    Augmentation flip;
    flip.flip = 0.5;
    Random random(11);
    int flipped = 0;
    for (int i = 0; i < 1000; ++i) flipped += augmented(picture, flip, random) != picture ? 1 : 0;
    EXPECT_NEAR(flipped, 500, 60);
}

TEST(Augment, AQuarterTurnIsAnticlockwiseAndExact) {
    // torchvision.transforms.functional.rotate(picture, 90)
    const Picture picture{3, 3, {0,   9,   18,  27,  36,  45,  54,  63,  72,  81,  90,  99,  108, 117,
                                 126, 135, 144, 153, 162, 171, 180, 189, 198, 207, 216, 225, 234}};
    Augmentation turn;
    turn.rotation = {90, 90};
    EXPECT_THAT(changed(picture, turn).rgb, ElementsAre(54, 63, 72, 135, 144, 153, 216, 225, 234, 27, 36, 45, 108, 117,
                                                        126, 189, 198, 207, 0, 9, 18, 81, 90, 99, 162, 171, 180));
}

TEST(Augment, ShearTakesTheUpperRowsToTheRight) {
    // torchvision.transforms.functional.affine(picture, 0, [0, 0], 1, [45, 0])
    Augmentation shear;
    shear.shear = {45, 45};
    EXPECT_EQ(lightest(changed(point(21, 10, 5), shear)), std::pair(15, 5));
    EXPECT_EQ(lightest(changed(point(21, 10, 10), shear)), std::pair(10, 10));
}

TEST(Augment, ATurnedPictureHasNoBlackCorners) {
    Augmentation turn;
    turn.rotation = {30, 30};
    turn.shear = {20, 20};
    EXPECT_THAT(changed(even(50, 30, 200), turn).rgb, Each(200));
}

TEST(Augment, APictureOfOnePixelSurvivesEverything) {
    Augmentation all = everything();
    all.noise = {};
    all.brightness = all.contrast = all.saturation = {1, 1};
    all.hue = {};
    EXPECT_THAT(changed(even(1, 1, 77), all).rgb, Each(77));
}

TEST(Augment, APictureTooLongToBeRotatedIsTold) {
    Augmentation turn;
    turn.rotation = {10, 10};
    try {
        changed(even(40'000, 1, 0), turn);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::too_large);
        EXPECT_THAT(error.what(), HasSubstr("40000 x 1 pixels cannot be rotated"));
    }
}

// ---- random resized crops

TEST(Augment, TheWholePictureAsACropIsResizedAsPreprocessingResizes) {
    const Picture picture = gradient(60, 60);
    Augmentation augmentation;
    augmentation.crop = RandomResizedCrop{{24, 32}, {1, 1}, {1, 1}};
    image::PreprocessSpec spec;
    spec.resize = {image::ResizeMode::squash, 0, {24, 32}};
    EXPECT_EQ(changed(picture, augmentation), image::resize_crop(picture, spec));
}

TEST(Augment, ACropOfTheSizeAskedForIsTakenPixelByPixel) {
    const Picture picture = gradient(100, 100);
    Augmentation augmentation;
    augmentation.crop = RandomResizedCrop{{50, 50}, {0.25, 0.25}, {1, 1}};
    std::set<std::pair<int, int>> corners;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const Picture crop = changed(picture, augmentation, seed);
        ASSERT_EQ(std::pair(crop.width, crop.height), std::pair(50, 50));
        const int left = (crop.rgb[0] * 100 + 254) / 255, top = (crop.rgb[1] * 100 + 254) / 255;
        for (int y = 0; y < 50; ++y) {
            for (int x = 0; x < 150; ++x) {
                ASSERT_EQ(crop.rgb[static_cast<std::size_t>(y * 150 + x)],
                          picture.rgb[static_cast<std::size_t>((top + y) * 300 + left * 3 + x)]);
            }
        }
        corners.insert({left, top});
    }
    EXPECT_GT(corners.size(), 40);
}

TEST(Augment, CropsLieWithinTheRangesOfAreaAndAspect) {
    // Columns count across and rows down: a corner and the size can be read from the pixels of a nearest-neighbour crop.
    const Picture picture = gradient(255, 255);
    Augmentation augmentation;
    augmentation.crop = RandomResizedCrop{{64, 64}, {0.2, 0.5}, {0.75, 4. / 3}, image::Interpolation::nearest};
    double smallest = 1, largest = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const Picture crop = changed(picture, augmentation, seed);
        const double width = (crop.rgb[63 * 3] - crop.rgb[0]) * 64 / 63.;
        const double height = (crop.rgb[63 * 64 * 3 + 1] - crop.rgb[1]) * 64 / 63.;
        const double area = width * height / (255 * 255);
        EXPECT_THAT(width / height, ::testing::AllOf(::testing::Gt(0.72), ::testing::Lt(1.39)));
        smallest = std::min(smallest, area);
        largest = std::max(largest, area);
    }
    EXPECT_NEAR(smallest, 0.2, 0.02);
    EXPECT_NEAR(largest, 0.5, 0.02);
}

TEST(Augment, WhereNoCropOfTheKindFitsTheMiddleIsTaken) {
    // RandomResizedCrop.get_params: a strip of 400 x 10 has no rectangle of its whole area and an aspect of at most 4 / 3.
    const Picture picture = gradient(400, 10);
    Augmentation augmentation;
    augmentation.crop = RandomResizedCrop{{10, 13}, {1, 1}, {0.75, 1.3}};
    const Picture crop = changed(picture, augmentation);
    EXPECT_EQ(crop.rgb[0], picture.rgb[193 * 3]); // (400 - 13) / 2
    EXPECT_EQ(crop.rgb[12 * 3], picture.rgb[205 * 3]);
}

// ---- colour: torchvision.transforms.functional.adjust_* of this picture, by torchvision 0.14.1 with Pillow 9.4

const Picture colours{3, 2, {200, 30, 40, 10, 220, 90, 60, 70, 240, 128, 128, 128, 250, 240, 10, 5, 15, 25}};

struct ColourCase {
    const char* name;
    Range Augmentation::*change;
    double value;
    std::vector<std::uint8_t> expected;
    int tolerance; // Pillow cuts where we round
};

class ColourTest : public ::testing::TestWithParam<ColourCase> {};

TEST_P(ColourTest, IsTorchvisions) {
    Augmentation augmentation;
    augmentation.*GetParam().change = {GetParam().value, GetParam().value};
    EXPECT_LE(largest_difference(changed(colours, augmentation), GetParam().expected), GetParam().tolerance);
}

INSTANTIATE_TEST_SUITE_P(
    Augment, ColourTest,
    ::testing::Values(
        ColourCase{"Brighter",
                   &Augmentation::brightness,
                   1.3,
                   {255, 39, 52, 13, 255, 116, 78, 91, 255, 166, 166, 166, 255, 255, 13, 6, 19, 32},
                   1},
        ColourCase{"Darker",
                   &Augmentation::brightness,
                   0.5,
                   {100, 15, 20, 5, 110, 45, 30, 35, 120, 64, 64, 64, 125, 120, 5, 2, 7, 12},
                   1},
        ColourCase{"MoreContrast",
                   &Augmentation::contrast,
                   1.5,
                   {244, 0, 4, 0, 255, 79, 34, 49, 255, 136, 136, 136, 255, 255, 0, 0, 0, 0},
                   1},
        ColourCase{"LessContrast",
                   &Augmentation::contrast,
                   0.4,
                   {146, 78, 82, 70, 154, 102, 90, 94, 162, 117, 117, 117, 166, 162, 70, 68, 72, 76},
                   1},
        ColourCase{"MoreColour",
                   &Augmentation::saturation,
                   1.5,
                   {255, 4, 19, 0, 255, 64, 47, 62, 255, 128, 128, 128, 255, 251, 0, 1, 16, 31},
                   1},
        ColourCase{"LessColour",
                   &Augmentation::saturation,
                   0.5,
                   {141, 56, 61, 76, 181, 116, 73, 78, 163, 128, 128, 128, 233, 228, 113, 9, 14, 19},
                   1},
        ColourCase{"Grey",
                   &Augmentation::saturation,
                   0,
                   {82, 82, 82, 142, 142, 142, 86, 86, 86, 128, 128, 128, 217, 217, 217, 13, 13, 13},
                   0},
        // Pillow's circle has 255 steps and OpenCV's 256; a step is up to 6 levels of a sample, and both round to one twice.
        ColourCase{"AQuarterRound",
                   &Augmentation::hue,
                   0.25,
                   {134, 200, 31, 10, 40, 220, 240, 60, 166, 128, 128, 128, 11, 250, 112, 24, 5, 25},
                   13},
        ColourCase{"ALittleBack",
                   &Augmentation::hue,
                   -0.1,
                   {200, 31, 142, 55, 220, 10, 60, 179, 240, 128, 128, 128, 250, 95, 11, 5, 25, 23},
                   13},
        ColourCase{"HalfRound",
                   &Augmentation::hue,
                   0.5,
                   {31, 200, 182, 220, 10, 144, 240, 221, 60, 128, 128, 128, 11, 28, 250, 25, 14, 5},
                   13}),
    [](const auto& test) { return test.param.name; });

TEST(Augment, TheChangesOfColourComeInARandomOrder) {
    Augmentation both;
    both.brightness = {2, 2};
    both.contrast = {0.5, 0.5};
    std::set<std::vector<std::uint8_t>> results;
    for (std::uint64_t seed = 0; seed < 20; ++seed) results.insert(changed(colours, both, seed).rgb);
    EXPECT_EQ(results.size(), 2); // cut at white before contrast is halved, or after
}

TEST(Augment, TheFactorsOfAJitterAreNeverNegative) {
    EXPECT_EQ(factors_around_one(0.25), (Range{0.75, 1.25}));
    EXPECT_EQ(factors_around_one(1.5), (Range{0, 2.5}));
}

// ---- blur and noise

TEST(Augment, BlurIsAGaussianOfTheGivenDeviation) {
    Augmentation blur;
    blur.blur = {2, 2};
    const Picture spot = changed(point(41, 20, 20), blur);
    EXPECT_EQ(lightest(spot), std::pair(20, 20));
    EXPECT_NEAR(spot.rgb[(20 * 41 + 20) * 3], 255 / (2 * M_PI * 4), 1); // the peak of the normal density in the plane
    EXPECT_NEAR(spot.rgb[(20 * 41 + 22) * 3], 255 / (2 * M_PI * 4) * std::exp(-0.5), 1);
}

TEST(Augment, NoiseHasTheGivenDeviationAndMovesNoMean) {
    Augmentation noise;
    noise.noise = {10, 10};
    const Picture picture = changed(even(200, 200, 128), noise);
    EXPECT_NEAR(mean(picture), 128, 0.15);
    EXPECT_NEAR(deviation(picture), 10, 0.15);
}

TEST(Augment, NoiseStopsAtBlackAndWhite) {
    Augmentation noise;
    noise.noise = {40, 40};
    EXPECT_THAT(changed(even(20, 20, 255), noise).rgb, Each(::testing::Gt(20)));
    EXPECT_THAT(changed(even(20, 20, 0), noise).rgb, Each(::testing::Lt(235)));
}

// ---- what is out of range

TEST(Augment, WhatIsOutOfRangeIsNamed) {
    const auto message_of = [](const std::function<void(Augmentation&)>& spoil) -> std::string {
        Augmentation augmentation;
        spoil(augmentation);
        try {
            check(augmentation);
            return "accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::usage);
            return error.what();
        }
    };
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(message_of([](auto&) {}), "accepted");
    EXPECT_THAT(message_of([](auto& a) { a.rotation = {10, -10}; }), HasSubstr("rotation in degrees from 10 to -10"));
    EXPECT_THAT(message_of([](auto& a) { a.flip = 1.5; }), HasSubstr("chance of a flip from 1.5"));
    EXPECT_THAT(message_of([](auto& a) { a.shear = {0, 90}; }), HasSubstr("within -80 to 80"));
    EXPECT_THAT(message_of([](auto& a) { a.contrast = {-1, 1}; }), HasSubstr("factor of contrast"));
    EXPECT_THAT(message_of([](auto& a) { a.hue = {0, 0.6}; }), HasSubstr("shift of the hue"));
    EXPECT_THAT(message_of([](auto& a) { a.blur = {-1, 1}; }), HasSubstr("blur in pixels"));
    EXPECT_THAT(message_of([&](auto& a) { a.noise = {nan, nan}; }), HasSubstr("deviation of the noise from nan"));
    EXPECT_THAT(message_of([](auto& a) { a.crop = RandomResizedCrop{}; }), HasSubstr("resized to 0 x 0 pixels"));
    EXPECT_THAT(message_of([](auto& a) {
                    a.crop = RandomResizedCrop{{8, 8}, {0, 1}};
                }),
                HasSubstr("area of the random crop"));
}

} // namespace
} // namespace openset::draw
