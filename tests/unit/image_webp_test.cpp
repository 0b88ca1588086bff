#include "openset/image/decode.hpp"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <webp/encode.h>

#include "unit/decoding.hpp"
#include "unit/made_images.hpp"

namespace openset::image {
namespace {

using namespace openset::made;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Bytes taken(std::uint8_t* memory, std::size_t length) {
    Bytes file(memory, memory + length);
    WebPFree(memory);
    return file;
}

/// samples  [height, width, 3 or 4]
Bytes lossless_webp(int width, int height, const Bytes& samples) {
    std::uint8_t* memory = nullptr;
    const bool alpha = samples.size() == static_cast<std::size_t>(width * height) * 4;
    const auto encode = alpha ? WebPEncodeLosslessRGBA : WebPEncodeLosslessRGB;
    const std::size_t length = encode(samples.data(), width, height, width * (alpha ? 4 : 3), &memory);
    return taken(memory, length);
}

Bytes lossy_webp(int width, int height, const Bytes& rgba) {
    std::uint8_t* memory = nullptr;
    const std::size_t length = WebPEncodeRGBA(rgba.data(), width, height, width * 4, 80, &memory);
    return taken(memory, length);
}

/// The chunk that holds the pixels of a plain lossless file.
RiffChunk pixels_of(const Bytes& webp) { return {"VP8L", Bytes(webp.begin() + 20, webp.end())}; }

RiffChunk extended_header(std::uint8_t flags, std::uint32_t width, std::uint32_t height) {
    return {"VP8X", joined({{flags, 0, 0, 0}, little_endian(width - 1, 3), little_endian(height - 1, 3)})};
}

/// A frame of an animation at twice the given place.
RiffChunk frame(std::uint32_t half_left, std::uint32_t half_top, std::uint32_t width, std::uint32_t height,
                const RiffChunk& pixels) {
    Bytes data = joined({little_endian(half_left, 3),
                         little_endian(half_top, 3),
                         little_endian(width - 1, 3),
                         little_endian(height - 1, 3),
                         little_endian(100, 3),
                         {0},
                         to_bytes(pixels.name),
                         little_endian(pixels.data.size()),
                         pixels.data});
    if (data.size() % 2 == 1) data.push_back(0);
    return {"ANMF", data};
}

constexpr std::uint8_t animated = 2, has_exif = 8;

TEST(DecodeWebp, LosslessSamplesAreTakenAsTheyAre) {
    EXPECT_EQ(decode(lossless_webp(2, 1, {1, 2, 3, 250, 251, 252})).picture, (Picture{2, 1, {1, 2, 3, 250, 251, 252}}));
}

TEST(DecodeWebp, AlphaIsDroppedWithoutBlending) {
    EXPECT_EQ(decode(lossless_webp(2, 1, {10, 20, 30, 1, 40, 50, 60, 128})).picture.rgb,
              (Bytes{10, 20, 30, 40, 50, 60}));
}

TEST(DecodeWebp, OfAnAnimationTheFirstFrameIsDrawnOnBlack) {
    const RiffChunk first = pixels_of(lossless_webp(1, 1, {9, 8, 7})),
                    second = pixels_of(lossless_webp(1, 1, {1, 1, 1}));
    const Bytes file = webp_of_chunks({extended_header(animated, 4, 1),
                                       {"ANIM", {200, 200, 200, 255, 0, 0}},
                                       frame(1, 0, 1, 1, first),
                                       frame(0, 0, 1, 1, second)});
    EXPECT_EQ(decode(file).picture, (Picture{4, 1, {0, 0, 0, 0, 0, 0, 9, 8, 7, 0, 0, 0}}));
}

TEST(DecodeWebp, AFrameThatReachesOverTheCanvasIsCorrupt) {
    const RiffChunk pixels = pixels_of(lossless_webp(2, 1, {9, 8, 7, 6, 5, 4}));
    EXPECT_EQ(kind_of_failure(
                  webp_of_chunks({extended_header(animated, 2, 1), {"ANIM", Bytes(6)}, frame(1, 0, 2, 1, pixels)})),
              "corrupt");
    EXPECT_EQ(kind_of_failure(
                  webp_of_chunks({extended_header(animated, 1, 1), {"ANIM", Bytes(6)}, frame(0, 0, 1, 1, pixels)})),
              "corrupt")
        << "its pixels are more than it says";
}

TEST(DecodeWebp, AnyCutIsTruncated) {
    for (const Bytes& file : {lossless_webp(20, 15, noise(900)), lossy_webp(20, 15, noise(1200))}) {
        ASSERT_EQ(kind_of_failure(file), "decoded");
        for (std::size_t length = 12; length < file.size() - 1; ++length) {
            EXPECT_EQ(kind_of_failure(first_bytes(file, length)), "truncated") << length << " of " << file.size();
        }
    }
}

TEST(DecodeWebp, DamagedAlphaIsSeenThoughAlphaIsDropped) {
    Bytes samples = noise(1200);
    for (std::size_t i = 3; i < samples.size(); i += 4) samples[i] = static_cast<std::uint8_t>(i / 100); // compresses
    Bytes file = lossy_webp(20, 15, samples);
    const Bytes name = to_bytes("ALPH");
    const auto alpha = std::search(file.begin(), file.end(), name.begin(), name.end());
    ASSERT_NE(alpha, file.end());
    std::fill_n(alpha + 9, 10, std::uint8_t{0xFF});
    EXPECT_EQ(kind_of_failure(file), "corrupt");
}

TEST(DecodeWebp, ExifIsHeededOnlyWhenAskedFor) {
    const RiffChunk pixels = pixels_of(lossless_webp(2, 1, {1, 1, 1, 9, 9, 9}));
    const Bytes file = webp_of_chunks({extended_header(has_exif, 2, 1), pixels, {"EXIF", exif_block(3)}});
    EXPECT_THAT(reds(decode(file).picture), ElementsAre(1, 9));
    EXPECT_THAT(reds(decode(file, {.exif_orientation = ExifOrientation::apply}).picture), ElementsAre(9, 1));
}

TEST(DecodeWebp, ASizeIsJudgedOnTheHeader) {
    const RiffChunk pixels = pixels_of(lossless_webp(2, 1, {1, 1, 1, 9, 9, 9}));
    EXPECT_EQ(kind_of_failure(webp_of_chunks(
                  {extended_header(animated, 1 << 24, 100), {"ANIM", Bytes(6)}, frame(0, 0, 2, 1, pixels)})),
              "too-large");
}

} // namespace
} // namespace openset::image
