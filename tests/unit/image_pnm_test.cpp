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

TEST(DecodePnm, EachKindHasItsNumber) {
    EXPECT_THAT(reds(decode(to_bytes("P1 3 1 1 0 1")).picture), ElementsAre(0, 255, 0)) << "1 is black";
    EXPECT_THAT(reds(decode(to_bytes("P2 3 1 255 0 7 255")).picture), ElementsAre(0, 7, 255));
    EXPECT_EQ(decode(to_bytes("P3 1 1 255 1 2 3")).picture, (Picture{1, 1, {1, 2, 3}}));
    EXPECT_THAT(reds(decode(to_bytes("P4 3 1 \xA0")).picture), ElementsAre(0, 255, 0));
    EXPECT_THAT(reds(decode(to_bytes("P5 2 1 255 az")).picture), ElementsAre('a', 'z'));
    EXPECT_EQ(decode(to_bytes("P6 1 1 255 abc")).picture, (Picture{1, 1, {'a', 'b', 'c'}}));
}

TEST(DecodePnm, BitsInAsciiNeedNoBlanks) {
    EXPECT_THAT(reds(decode(to_bytes("P1\n3 2\n101\n010")).picture), ElementsAre(0, 255, 0, 255, 0, 255));
}

TEST(DecodePnm, TheBinaryPixelsBeginAfterOneBlankWhateverTheyAre) {
    EXPECT_EQ(decode(to_bytes("P6\n1 1\n255\n\n\n\n")).picture.rgb, (Bytes{'\n', '\n', '\n'}));
}

TEST(DecodePnm, AMaximumBelow255IsScaledAndHalvesAreRoundedToEven) {
    // 1 * 255 / 2 = 127.5 and 5 * 255 / 10 = 127.5: to 128; 1 * 255 / 6 = 42.5: to 42.
    EXPECT_THAT(reds(decode(to_bytes("P2 3 1 2 0 1 2")).picture), ElementsAre(0, 128, 255));
    EXPECT_THAT(reds(decode(to_bytes("P2 1 1 6 1")).picture), ElementsAre(42));
    EXPECT_THAT(reds(decode(to_bytes("P5 2 1 100 \x32\xFF")).picture), ElementsAre(128, 255))
        << "above the maximum: clipped";
}

TEST(DecodePnm, GreyOfMoreThanEightBitsIsTakenFor16AndClippedAndTheWarningSaysSo) {
    const auto result = decode(to_bytes("P2 3 1 1000 0 3 4")); // 3 and 4 of 1000 are 197 and 262 of 65535
    EXPECT_THAT(reds(result.picture), ElementsAre(0, 197, 255));
    ASSERT_EQ(result.warnings.size(), 1U);
    EXPECT_THAT(result.warnings[0], HasSubstr("1 of 3 samples"));
}

TEST(DecodePnm, ColourOfSixteenBitsIsScaled) {
    Bytes file = to_bytes("P6 1 1 65535 ");
    append(file, Bytes{0, 255, 1, 128, 255, 255}); // 255, 384 and 65535 of 65535
    EXPECT_EQ(decode(file).picture.rgb, (Bytes{1, 1, 255}));
}

TEST(DecodePnm, CommentsMayStandAnywhereInTheHeaderAndInAsciiPixels) {
    EXPECT_THAT(reds(decode(to_bytes("P2 # kind\n2 #width\r1#height\n 255\n7 # seven\n 9")).picture),
                ElementsAre(7, 9));
    EXPECT_THAT(reds(decode(to_bytes("P2 1 1 255 1#in a number\n2")).picture), ElementsAre(12));
    EXPECT_THAT(reds(decode(to_bytes("P1 2 1 1#c\n0")).picture), ElementsAre(0, 255));
}

TEST(DecodePnm, AnyCutIsTruncated) {
    for (const std::string_view text :
         {"P6 2 2 255 abcdefghijkl", "P5 2 2 65535 abcdefgh", "P4 9 2 abcd", "P1 2 2 1011"}) {
        for (std::size_t length = 3; length < text.size(); ++length) {
            EXPECT_EQ(kind_of_failure(to_bytes(text.substr(0, length))), "truncated") << text.substr(0, length);
        }
    }
    EXPECT_EQ(kind_of_failure(to_bytes("P3 1 1 255 1 2")), "truncated");
    EXPECT_EQ(kind_of_failure(to_bytes("P2 10000 10000 255 1 2")), "truncated") << "a large picture of nothing";
}

TEST(DecodePnm, WhatIsNoNumberOrOutOfRangeIsCorrupt) {
    for (const std::string_view text :
         {"P6 two 1 255 ", "P6 -1 1 255 ", "P6 0 1 255 ", "P6 1 1 0 abc", "P6 1 1 65536 abcdef", "P2 1 1 9 10",
          "P2 1 1 9 x", "P1 1 1 2", "P2 1 1 9 00000000001", "P5 11111111111 1 255 "}) {
        EXPECT_EQ(kind_of_failure(to_bytes(text)), "corrupt") << text;
    }
}

TEST(DecodePnm, EndlessDigitsBlanksAndCommentsAreReadOnce) {
    const std::size_t many = 10'000'000;
    for (const char filling : {' ', '0', '#'}) {
        Bytes file = to_bytes("P2 ");
        file.resize(many, static_cast<std::uint8_t>(filling));
        EXPECT_NE(kind_of_failure(file), "decoded") << filling;
    }
}

} // namespace
} // namespace openset::image
