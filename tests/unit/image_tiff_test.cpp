#include "openset/image/decode.hpp"

#include <cstring>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/decoding.hpp"
#include "unit/made_images.hpp"

namespace openset::image {
namespace {

using namespace openset::made;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum Photometric : std::uint32_t { min_is_white = 0, min_is_black = 1, rgb = 2, palette = 3, cmyk = 5, ycbcr = 6 };

/// One row in one strip.
Bytes row_of(std::uint32_t width, Photometric photometric, std::uint32_t samples, std::uint32_t bits,
             const Bytes& row) {
    return tiff_file(tiff_fields(width, 1, photometric, samples, bits), {row});
}

const TiffField planar{284, tiff_short, {2}};

TEST(DecodeTiff, SmallGreysAreScaledAndMinIsWhiteIsInverted) {
    EXPECT_THAT(reds(decode(row_of(4, min_is_black, 1, 1, {0b0110'0000})).picture), ElementsAre(0, 255, 255, 0));
    EXPECT_THAT(reds(decode(row_of(4, min_is_black, 1, 2, {0b00'01'10'11})).picture), ElementsAre(0, 85, 170, 255));
    EXPECT_THAT(reds(decode(row_of(2, min_is_black, 1, 4, {0x1F})).picture), ElementsAre(17, 255));
    EXPECT_THAT(reds(decode(row_of(2, min_is_white, 1, 8, {0, 200})).picture), ElementsAre(255, 55));
    EXPECT_THAT(reds(decode(row_of(4, min_is_white, 1, 1, {0b0110'0000})).picture), ElementsAre(255, 0, 0, 255));
}

TEST(DecodeTiff, GreyOfMoreBitsIsClippedAndTheWarningSaysSo) {
    for (const bool is_big_endian : {false, true}) {
        const Bytes row = is_big_endian ? Bytes{0, 200, 1, 0} : Bytes{200, 0, 0, 1};
        const auto result = decode(tiff_file(tiff_fields(2, 1, min_is_black, 1, 16), {row}, false, is_big_endian));
        EXPECT_THAT(reds(result.picture), ElementsAre(200, 255));
        ASSERT_EQ(result.warnings.size(), 1U);
        EXPECT_THAT(result.warnings[0], HasSubstr("1 of 2 samples"));
    }
    EXPECT_THAT(reds(decode(row_of(2, min_is_black, 1, 12, {0x0A, 0x01, 0x00})).picture), ElementsAre(160, 255));
}

TEST(DecodeTiff, FloatingGreyIsClippedAndItsFractionCut) {
    const float values[] = {-3.0F, 41.9F, 1e9F, std::numeric_limits<float>::quiet_NaN()};
    Bytes row(sizeof values);
    std::memcpy(row.data(), values, sizeof values);
    const auto fields = with(tiff_fields(4, 1, min_is_black, 1, 32), {339, tiff_short, {3}});
    EXPECT_THAT(reds(decode(tiff_file(fields, {row})).picture), ElementsAre(0, 41, 255, 0));
}

TEST(DecodeTiff, ColourOfSixteenBitsGivesItsHighByte) {
    EXPECT_EQ(decode(row_of(1, rgb, 3, 16, {255, 0, 128, 1, 0, 254})).picture.rgb, (Bytes{0, 1, 254}));
}

TEST(DecodeTiff, AlphaIsDroppedAndPremultipliedAlphaIsTakenOutFirst) {
    const auto with_alpha = [](std::uint32_t kind, const Bytes& pixel) {
        return decode(tiff_file(with(tiff_fields(1, 1, rgb, 4, 8), {338, tiff_short, {kind}}), {pixel})).picture.rgb;
    };
    EXPECT_EQ(with_alpha(2, {10, 20, 30, 0}), (Bytes{10, 20, 30}));
    EXPECT_EQ(with_alpha(0, {10, 20, 30, 0}), (Bytes{10, 20, 30}));
    EXPECT_EQ(with_alpha(1, {10, 20, 200, 100}), (Bytes{25, 51, 255}));
    EXPECT_EQ(with_alpha(1, {10, 20, 30, 0}), (Bytes{0, 0, 0}));
}

TEST(DecodeTiff, APaletteGivesTheHighBytesOfItsColours) {
    const TiffField colours{320, tiff_short, {0x0100, 0x0200, 0x0300, 0x04FF, 1, 2, 3, 4, 5, 6, 7, 8}};
    const auto fields = with(tiff_fields(4, 1, palette, 1, 2), colours);
    EXPECT_THAT(reds(decode(tiff_file(fields, {{0b00'01'10'11}})).picture), ElementsAre(1, 2, 3, 4));
}

// R = white - round(C white / 255), white = 255 - K = 200.
TEST(DecodeTiff, CmykIsNotInverted) {
    EXPECT_EQ(decode(row_of(1, cmyk, 4, 8, {127, 0, 255, 55})).picture.rgb, (Bytes{100, 200, 0}));
}

TEST(DecodeTiff, LuminanceAndColourDifferencesBecomeRgb) {
    const auto fields = [](std::uint32_t sampling) {
        return with(tiff_fields(1, 1, ycbcr, 3, 8), {530, tiff_short, {sampling, sampling}});
    };
    EXPECT_EQ(decode(tiff_file(fields(1), {{100, 128, 228}})).picture.rgb, (Bytes{240, 28, 100}));
    EXPECT_EQ(kind_of_failure(tiff_file(fields(2), {Bytes(6, 128)})), "unsupported-format")
        << "with fewer of the latter";
}

TEST(DecodeTiff, PlanesAreLaidSideBySide) {
    EXPECT_EQ(decode(tiff_file(with(tiff_fields(2, 1, rgb, 3, 8), planar), {{1, 4}, {2, 5}, {3, 6}})).picture.rgb,
              (Bytes{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(decode(tiff_file(with(tiff_fields(1, 1, rgb, 3, 16), planar), {{0, 1}, {0, 2}, {0, 3}})).picture.rgb,
              (Bytes{1, 2, 3}));
    EXPECT_EQ(decode(tiff_file(with(tiff_fields(1, 1, cmyk, 4, 8), planar), {{127}, {0}, {255}, {55}})).picture.rgb,
              (Bytes{100, 200, 0}));
}

TEST(DecodeTiff, StripsAndTilesMakeUpThePicture) {
    auto fields = with(tiff_fields(1, 3, min_is_black, 1, 8), {278, tiff_short, {2}});
    EXPECT_THAT(reds(decode(tiff_file(fields, {{1, 2}, {3}})).picture), ElementsAre(1, 2, 3));

    fields = with(with(tiff_fields(17, 1, min_is_black, 1, 8), {322, tiff_short, {16}}), {323, tiff_short, {16}});
    Bytes left(256, 1), right(256, 9);
    right[0] = 5;
    const std::vector<int> row = reds(decode(tiff_file(fields, {left, right}, true)).picture);
    EXPECT_EQ(row[15], 1);
    EXPECT_EQ(row[16], 5);
}

TEST(DecodeTiff, CompressedStripsAreReadAndShortOnesAreNotFilledUp) {
    const auto deflate = tiff_fields(4, 2, min_is_black, 1, 8, 8);
    EXPECT_THAT(reds(decode(tiff_file(deflate, {deflated({1, 2, 3, 4, 5, 6, 7, 8})})).picture),
                ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
    EXPECT_EQ(kind_of_failure(tiff_file(deflate, {deflated({1, 2, 3, 4, 5, 6, 7})})), "corrupt");
    const auto pack_bits = tiff_fields(4, 2, min_is_black, 1, 8, 32773);
    EXPECT_EQ(kind_of_failure(tiff_file(pack_bits, {{static_cast<std::uint8_t>(-3), 7, 0, 1}})), "corrupt");
    const auto group4 = tiff_fields(64, 64, min_is_white, 1, 1, 4);
    EXPECT_EQ(kind_of_failure(tiff_file(group4, {{0x26, 0xA1}})), "corrupt") << "a fax cut short is not white below";
}

TEST(DecodeTiff, TheOrientationTagIsAppliedWhetherAskedForOrNot) {
    const auto fields = with(tiff_fields(2, 1, min_is_black, 1, 8), {274, tiff_short, {6}});
    const Picture picture = decode(tiff_file(fields, {{1, 2}})).picture;
    EXPECT_EQ(picture.width, 1);
    EXPECT_THAT(reds(picture), ElementsAre(1, 2));
    const auto turned = with(tiff_fields(2, 1, min_is_black, 1, 8), {274, tiff_short, {3}});
    EXPECT_THAT(reds(decode(tiff_file(turned, {{1, 2}})).picture), ElementsAre(2, 1));
}

TEST(DecodeTiff, AnyCutIsRefused) {
    const Bytes file = tiff_file(tiff_fields(5, 4, rgb, 3, 8), {noise(60)});
    ASSERT_EQ(kind_of_failure(file), "decoded");
    for (std::size_t length = 4; length < file.size(); ++length) {
        const std::string kind = kind_of_failure(first_bytes(file, length));
        EXPECT_TRUE(kind == "truncated" || kind == "corrupt") << length << " of " << file.size() << ": " << kind;
    }
    EXPECT_EQ(kind_of_failure(first_bytes(file, 60)), "truncated") << "the directory stands behind the pixels";
}

TEST(DecodeTiff, WhatIsNotReadIsNamed) {
    EXPECT_THAT(failure_of(tiff_file(tiff_fields(1, 1, rgb, 3, 8, 34925), {{1, 2, 3}})).message,
                HasSubstr("compression 34925"));
    EXPECT_EQ(kind_of_failure(tiff_file(tiff_fields(1, 1, rgb, 3, 8, 6), {{1, 2, 3}})), "unsupported-format")
        << "old JPEG";
    EXPECT_EQ(kind_of_failure(row_of(1, rgb, 3, 32, Bytes(12))), "unsupported-format");
    EXPECT_EQ(kind_of_failure(row_of(1, static_cast<Photometric>(8), 3, 8, Bytes(3))), "unsupported-format")
        << "CIE L*a*b*";
}

TEST(DecodeTiff, SmallFilesThatWouldKeepUsBusyAreRefused) {
    // Each of many strips is the whole file.
    const std::uint32_t rows = 100'000;
    auto fields = with(tiff_fields(1, rows, min_is_black, 1, 8), {278, tiff_short, {1}});
    Bytes file = tiff_file(fields, std::vector<Bytes>(rows, Bytes{1}));
    const Bytes counts = joined({little_endian(279, 2), little_endian(4, 2), little_endian(rows)});
    const auto entry = std::search(file.begin(), file.end(), counts.begin(), counts.end());
    ASSERT_NE(entry, file.end());
    const auto at = entry[8] | entry[9] << 8 | entry[10] << 16 | entry[11] << 24;
    for (std::uint32_t i = 0; i < rows; ++i) std::ranges::copy(little_endian(500'000), file.begin() + at + 4 * i);
    EXPECT_NE(kind_of_failure(file), "decoded");

    // Tiles far larger than the picture.
    fields =
        with(with(tiff_fields(1, 1, min_is_black, 1, 8, 8), {322, tiff_long, {60'000}}), {323, tiff_long, {60'000}});
    EXPECT_EQ(kind_of_failure(tiff_file(fields, {deflated(Bytes(1000))}, true)), "unsupported-format");
}

TEST(DecodeTiff, FieldsThatAllHoldTheWholeFileAreRefused) {
    auto fields = tiff_fields(1000, 1000, min_is_black, 1, 8);
    for (std::uint16_t i = 0; i < 500; ++i) fields.push_back({static_cast<std::uint16_t>(40'000 + i), tiff_long, {8}});
    Bytes file = tiff_file(fields, {Bytes(1'000'000)});
    ASSERT_EQ(kind_of_failure(file), "decoded") << "unknown fields are no reason to refuse a picture";
    for (std::uint16_t i = 0; i < 500; ++i) {
        const Bytes entry = joined({little_endian(40'000U + i, 2), little_endian(4, 2), little_endian(1)});
        const auto at = std::search(file.begin(), file.end(), entry.begin(), entry.end());
        ASSERT_NE(at, file.end());
        std::ranges::copy(little_endian(250'000), at + 4); // values, from byte 8 on
    }
    EXPECT_EQ(kind_of_failure(file), "corrupt");
}

TEST(DecodeTiff, NothingIsPrinted) {
    ::testing::internal::CaptureStderr();
    kind_of_failure(tiff_file(tiff_fields(64, 64, min_is_white, 1, 1, 4), {{0x26, 0xA1}}));
    kind_of_failure(tiff_file({}, {}));
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

} // namespace
} // namespace openset::image
