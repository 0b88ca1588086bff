// What decoders and resize_crop announce against what they take. Every allocation of the process is counted, those of
// the C libraries too: malloc and its kin are replaced, which is why this is a program of its own.

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>
#include <webp/encode.h>

#include "openset/image/decode.hpp"
#include "openset/image/preprocess.hpp"
#include "unit/made_images.hpp"

namespace {

std::atomic<std::int64_t> taken{0}, peak{0};

void* counted(void* memory) {
    if (memory == nullptr) return nullptr;
    const auto now = taken += static_cast<std::int64_t>(malloc_usable_size(memory));
    for (auto seen = peak.load(); now > seen && !peak.compare_exchange_weak(seen, now);) {
    }
    return memory;
}

void discounted(void* memory) {
    if (memory != nullptr) taken -= static_cast<std::int64_t>(malloc_usable_size(memory));
}

} // namespace

// NOLINTBEGIN(bugprone-reserved-identifier): glibc's own names
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t size) { return counted(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) { return counted(__libc_calloc(count, size)); }
void* realloc(void* memory, std::size_t size) {
    discounted(memory);
    return counted(__libc_realloc(memory, size));
}
void* memalign(std::size_t alignment, std::size_t size) { return counted(__libc_memalign(alignment, size)); }
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
    *memory = memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}
void free(void* memory) {
    discounted(memory);
    __libc_free(memory);
}
}
// NOLINTEND(bugprone-reserved-identifier)

