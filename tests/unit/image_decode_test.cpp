#include "openset/image/decode.hpp"

#include <algorithm>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/exif.hpp"
#include "unit/decoding.hpp"
#include "unit/made_images.hpp"

namespace openset::image {
namespace {

using namespace openset::made;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <class File>
auto find_marker(File& jpeg, std::uint8_t marker) {
    const Bytes wanted{0xFF, marker};
    return std::search(jpeg.begin(), jpeg.end(), wanted.begin(), wanted.end());
}

template <class File>
auto find_last_marker(File& jpeg, std::uint8_t marker) {
    const Bytes wanted{0xFF, marker};
    return std::find_end(jpeg.begin(), jpeg.end(), wanted.begin(), wanted.end());
}

Bytes noise_jpeg(bool progressive = false) { return jpeg_file(40, 30, noise(3600), progressive); }

// ---- kinds of file

TEST(Decode, AFileOfNoBytesIsEmpty) { EXPECT_EQ(kind_of_failure({}), "empty"); }

TEST(Decode, BytesThatBeginLikeNoPictureAreNotAnImage) {
    for (const std::string_view text :
         {"<html>", "version https://git-lfs", "%PDF-1.4", "PK\3\4", "P7 ", "x", "\xFF\xFE"}) {
        EXPECT_EQ(kind_of_failure(to_bytes(text)), "not-an-image") << text;
    }
    EXPECT_EQ(kind_of_failure(Bytes(4096, 0x00)), "not-an-image");
    EXPECT_EQ(kind_of_failure(Bytes(4096, 0xFF)), "not-an-image");
    EXPECT_EQ(kind_of_failure({0xFF, 0xD8}), "not-an-image") << "shorter than JPEG's magic number";
}

TEST(Decode, OtherFormatsAreUnsupportedAndTheErrorNamesThem) {
    using namespace std::string_view_literals;
    const std::pair<std::string_view, std::string_view> beginnings[] = {
        {"\0\0\1\0\1\0"sv, "ICO"},
        {"\0\0\0\x0CjP  \r\n\x87\n"sv, "JPEG 2000"},
        {"\0\0\0\x20"
         "ftypavif"sv,
         "AVIF"},
        {"\0\0\0\x18"
         "ftypheic"sv,
         "HEIC"},
        {"\xFF\x0A\xFA\x1F"sv, "JPEG XL"},
        {"8BPS\0\1"sv, "PSD"},
        {"\x76\x2F\x31\x01\2"sv, "EXR"},
    };
    for (const auto& [beginning, name] : beginnings) {
        const Failure failure = failure_of(to_bytes(beginning));
        EXPECT_EQ(failure.kind, "unsupported-format") << name;
        EXPECT_THAT(failure.message, HasSubstr(std::string(name) + " file"));
        EXPECT_THAT(failure.message, HasSubstr("JPEG, PNG, WebP, GIF, BMP, TIFF and PNM"));
    }
    EXPECT_EQ(kind_of_failure(to_bytes("RIFF\x24\x01\x01\x01WAVEfmt ")), "not-an-image") << "a sound";
}

// ---- PNG

TEST(DecodePng, RgbSamplesAreTakenAsTheyAre) {
    const auto result = decode(png_of_chunks({png_header(2, 1), png_data({{1, 2, 3, 250, 251, 252}}), {"IEND", {}}}));
    EXPECT_EQ(result.picture, (Picture{2, 1, {1, 2, 3, 250, 251, 252}}));
    EXPECT_THAT(result.warnings, IsEmpty());
}

TEST(DecodePng, GreyOfTwoBitsIsScaledBy85) {
    const auto result = decode(png_of_chunks({png_header(4, 1, grey, 2), png_data({{0b00'01'10'11}})}));
    EXPECT_EQ(result.picture.rgb, (Bytes{0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255}));
}

TEST(DecodePng, AlphaIsDroppedWithoutBlending) {
    EXPECT_EQ(decode(png_of_chunks({png_header(1, 1, rgba), png_data({{10, 20, 30, 0}})})).picture.rgb,
              (Bytes{10, 20, 30}));
    EXPECT_EQ(decode(png_of_chunks({png_header(1, 1, grey_alpha), png_data({{77, 0}})})).picture.rgb,
              (Bytes{77, 77, 77}));
}

TEST(DecodePng, ATransparentPaletteEntryShowsItsColour) {
    const auto file = png_of_chunks(
        {png_header(2, 1, palette), {"PLTE", {9, 8, 7, 6, 5, 4}}, {"tRNS", {0, 128}}, png_data({{0, 1}})});
    EXPECT_EQ(decode(file).picture.rgb, (Bytes{9, 8, 7, 6, 5, 4}));
}

TEST(DecodePng, AColourKeyIsIgnored) {
    const auto file = png_of_chunks({png_header(1, 1), {"tRNS", {0, 1, 0, 2, 0, 3}}, png_data({{1, 2, 3}})});
    EXPECT_EQ(decode(file).picture.rgb, (Bytes{1, 2, 3}));
}

TEST(DecodePng, SixteenBitGreyIsClippedAt255AndTheWarningSaysSo) {
    const auto result = decode(png_of_chunks({png_header(3, 1, grey, 16), png_data({{0, 200, 1, 0, 0xFF, 0xFF}})}));
    EXPECT_EQ(result.picture.rgb, (Bytes{200, 200, 200, 255, 255, 255, 255, 255, 255}));
    ASSERT_EQ(result.warnings.size(), 1U);
    EXPECT_THAT(result.warnings[0], HasSubstr("2 of 3 samples"));
}

TEST(DecodePng, SixteenBitGreyWithNothingToClipGivesNoWarning) {
    EXPECT_THAT(decode(png_of_chunks({png_header(1, 1, grey, 16), png_data({{0, 255}})})).warnings, IsEmpty());
}

TEST(DecodePng, SixteenBitColourGivesItsHighByteUnrounded) {
    const auto file = png_of_chunks({png_header(1, 1, rgb, 16), png_data({{0, 255, 1, 128, 254, 255}})});
    EXPECT_EQ(decode(file).picture.rgb, (Bytes{0, 1, 254}));
}

TEST(DecodePng, AnyCutBeforeTheEndOfThePixelsIsTruncatedAndAMissingEndChunkIsNot) {
    const auto file = png_of_chunks({png_header(9, 7), png_data(std::vector<Bytes>(7, noise(27)))});
    for (std::size_t length = 8; length < file.size(); ++length) {
        EXPECT_EQ(kind_of_failure(first_bytes(file, length)), "truncated") << length << " of " << file.size();
    }
    EXPECT_EQ(kind_of_failure(file), "decoded");
}

TEST(DecodePng, ADamagedByteOfThePixelsOrTheirSumIsCorrupt) {
    const auto file = png_of_chunks({png_header(9, 7), png_data(std::vector<Bytes>(7, noise(27)))});
    const std::size_t data = 8 + 25 + 8; // signature, header chunk, length and type
    for (std::size_t at = data; at < file.size(); ++at) {
        Bytes damaged = file;
        damaged[at] ^= 0x10;
        EXPECT_EQ(kind_of_failure(damaged), "corrupt") << at;
    }
}

TEST(DecodePng, AWrongSumOfATextIsNoReasonToRefuseThePicture) {
    Bytes file = to_bytes("\x89PNG\r\n\x1A\n");
    append(file, png_chunk(png_header(1, 1)));
    append(file, png_chunk({"tEXt", to_bytes("a comment")}));
    file.back() ^= 1;
    append(file, png_chunk(png_data({{1, 2, 3}})));
    EXPECT_EQ(decode(file).picture.rgb, (Bytes{1, 2, 3}));
}

TEST(DecodePng, AnUnknownCriticalChunkIsCorrupt) {
    EXPECT_EQ(kind_of_failure(png_of_chunks({png_header(1, 1), {"QuUX", {}}, png_data({{1, 2, 3}})})), "corrupt");
}

TEST(DecodePng, AFileWithoutPixelsIsRefused) {
    EXPECT_EQ(kind_of_failure(png_of_chunks({png_header(1, 1), {"IEND", {}}})), "corrupt");
    EXPECT_EQ(kind_of_failure(png_of_chunks({png_header(0, 1), png_data({})})), "corrupt");
}

// ---- JPEG

// A block of one value has a DC coefficient of eight times its distance from 128, which quality 100 keeps exactly.
TEST(DecodeJpeg, AnEvenGreyKeepsItsValue) {
    const auto result = decode(jpeg_file(3, 2, Bytes(6, 77)));
    EXPECT_EQ(result.picture, (Picture{3, 2, Bytes(18, 77)}));
    EXPECT_THAT(result.warnings, IsEmpty());
}

// R = K - round((255 - C) K / 255): 200 - 100, 200 - 0, 200 - 200.
TEST(DecodeJpeg, CmykIsTakenAsInvertedAndBlendedAsPillowDoes) {
    EXPECT_EQ(decode(jpeg_file(1, 1, {128, 255, 0, 200})).picture, (Picture{1, 1, {100, 200, 0}}));
}

int by_two(int, int) { return 2; }

TEST(DecodeJpeg, SidesAreDividedAsAskedForAndRoundedUp) {
    int width = 0, height = 0;
    DecodeCost cost;
    DecodeOptions options;
    options.jpeg_divisor = [&](int w, int h) { return width = w, height = h, 4; };
    options.before_allocation = [&](const DecodeCost& announced) { cost = announced; };
    const auto result = decode(jpeg_file(33, 17, Bytes(std::size_t{33} * 17 * 3, 77)), options);
    EXPECT_EQ(std::pair(width, height), std::pair(33, 17));
    EXPECT_EQ(std::pair(cost.width, cost.height), std::pair(9, 5));
    EXPECT_EQ(result.picture, (Picture{9, 5, Bytes(std::size_t{9} * 5 * 3, 77)}));
    EXPECT_EQ(result.divisor, 4);
}

TEST(DecodeJpeg, DividedByTwoAPixelIsAboutTheMeanOfFour) {
    Bytes ramp; // without fine detail, which is what gets lost
    for (int y = 0; y < 32; ++y) {
        for (int x = 0; x < 32; ++x) ramp.push_back(static_cast<std::uint8_t>(4 * x + 3 * y));
    }
    const Picture divided = decode(jpeg_file(32, 32, ramp), {.jpeg_divisor = by_two}).picture;
    ASSERT_EQ(std::pair(divided.width, divided.height), std::pair(16, 16));
    for (int y = 0; y < 16; ++y) {
        for (int x = 0; x < 16; ++x) {
            const int mean = 4 * 2 * x + 2 + 3 * 2 * y + 2; // 1.5 for the three
            EXPECT_NEAR(divided.rgb[static_cast<std::size_t>(16 * y + x) * 3], mean, 3) << x << ", " << y;
        }
    }
}

TEST(DecodeJpeg, TheLimitOnPixelsIsThatOfTheWholePicture) {
    DecodeOptions options{.max_pixels = 1000, .jpeg_divisor = by_two};
    EXPECT_THROW(decode(jpeg_file(40, 30, Bytes(1200)), options), Error);
}

TEST(DecodePng, IsNeverDivided) {
    const auto file = png_of_chunks({png_header(2, 1), png_data({{1, 2, 3, 250, 251, 252}})});
    const auto result = decode(file, {.jpeg_divisor = by_two});
    EXPECT_EQ(result.picture.width, 2);
    EXPECT_EQ(result.divisor, 1);
}

TEST(DecodeJpeg, AnyCutIsTruncated) {
    for (const bool progressive : {false, true}) {
        const Bytes file = noise_jpeg(progressive);
        ASSERT_EQ(kind_of_failure(file), "decoded");
        for (std::size_t length = 3; length < file.size(); ++length) {
            EXPECT_EQ(kind_of_failure(first_bytes(file, length)), "truncated") << length << " of " << file.size();
        }
    }
}

TEST(DecodeJpeg, TheMessageOfACutSaysHowFarThePictureGoes) {
    const Bytes file = noise_jpeg();
    EXPECT_THAT(failure_of(first_bytes(file, file.size() - 2)).message, HasSubstr("of 30; the file was cut short"));
}

TEST(DecodeJpeg, HalfAScanWithAProperEndIsCorruptNotHalfGrey) {
    Bytes file = first_bytes(noise_jpeg(), noise_jpeg().size() / 2);
    append(file, Bytes{0xFF, 0xD9});
    EXPECT_EQ(kind_of_failure(file), "corrupt");
}

TEST(DecodeJpeg, AProgressiveFileOfItsFirstScansOnlyIsTruncated) {
    const Bytes file = noise_jpeg(true);
    const auto first = find_marker(file, 0xDA);
    // A scan's tables come before it, and its data end where the next marker begins.
    auto next = first + 2;
    while (!(*next == 0xFF && *(next + 1) != 0)) ++next;
    Bytes cut(file.begin(), next);
    append(cut, Bytes{0xFF, 0xD9});
    EXPECT_EQ(kind_of_failure(cut), "truncated");
}

TEST(DecodeJpeg, BytesAfterTheEndAreIgnored) {
    Bytes file = jpeg_file(1, 1, {50});
    append(file, noise(100));
    EXPECT_EQ(decode(file).picture.rgb, (Bytes{50, 50, 50}));
}

TEST(DecodeJpeg, TwelveBitsASampleAndTheLosslessProcessAreUnsupported) {
    Bytes file = jpeg_file(8, 8, Bytes(64, 50));
    const auto frame = find_marker(file, 0xC0);
    *(frame + 4) = 12; // after the marker and the length
    EXPECT_EQ(kind_of_failure(file), "unsupported-format");
    *(frame + 4) = 8;
    *(frame + 1) = 0xC3; // the lossless process
    EXPECT_EQ(kind_of_failure(file), "unsupported-format");
}

TEST(DecodeJpeg, AnEndlessRowOfScansIsRefused) {
    // One component, so that each scan is complete and the picture is as good after the first as after the last.
    Bytes file = jpeg_file(8, 8, Bytes(64, 50), true);
    const auto last = find_last_marker(file, 0xDA);
    const Bytes scan(last, file.end() - 2), head(file.begin(), file.end() - 2);
    const auto with_scans = [&](int more) {
        Bytes result = head;
        for (int i = 0; i < more; ++i) append(result, scan);
        append(result, Bytes{0xFF, 0xD9});
        return result;
    };
    EXPECT_EQ(kind_of_failure(with_scans(400)), "decoded");
    EXPECT_EQ(kind_of_failure(with_scans(5000)), "corrupt");
}

// ---- limits

TEST(Decode, TheLimitOnPixelsIsIncluded) {
    const Bytes png = png_of_chunks({png_header(3, 2), png_data(std::vector<Bytes>(2, noise(9)))});
    const Bytes jpeg = jpeg_file(3, 2, noise(18));
    for (const Bytes& file : {png, jpeg}) {
        EXPECT_EQ(kind_of_failure(file, {.max_pixels = 6}), "decoded");
        const Failure failure = failure_of(file, {.max_pixels = 5});
        EXPECT_EQ(failure.kind, "too-large");
        EXPECT_EQ(failure.message, "3 x 2 pixels, but the limit is 5 pixels in all");
    }
}

TEST(Decode, ASizeIsJudgedOnTheHeaderAloneBeforeThePixelsAreThere) {
    EXPECT_EQ(kind_of_failure(png_of_chunks({png_header(60000, 60000), png_data({})})), "too-large");
    EXPECT_EQ(kind_of_failure(png_of_chunks({png_header(0x7FFFFFFF, 0x7FFFFFFF), png_data({})})), "too-large");
    Bytes jpeg = jpeg_file(8, 8, Bytes(64, 50));
    const auto frame = find_marker(jpeg, 0xC0);
    std::fill_n(frame + 5, 4, std::uint8_t{0xEA}); // 60138 x 60138
    EXPECT_EQ(kind_of_failure(jpeg), "too-large");
}

TEST(Decode, RowsCostTimeOfTheirOwnAndAreLimitedToo) {
    EXPECT_EQ(kind_of_failure(png_of_chunks({png_header(1, 5'000'001, grey), png_data({})})), "too-large");
    EXPECT_NE(kind_of_failure(png_of_chunks({png_header(5'000'001, 1, grey), png_data({})})), "too-large")
        << "columns do not";
}

TEST(Decode, ALongStripIsNoReasonToRefuseAPicture) {
    const int width = 1'100'000; // beyond libpng's own limit on a side
    const auto file = png_of_chunks({png_header(width, 1, grey), png_data({Bytes(width, 5)})});
    EXPECT_EQ(decode(file).picture.width, width);
}

// ---- orientation

// A picture of 3 x 2 pixels, one letter each, rows set apart by a blank, and what is seen for each orientation.
constexpr const char* stored = "abc def";
constexpr const char* seen[] = {stored,     stored,     "cba fed",  "fed cba", "def abc",
                                "ad be cf", "da eb fc", "fc eb da", "cf be ad"};

Picture of_letters(std::string_view rows) {
    Picture picture{static_cast<int>(rows.find(' ')), 1 + static_cast<int>(std::ranges::count(rows, ' ')), {}};
    for (const char letter : rows) {
        if (letter != ' ') picture.rgb.insert(picture.rgb.end(), 3, static_cast<std::uint8_t>(letter));
    }
    return picture;
}

Bytes png_of_letters(const std::optional<PngChunk>& before, const std::optional<PngChunk>& after) {
    std::vector<PngChunk> chunks{png_header(3, 2, grey)};
    if (before) chunks.push_back(*before);
    chunks.push_back(png_data({{'a', 'b', 'c'}, {'d', 'e', 'f'}}));
    if (after) chunks.push_back(*after);
    chunks.push_back({"IEND", {}});
    return png_of_chunks(chunks);
}

const DecodeOptions apply{.exif_orientation = ExifOrientation::apply};

TEST(Orientation, EachOfTheEightIsAppliedToAPng) {
    for (std::uint8_t orientation = 1; orientation <= 8; ++orientation) {
        const PngChunk exif{"eXIf", exif_block(orientation)};
        EXPECT_EQ(decode(png_of_letters(exif, {}), apply).picture, of_letters(seen[orientation])) << +orientation;
        EXPECT_EQ(decode(png_of_letters({}, exif), apply).picture, of_letters(seen[orientation])) << +orientation;
    }
}

TEST(Orientation, EachOfTheEightIsAppliedToAJpeg) {
    const Bytes jpeg = jpeg_file(3, 2, noise(6));
    const Picture upright = decode(jpeg).picture;
    for (std::uint8_t orientation = 1; orientation <= 8; ++orientation) {
        Bytes exif = to_bytes(std::string_view("Exif\0\0", 6));
        append(exif, exif_block(orientation, orientation % 2 == 0));
        const Bytes file = with_jpeg_segment(jpeg, 0xE1, exif);
        EXPECT_EQ(decode(file, apply).picture, turn_upright(upright, orientation)) << +orientation;
        EXPECT_EQ(decode(file).picture, upright) << "ignored unless asked for";
    }
}

TEST(Orientation, IsIgnoredInAPngUnlessAskedFor) {
    EXPECT_EQ(decode(png_of_letters(PngChunk{"eXIf", exif_block(6)}, {})).picture, of_letters(stored));
}

TEST(Orientation, OutOfRangeOfAnotherTypeOrMissingMeansUpright) {
    EXPECT_EQ(exif_orientation(exif_block(6)), 6);
    EXPECT_EQ(exif_orientation(exif_block(6, false)), 6);
    EXPECT_EQ(exif_orientation(exif_block(0)), 1);
    EXPECT_EQ(exif_orientation(exif_block(9)), 1);
    Bytes of_longs = exif_block(6);
    of_longs[13] = 4;
    EXPECT_EQ(exif_orientation(of_longs), 1);
    Bytes other_tag = exif_block(6);
    other_tag[11] = 19;
    EXPECT_EQ(exif_orientation(other_tag), 1);
    EXPECT_EQ(exif_orientation(to_bytes("nothing like EXIF")), 1);
}

TEST(Orientation, ABlockCutOrPointingAnywhereIsReadWithinItsBounds) {
    const Bytes block = exif_block(6);
    for (std::size_t length = 0; length < 20; ++length) EXPECT_EQ(exif_orientation(first_bytes(block, length)), 1);
    for (std::size_t at = 4; at < 10; ++at) {
        Bytes pointing = block;
        pointing[at] = 0xFF; // the place of the directory, then how many entries it has
        exif_orientation(pointing);
    }
    Bytes png = png_of_letters(PngChunk{"eXIf", block}, {});
    for (std::size_t length = 0; length < png.size(); ++length) find_png_exif(first_bytes(png, length));
}

} // namespace
} // namespace openset::image
