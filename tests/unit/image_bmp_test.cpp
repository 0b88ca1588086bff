#include "openset/image/decode.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/decoding.hpp"
#include "unit/made_images.hpp"

namespace openset::image {
namespace {

using namespace openset::made;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Bytes four_colours{3, 2, 1, 0, 6, 5, 4, 0, 9, 8, 7, 0, 12, 11, 10, 0}; // blue, green, red, nothing: reds 1 4 7 10

TEST(DecodeBmp, RowsAreStoredFromTheBottomUnlessTheHeightIsNegative) {
    const Bytes rows{3, 2, 1, 0, 6, 5, 4, 0}; // two rows of one pixel, filled up to a word
    EXPECT_EQ(decode(bmp_file({.height = 2, .pixels = rows})).picture, (Picture{1, 2, {4, 5, 6, 1, 2, 3}}));
    EXPECT_EQ(decode(bmp_file({.height = -2, .pixels = rows})).picture, (Picture{1, 2, {1, 2, 3, 4, 5, 6}}));
}

TEST(DecodeBmp, IndicesOfOneFourAndEightBitsNameColours) {
    const auto reds_of = [](std::uint32_t width, std::uint16_t bits, const Bytes& pixels) {
        return reds(
            decode(bmp_file({.width = width, .bits = bits, .palette = four_colours, .pixels = pixels})).picture);
    };
    EXPECT_THAT(reds_of(4, 1, {0b0110'0000, 0, 0, 0}), ElementsAre(1, 4, 4, 1));
    EXPECT_THAT(reds_of(3, 4, {0x32, 0x10, 0, 0}), ElementsAre(10, 7, 4));
    EXPECT_THAT(reds_of(3, 8, {3, 0, 2, 0}), ElementsAre(10, 1, 7));
}

TEST(DecodeBmp, AnIndexPastThePaletteIsBlackUnlessThePaletteIsARampOfGrey) {
    Bmp bmp{.width = 2, .bits = 8, .palette = four_colours, .pixels = {1, 200, 0, 0}};
    EXPECT_THAT(reds(decode(bmp_file(bmp)).picture), ElementsAre(4, 0));
    bmp.palette = {0, 0, 0, 0, 1, 1, 1, 0, 2, 2, 2, 0};
    EXPECT_THAT(reds(decode(bmp_file(bmp)).picture), ElementsAre(1, 200));
}

TEST(DecodeBmp, FiveBitsAreSpreadOver255AndCutNotShifted) {
    // 5-5-5: red 1, green 2, blue 30 of 31.
    const Bytes pixel = joined({little_endian(1U << 10 | 2U << 5 | 30U, 2), {0, 0}});
    EXPECT_EQ(decode(bmp_file({.bits = 16, .pixels = pixel})).picture.rgb, (Bytes{8, 16, 246}));
}

TEST(DecodeBmp, SixBitsOfGreenBesideFiveOfTheOthersAreReadWhereTheMasksSaySo) {
    const Bytes masks = joined({little_endian(0xF800), little_endian(0x7E0), little_endian(0x1F)});
    const Bytes pixel = joined({little_endian(31U << 11 | 31U << 5 | 1U, 2), {0, 0}});
    const Bmp bmp{.bits = 16, .compression = 3, .after_header = masks, .pixels = pixel};
    EXPECT_EQ(decode(bmp_file(bmp)).picture.rgb, (Bytes{255, 125, 8}));
}

TEST(DecodeBmp, MasksOfWholeBytesSayWhereAColourLiesAndAlphaIsDropped) {
    const auto rgb = [](std::uint32_t red, std::uint32_t green, std::uint32_t blue, std::uint32_t header_size) {
        Bytes masks = joined({little_endian(red), little_endian(green), little_endian(blue)});
        masks.resize(std::max<std::size_t>(12, header_size - 40));
        return decode(bmp_file({.bits = 32,
                                .compression = 3,
                                .header_size = header_size,
                                .after_header = masks,
                                .pixels = {1, 2, 3, 4}}))
            .picture.rgb;
    };
    EXPECT_EQ(rgb(0xFF, 0xFF00, 0xFF0000, 40), (Bytes{1, 2, 3}));
    EXPECT_EQ(rgb(0xFF000000, 0xFF0000, 0xFF00, 108), (Bytes{4, 3, 2}));
    EXPECT_EQ(rgb(0, 0, 0, 124), (Bytes{3, 2, 1})) << "no masks at all: blue first";
}

TEST(DecodeBmp, TheFourthByteOf32BitsWithoutMasksCountsForNothing) {
    EXPECT_EQ(decode(bmp_file({.bits = 32, .pixels = {1, 2, 3, 0}})).picture.rgb, (Bytes{3, 2, 1}));
}

TEST(DecodeBmp, TheShortHeaderOfOs2HasThreeBytesAColour) {
    const Bmp bmp{.width = 2, .bits = 1, .header_size = 12, .palette = {3, 2, 1, 6, 5, 4}, .pixels = {0x40, 0, 0, 0}};
    EXPECT_EQ(decode(bmp_file(bmp)).picture.rgb, (Bytes{1, 2, 3, 4, 5, 6}));
}

Bmp runs(std::uint32_t width, std::int32_t height, const Bytes& pixels, bool nibbles = false) {
    const std::uint16_t bits = nibbles ? 4 : 8;
    const std::uint32_t compression = nibbles ? 2 : 1;
    return {.width = width,
            .height = height,
            .bits = bits,
            .compression = compression,
            .palette = four_colours,
            .pixels = pixels};
}

TEST(DecodeBmp, RunsAndLiteralsFillRowsFromTheBottom) {
    const Bytes pixels{2, 1, 0, 0, 0, 3, 3, 2, 1, 0, 0, 1}; // 4 4 and the rest; literals 10 7 4 on a whole word
    EXPECT_THAT(reds(decode(bmp_file(runs(3, 2, pixels))).picture), ElementsAre(10, 7, 4, 4, 4, 1));
    EXPECT_THAT(reds(decode(bmp_file(runs(5, 1, {5, 0x12, 0, 1}, true))).picture), ElementsAre(4, 7, 4, 7, 4));
    EXPECT_THAT(reds(decode(bmp_file(runs(3, 1, {0, 3, 0x32, 0x10, 0, 1}, true))).picture), ElementsAre(10, 7, 4));
}

TEST(DecodeBmp, AStepInTheRunsLeavesTheFirstColour) {
    EXPECT_THAT(reds(decode(bmp_file(runs(2, 2, {1, 3, 0, 2, 0, 1, 1, 2, 0, 1}))).picture), ElementsAre(1, 7, 10, 1));
}

TEST(DecodeBmp, RunsThatEndBeforeThePictureDoesAreTruncated) {
    EXPECT_EQ(kind_of_failure(bmp_file(runs(2, 2, {2, 1, 0, 1}))), "truncated") << "an early end";
    EXPECT_EQ(kind_of_failure(bmp_file(runs(2, 2, {2, 1, 0, 0}))), "truncated") << "no end";
    EXPECT_EQ(kind_of_failure(bmp_file(runs(2, 1, {0, 4, 1}))), "truncated") << "an end within literals";
    EXPECT_EQ(kind_of_failure(bmp_file(runs(4000, 1000, {}))), "truncated") << "nothing at all, of a large picture";
}

TEST(DecodeBmp, AnyCutIsTruncatedButForWhatFillsUpTheLastRow) {
    const Bytes file = bmp_file({.width = 3, .height = 2, .pixels = noise(24)});
    for (std::size_t length = 2; length < file.size() - 3; ++length) {
        EXPECT_EQ(kind_of_failure(first_bytes(file, length)), "truncated") << length << " of " << file.size();
    }
    EXPECT_EQ(kind_of_failure(first_bytes(file, file.size() - 3)), "decoded");
}

TEST(DecodeBmp, WhatIsNotReadIsNamed) {
    EXPECT_THAT(failure_of(bmp_file({.compression = 4, .pixels = Bytes(4)})).message, HasSubstr("holds a JPEG"));
    EXPECT_THAT(failure_of(bmp_file({.compression = 5, .pixels = Bytes(4)})).message, HasSubstr("holds a PNG"));
    EXPECT_THAT(failure_of(bmp_file({.bits = 2, .pixels = Bytes(4)})).message, HasSubstr("2 bits a pixel"));
    EXPECT_THAT(failure_of(bmp_file({.header_size = 41, .pixels = Bytes(4)})).message, HasSubstr("41 bytes"));
    EXPECT_THAT(failure_of(bmp_file({.compression = 1, .pixels = Bytes(4)})).message,
                HasSubstr("run lengths with 24 bits"));
    const Bytes odd_masks = joined({little_endian(0x7F80), little_endian(0xFF), little_endian(0xFF0000)});
    EXPECT_THAT(
        failure_of(bmp_file({.bits = 32, .compression = 3, .after_header = odd_masks, .pixels = Bytes(4)})).message,
        HasSubstr("not whole bytes"));
    EXPECT_EQ(kind_of_failure(bmp_file({.compression = 9, .pixels = Bytes(4)})), "unsupported-format");
}

} // namespace
} // namespace openset::image