namespace openset::image {
namespace {

using namespace openset::made;

/// The most that `work` takes at a time beyond what is taken already.
template <class Work>
std::int64_t most_taken(Work work) {
    const std::int64_t before = taken;
    peak = before;
    work();
    return peak - before;
}

/// Tables of fixed size that no decoder announces: Huffman tables, inflate's window and the like.
constexpr std::int64_t fixed = 1 << 20;

void expect_announced(const Bytes& file, DecodeOptions options = {}) {
    DecodeCost cost;
    int calls = 0;
    options.before_allocation = [&](const DecodeCost& announced) { cost = announced, ++calls; };
    DecodedPicture result;
    const std::int64_t real = most_taken([&] { result = decode(file, options); });
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(std::int64_t{cost.width} * cost.height * 3, std::ssize(result.picture.rgb));
    EXPECT_LE(real, cost.bytes + fixed) << "more than announced";
    EXPECT_LE(cost.bytes, 2 * real + fixed) << "announced more than twice what it takes";
    std::cout << "announced " << cost.bytes / 1000 << " kB, took " << real / 1000 << " kB\n";
}

// Large enough that fixed tables do not matter, and not square.
constexpr int width = 3000, height = 2000;
constexpr std::size_t pixels = std::size_t{width} * height;

/// Rows that differ, so that no format makes the picture a special case.
Bytes gradient(std::size_t samples) {
    Bytes result(pixels * samples);
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<std::uint8_t>(i / samples / 97);
    return result;
}

TEST(AnnouncedMemory, OfAJpegOfOneScanAndOfMany) {
    for (const std::size_t components : {1U, 3U, 4U}) {
        for (const bool progressive : {false, true}) {
            SCOPED_TRACE(std::to_string(components) + (progressive ? " progressive" : " baseline"));
            expect_announced(jpeg_file(width, height, gradient(components), progressive));
        }
    }
}

TEST(AnnouncedMemory, OfAJpegAtAPartOfItsSize) {
    for (const int divisor : {2, 4}) {
        for (const bool progressive : {false, true}) {
            SCOPED_TRACE("1/" + std::to_string(divisor) + (progressive ? " progressive" : " baseline"));
            expect_announced(jpeg_file(width, height, gradient(3), progressive),
                             {.jpeg_divisor = [divisor](int, int) { return divisor; }});
        }
    }
}

TEST(AnnouncedMemory, OfAPictureThatIsTurned) {
    Bytes exif = to_bytes(std::string_view("Exif\0\0", 6));
    append(exif, exif_block(6));
    const Bytes jpeg = with_jpeg_segment(jpeg_file(width, height, gradient(1)), 0xE1, exif);
    expect_announced(jpeg);
    expect_announced(jpeg, {.exif_orientation = ExifOrientation::apply});
}

TEST(AnnouncedMemory, OfAPng) {
    const auto file = [](PngColour colour, std::uint8_t depth, std::size_t pixel_size, bool interlaced) {
        PngChunk header = png_header(width, height, colour, depth);
        header.data.back() = interlaced ? 1 : 0;
        // Zeros are good for any filter; seven passes have a few filter bytes more than rows.
        Bytes data = deflated(Bytes((std::size_t{width} * pixel_size + 2) * height * 2));
        return png_of_chunks({header, {"IDAT", data}});
    };
    expect_announced(file(rgb, 8, 3, false));
    expect_announced(file(rgb, 8, 3, true));
    expect_announced(file(rgba, 16, 8, true));
    expect_announced(file(grey, 16, 2, false));
    expect_announced(file(grey, 1, 1, true));
    // One long row, of which libpng keeps two more.
    const auto row = [](PngColour colour, std::uint8_t depth, std::size_t pixel_size) {
        constexpr std::uint32_t length = 4'000'000;
        return png_of_chunks({png_header(length, 1, colour, depth), png_data({Bytes(length * pixel_size)})});
    };
    for (const auto& [colour, pixel_size] : {std::pair{grey, 1U}, {grey_alpha, 2U}, {rgb, 3U}, {rgba, 4U}}) {
        SCOPED_TRACE("row of colour type " + std::to_string(colour));
        expect_announced(row(colour, 8, pixel_size));
        expect_announced(row(colour, 16, pixel_size * 2));
    }
}

TEST(AnnouncedMemory, OfAGif) {
    std::vector<unsigned> codes; // ever longer strings of one colour
    for (std::size_t done = 0; done < pixels;) {
        codes.push_back(4), codes.push_back(1);
        ++done;
        for (unsigned code = 6; code < 4096 && done < pixels; ++code) codes.push_back(code), done += code - 4;
    }
    expect_announced(gif_file({.screen_width = width,
                               .screen_height = height,
                               .palette = Bytes(12),
                               .width = width,
                               .height = height,
                               .interlaced = true,
                               .blocks = gif_codes(2, codes)}));
}

TEST(AnnouncedMemory, OfABmp) {
    expect_announced(bmp_file({.width = width, .height = height, .pixels = Bytes(pixels * 3)}));
    Bytes runs;
    for (std::size_t i = 0; i < pixels / 240; ++i) append(runs, Bytes{240, 1, 0, 0});
    expect_announced(bmp_file(
        {.width = 240, .height = pixels / 240, .bits = 8, .compression = 1, .palette = Bytes(8), .pixels = runs}));
}

TEST(AnnouncedMemory, OfAPnm) {
    for (const char* header : {"P5 3000 2000 65535\n", "P6 3000 2000 255\n"}) {
        Bytes file = to_bytes(header);
        file.resize(file.size() + pixels * 3, 50);
        expect_announced(file);
    }
}

Bytes webp_file(bool lossless, bool alpha) {
    Bytes samples = gradient(4);
    if (!alpha) {
        for (std::size_t i = 3; i < samples.size(); i += 4) samples[i] = 255;
    }
    std::uint8_t* memory = nullptr;
    const std::size_t length = lossless ? WebPEncodeLosslessRGBA(samples.data(), width, height, width * 4, &memory)
                                        : WebPEncodeRGBA(samples.data(), width, height, width * 4, 50, &memory);
    Bytes file(memory, memory + length);
    WebPFree(memory);
    return file;
}

TEST(AnnouncedMemory, OfAWebp) {
    for (const bool lossless : {false, true}) {
        for (const bool alpha : {false, true}) {
            SCOPED_TRACE(std::string(lossless ? "lossless" : "lossy") + (alpha ? ", alpha" : ""));
            expect_announced(webp_file(lossless, alpha));
        }
    }
}

TEST(AnnouncedMemory, OfATiff) {
    const auto deflate = [](std::uint32_t photometric, std::uint32_t samples, std::uint32_t bits) {
        return tiff_fields(width, height, photometric, samples, bits, 8);
    };
    const Bytes whole = deflated(Bytes(pixels * 3));
    expect_announced(tiff_file(deflate(2, 3, 8), {whole})); // one strip
    const TiffField rows_per_strip{278, tiff_short, {1}}, planar{284, tiff_short, {2}};
    expect_announced(tiff_file(with(deflate(2, 3, 8), rows_per_strip),
                               std::vector<Bytes>(height, deflated(Bytes(std::size_t{width} * 3)))));
    expect_announced(tiff_file(with(deflate(2, 3, 8), planar), std::vector<Bytes>(3, deflated(Bytes(pixels)))));
    expect_announced(tiff_file(with(deflate(5, 4, 8), planar), std::vector<Bytes>(4, deflated(Bytes(pixels)))));
    const auto tiled = [&](std::uint32_t side) {
        const std::size_t count = ((width + side - 1) / side) * ((height + side - 1) / side);
        return tiff_file(with(with(deflate(2, 3, 8), {322, tiff_short, {side}}), {323, tiff_short, {side}}),
                         std::vector<Bytes>(count, deflated(Bytes(std::size_t{side} * side * 3))), true);
    };
    expect_announced(tiled(64));
    expect_announced(tiled(2048));
    expect_announced(tiff_file(with(deflate(2, 3, 8), {274, tiff_short, {6}}), {whole})); // turned
    // JPEG in one strip, whose header says what the fields say.
    expect_announced(tiff_file(with(tiff_fields(width, height, 6, 3, 8, 7), {530, tiff_short, {2, 2}}),
                               {jpeg_file(width, height, gradient(3))}));
}

TEST(AnnouncedMemory, OfResizingAndCropping) {
    const auto spec = [](ResizeMode mode, Interpolation interpolation, Size crop) {
        PreprocessSpec result;
        result.resize = {mode, 256, {224, 224}, interpolation, PassOrder::pillow13};
        result.crop = crop;
        return result;
    };
    for (const Size from : {Size{2000, 3000}, Size{3000, 200}, Size{1, 20'000'000}, Size{100'000, 1}, Size{300, 225}}) {
        const Picture picture{from.width, from.height,
                              Bytes(static_cast<std::size_t>(from.width) * static_cast<std::size_t>(from.height) * 3)};
        for (const ResizeMode mode : {ResizeMode::none, ResizeMode::squash, ResizeMode::shorter_side}) {
            if (mode == ResizeMode::shorter_side && std::min(from.width, from.height) == 1) continue; // far too large
            for (const Interpolation interpolation :
                 {Interpolation::bilinear, Interpolation::bicubic, Interpolation::nearest}) {
                for (const PassOrder order : {PassOrder::horizontal_first, PassOrder::pillow13}) {
                    for (const Size crop : {Size{224, 224}, Size{3000, 3000}}) {
                        PreprocessSpec wanted = spec(mode, interpolation, crop);
                        wanted.resize.order = order;
                        SCOPED_TRACE(std::to_string(from.width) + " x " + std::to_string(from.height) + ", mode " +
                                     std::to_string(static_cast<int>(mode)) + ", interpolation " +
                                     std::to_string(static_cast<int>(interpolation)) + ", crop " +
                                     std::to_string(crop.width));
                        const std::int64_t announced = resize_crop_bytes(from, wanted);
                        const std::int64_t real = most_taken([&] { resize_crop(picture, wanted); });
                        EXPECT_LE(real, announced + fixed);
                        EXPECT_LE(announced, 2 * real + fixed);
                        // Weights of a long axis are not all kept: they would take more than the picture.
                        EXPECT_LE(announced, from.height == 1 ? 60'000'000 : 300'000'000);
                    }
                }
            }
        }
    }
}

} // namespace
} // namespace openset::image
