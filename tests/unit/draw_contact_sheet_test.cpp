#include "openset/draw/contact_sheet.hpp"

#include <algorithm>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"

namespace openset::draw {
namespace {

using ::testing::HasSubstr;

image::Picture plain(int width, int height, std::uint8_t value) {
    return {width, height, std::vector<std::uint8_t>(std::size_t(width) * std::size_t(height) * 3, value)};
}

/// How many pixels have this value in all channels.
std::size_t pixels_of(const image::Picture& picture, std::uint8_t value) {
    std::size_t many = 0;
    for (std::size_t i = 0; i < picture.rgb.size(); i += 3)
        many += picture.rgb[i] == value && picture.rgb[i + 1] == value && picture.rgb[i + 2] == value;
    return many;
}

TEST(ContactSheet, ShowsSmallPicturesAsTheyAreAndLargeOnesReduced) {
    const std::vector<Tile> tiles = {{plain(20, 10, 7), ""}, {plain(320, 160, 90), ""}};
    const auto sheet = contact_sheet(tiles, {.columns = 2, .tile_size = 32});
    EXPECT_EQ(pixels_of(sheet, 7), 20U * 10U);
    EXPECT_EQ(pixels_of(sheet, 90), 32U * 16U);
}

TEST(ContactSheet, HasAsManyRowsAsItNeedsAndNoMoreColumns) {
    const std::vector<Tile> three(3, {plain(32, 32, 0), "a"});
    const auto wide = contact_sheet(three, {.columns = 8, .tile_size = 32});
    const auto narrow = contact_sheet(three, {.columns = 2, .tile_size = 32});
    EXPECT_GT(wide.width, narrow.width);
    EXPECT_LT(wide.height, narrow.height);
    EXPECT_GT(contact_sheet({}).width, 0);
}

TEST(ContactSheet, KeepsCaptionsWithinTheirPlaces) {
    const std::vector<Tile> tiles = {{plain(32, 32, 255), "a caption that is much too long \xC3\xA4\n"}, {{}, ""}};
    const auto sheet = contact_sheet(tiles, {.columns = 2, .tile_size = 64});
    for (int y = 0; y < sheet.height; ++y) { // nothing is written into the second place
        const auto row = sheet.rgb.begin() + (y * sheet.width + sheet.width / 2 + 3) * 3;
        EXPECT_TRUE(std::all_of(row, row + 64 * 3, [](std::uint8_t value) { return value == 255; }));
    }
    EXPECT_LT(pixels_of(sheet, 255), std::size_t(sheet.width) * std::size_t(sheet.height));
}

TEST(ContactSheet, RefusesWhatNoFileCouldHold) {
    EXPECT_THAT(error_of([] { contact_sheet({}, {.columns = 0}); }), HasSubstr("expected at least 1 column"));
    const std::vector<Tile> many(600);
    EXPECT_THAT(error_of([&] { contact_sheet(many, {.columns = 1}); }), HasSubstr("at most 65500 a side"));
}

} // namespace
} // namespace openset::draw
