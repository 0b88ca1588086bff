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

// Reds 1, 4, 7 and 10.
const Bytes four_colours{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
constexpr unsigned clear = 4, end = 5; // of pixels of two bits

Gif gif_of(std::uint16_t width, std::uint16_t height, const std::vector<unsigned>& codes) {
    return {.screen_width = width,
            .screen_height = height,
            .palette = four_colours,
            .width = width,
            .height = height,
            .blocks = gif_codes(2, codes)};
}

Bytes graphic_control(std::uint8_t flags, std::uint8_t transparent) {
    return {'!', 0xF9, 4, flags, 0, 0, transparent, 0};
}

std::vector<int> reds_of(const Gif& gif) { return reds(decode(gif_file(gif)).picture); }

TEST(DecodeGif, PixelsAreColoursOfThePalette) {
    EXPECT_THAT(reds_of(gif_of(2, 2, {clear, 0, 1, 2, 3, end})), ElementsAre(1, 4, 7, 10));
}

TEST(DecodeGif, ACodeMayNameTheStringThatItIsAboutToMake) {
    // 1; then 6, the next code: what came before and its first pixel again; then 7 likewise.
    EXPECT_THAT(reds_of(gif_of(3, 2, {clear, 1, 6, 7, end})), ElementsAre(4, 4, 4, 4, 4, 4));
}

TEST(DecodeGif, TheTableIsClearedInTheMiddleAndAFullOneStaysAsItIs) {
    EXPECT_THAT(reds_of(gif_of(4, 1, {clear, 1, 6, clear, 2, end})), ElementsAre(4, 4, 4, 7));
    std::vector<unsigned> codes{clear};
    for (int i = 0; i < 5000; ++i)
        codes.push_back(static_cast<unsigned>(i) % 4); // 4096 codes are too few for each pair
    const std::vector<int> all = reds_of(gif_of(100, 50, codes));
    for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], four_colours[i % 4 * 3]) << i;
}

TEST(DecodeGif, InterlacedRowsComeInFourPasses) {
    Gif gif = gif_of(1, 9, {clear, 0, 0, 1, 2, 2, 3, 3, 3, 3}); // rows 0 8, 4, 2 6, 1 3 5 7
    gif.interlaced = true;
    EXPECT_THAT(reds_of(gif), ElementsAre(1, 10, 7, 10, 4, 10, 7, 10, 1));
}

TEST(DecodeGif, TheCanvasIsTheScreenFilledWithTheFirstColour) {
    Gif gif = gif_of(1, 1, {clear, 3, end});
    gif.screen_width = 3, gif.screen_height = 2, gif.left = 1, gif.top = 1;
    EXPECT_THAT(reds_of(gif), ElementsAre(1, 1, 1, 1, 10, 1));
    gif.extensions = graphic_control(1, 2);
    EXPECT_THAT(reds_of(gif), ElementsAre(7, 7, 7, 7, 10, 7)) << "or with the transparent one";
    gif.extensions = graphic_control(0, 2);
    EXPECT_THAT(reds_of(gif), ElementsAre(1, 1, 1, 1, 10, 1)) << "but only where it is said to be one";
}

TEST(DecodeGif, TheCanvasGrowsToHoldTheFrame) {
    Gif gif = gif_of(2, 1, {clear, 3, 2, end});
    gif.screen_width = gif.screen_height = 0, gif.left = 1;
    EXPECT_EQ(decode(gif_file(gif)).picture.width, 3);
    EXPECT_THAT(reds_of(gif), ElementsAre(1, 10, 7));
}

TEST(DecodeGif, AFramesOwnPaletteGoesBeforeTheGlobalOne) {
    Gif gif = gif_of(2, 1, {clear, 0, 1, end});
    gif.own_palette = {50, 0, 0, 60, 0, 0};
    EXPECT_THAT(reds_of(gif), ElementsAre(50, 60));
}

TEST(DecodeGif, WithoutAPaletteIndicesAreGreyAndPastItsEndTheyAreBlack) {
    Gif gif = gif_of(2, 1, {clear, 1, 3, end});
    gif.palette.clear();
    EXPECT_THAT(reds_of(gif), ElementsAre(1, 3));
    gif.palette = {50, 0, 0, 60, 0, 0};
    EXPECT_THAT(reds_of(gif), ElementsAre(60, 0));
}

TEST(DecodeGif, OtherExtensionsAndStrayBytesBeforeTheFrameAreSteppedOver) {
    Gif gif = gif_of(1, 1, {clear, 3, end});
    gif.extensions = joined({{'!', 0xFE, 3, 'a', ',', ';', 2, 'b', '!', 0}, {0, 0}, {'!', 0xFF, 1, 'x', 0}});
    EXPECT_THAT(reds_of(gif), ElementsAre(10));
}

TEST(DecodeGif, ACodeThatStandsForNothingIsCorrupt) {
    EXPECT_EQ(kind_of_failure(gif_file(gif_of(2, 2, {clear, 1, 7, 1, 1}))), "corrupt") << "beyond the next one";
    EXPECT_EQ(kind_of_failure(gif_file(gif_of(2, 2, {clear, 6, 1, 1}))), "corrupt") << "none is there yet";
    Gif gif = gif_of(1, 1, {clear, 1});
    gif.pixel_bits = 13;
    EXPECT_EQ(kind_of_failure(gif_file(gif)), "corrupt");
}

TEST(DecodeGif, FewerPixelsThanTheFrameHasAreTruncatedAndMoreAreIgnored) {
    EXPECT_EQ(kind_of_failure(gif_file(gif_of(4, 4, {clear, 1, 1, 1, end}))), "truncated");
    EXPECT_EQ(kind_of_failure(gif_file(gif_of(4, 4, {clear, 1, 1, 1}))), "truncated");
    EXPECT_THAT(reds_of(gif_of(2, 1, {clear, 1, 2, 3, 3, 3, end})), ElementsAre(4, 7));
}

TEST(DecodeGif, AnyCutBeforeTheEndOfThePixelsIsTruncated) {
    const Bytes file = gif_file(gif_of(2, 2, {clear, 0, 1, 2, 3, end}));
    for (std::size_t length = 6; length < file.size() - 2; ++length) {
        EXPECT_EQ(kind_of_failure(first_bytes(file, length)), "truncated") << length << " of " << file.size();
    }
    EXPECT_EQ(kind_of_failure(first_bytes(file, file.size() - 2)), "decoded") << "nothing lost";
}

TEST(DecodeGif, NoFrameOrOneWithoutPixelsIsCorrupt) {
    EXPECT_EQ(kind_of_failure(joined({to_bytes("GIF87a"), Bytes(7, 0), to_bytes(";")})), "corrupt");
    EXPECT_EQ(kind_of_failure(gif_file(gif_of(0, 1, {clear, end}))), "corrupt");
}

} // namespace
} // namespace openset::image
