#include "openset/image/encode.hpp"

#include <cmath>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"
#include "openset/image/decode.hpp"

namespace openset::image {
namespace {

using ::testing::HasSubstr;

/// Colours that change slowly.
Picture slope(int width, int height) {
    Picture picture{width, height, {}};
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (const int value : {x * 255 / width, y * 255 / height, 128})
                picture.rgb.push_back(static_cast<std::uint8_t>(value));
        }
    }
    return picture;
}

TEST(EncodePng, LosesNothing) {
    const Picture picture = slope(37, 21);
    EXPECT_EQ(decode(encode_png(picture)).picture, picture);
}

TEST(EncodeJpeg, ComesBackNearlyTheSame) {
    const Picture picture = slope(61, 45);
    const Picture back = decode(encode_jpeg(picture)).picture;
    ASSERT_EQ(back.width, picture.width);
    ASSERT_EQ(back.height, picture.height);
    double sum = 0;
    for (std::size_t i = 0; i < picture.rgb.size(); ++i) sum += std::abs(int(picture.rgb[i]) - int(back.rgb[i]));
    EXPECT_LT(sum / double(picture.rgb.size()), 2.0);
}

TEST(EncodeJpeg, HasTheSameBytesEachTimeAndFewerForLessQuality) {
    const Picture picture = slope(200, 100);
    EXPECT_EQ(encode_jpeg(picture), encode_jpeg(picture));
    EXPECT_LT(encode_jpeg(picture, 30).size(), encode_jpeg(picture, 95).size());
    EXPECT_NO_THROW(decode(encode_jpeg(slope(1, 1), 100)));
}

TEST(EncodeJpeg, RefusesSidesThatNoJpegHas) {
    const Picture picture{65'501, 1, std::vector<std::uint8_t>(65'501 * 3)};
    EXPECT_THAT(error_of([&] { encode_jpeg(picture); }), HasSubstr("expected at most 65500 a side"));
}

} // namespace
} // namespace openset::image
