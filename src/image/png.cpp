#include "image/png.hpp"

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <new>

#include <png.h>

#include "image/admission.hpp"
#include "image/clipped_grey.hpp"
#include "image/exif.hpp"
#include "openset/base/error.hpp"

namespace openset::image {
namespace {

/// libpng leaves its errors by longjmp, which runs no destructors. So the steps below, which call it, touch this
/// struct and plain data only; whatever owns memory lives in decode_png, which libpng never jumps across.
struct Reader {
    png_structp png = nullptr;
    png_infop info = nullptr;
    std::jmp_buf recovery{};

    std::span<const std::uint8_t> unread;
    bool out_of_data = false;
    char error[256] = "";
    bool grey16 = false;
    int passes = 1;
    std::uint8_t* rows = nullptr; // [height, row_size]
    std::size_t row_size = 0;

    Reader() = default;
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
    Reader& reader = *static_cast<Reader*>(png_get_error_ptr(png));
    std::snprintf(reader.error, sizeof reader.error, "%s", message);
    std::longjmp(reader.recovery, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, std::size_t length) {
    Reader& reader = *static_cast<Reader*>(png_get_io_ptr(png));
    if (reader.unread.size() < length) {
        reader.out_of_data = true; // what tells a cut file from a damaged one
        png_error(png, "end of file");
    }
    std::copy_n(reader.unread.data(), length, to);
    reader.unread = reader.unread.subspan(length);
}

void read_header(Reader& reader) {
    reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
    if (reader.png == nullptr) return;
    reader.info = png_create_info_struct(reader.png);
    if (reader.info == nullptr) return;

    png_set_read_fn(reader.png, &reader, on_read);
    // Our own limit on the number of pixels rules; libpng's, on each side, would refuse long strips.
    png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_crc_action(reader.png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    // No ancillary chunk is needed. Skipped unread, texts and profiles cannot inflate to gigabytes, and tRNS cannot
    // be applied with the palette. (-1 stands for all chunks but IHDR, PLTE, tRNS, IDAT and IEND.)
    constexpr png_byte transparency[] = {'t', 'R', 'N', 'S', '\0'};
    png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, transparency, 1);
    png_read_info(reader.png, reader.info);
}

bool is_grey16(const Reader& reader) {
    return png_get_color_type(reader.png, reader.info) == PNG_COLOR_TYPE_GRAY &&
           png_get_bit_depth(reader.png, reader.info) == 16;
}

void start(Reader& reader) {
    png_structp png = reader.png;
    const int colour_type = png_get_color_type(png, reader.info);
    reader.grey16 = is_grey16(reader);
    if (!reader.grey16) {
        png_set_palette_to_rgb(png);
        // Not png_set_expand, which would turn colour keys into alpha.
        if (colour_type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
        png_set_strip_16(png);
        png_set_strip_alpha(png);
        // Only where it is grey: libpng makes its rows wider for it in any case.
        if ((colour_type & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png);
    }
    reader.passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader.info);
    reader.row_size = png_get_rowbytes(png, reader.info);
}

void read_rows(Reader& reader) {
    const std::uint32_t height = png_get_image_height(reader.png, reader.info);
    for (int pass = 0; pass < reader.passes; ++pass) {
        for (std::uint32_t y = 0; y < height; ++y) {
            png_read_row(reader.png, reader.rows + y * reader.row_size, nullptr);
        }
    }
    // No png_read_end: every pixel is there and checked, so a missing IEND is no loss.
}

bool run(Reader& reader, void (*step)(Reader&)) {
    if (setjmp(reader.recovery) != 0) return false;
    step(reader);
    return true;
}

void expect_done(const Reader& reader, bool done, const char* place) {
    if (reader.png == nullptr || reader.info == nullptr) throw std::bad_alloc();
    if (done) return;
    if (reader.out_of_data) {
        throw Error(ErrorKind::truncated, std::string("the PNG data end ") + place + "; the file was cut short");
    }
    throw Error(ErrorKind::corrupt, std::string("a PNG that libpng cannot read: ") + reader.error);
}

/// 16-bit samples, big-endian, to grey pixels. As in Pillow, what is above 255 is clipped, not scaled.
/// Returns how many samples were.
std::size_t clip_grey16(std::span<const std::uint8_t> samples, std::uint8_t* rgb) {
    std::size_t clipped = 0;
    for (std::size_t i = 0; i < samples.size(); i += 2) {
        const bool above = samples[i] != 0;
        clipped += above ? 1 : 0;
        rgb = std::fill_n(rgb, 3, above ? std::uint8_t{255} : samples[i + 1]);
    }
    return clipped;
}

/// What libpng and we take beside the RGB pixels: a few rows, the 16-bit samples of a grey picture, the turned copy.
std::int64_t bytes_beside_rgb(const Reader& reader, int orientation) {
    const std::int64_t width = png_get_image_width(reader.png, reader.info);
    const std::int64_t height = png_get_image_height(reader.png, reader.info);
    // libpng's row and the one before, with the samples that a transformation adds for a while.
    const std::int64_t samples = (png_get_color_type(reader.png, reader.info) & PNG_COLOR_MASK_ALPHA) != 0 ? 4 : 3;
    const std::int64_t sample_size = png_get_bit_depth(reader.png, reader.info) == 16 ? 2 : 1;
    const std::int64_t rows = 2 * width * (is_grey16(reader) ? 2 : samples * sample_size);
    return rows + (is_grey16(reader) ? width * height * 2 : 0) + bytes_to_turn(width, height, orientation);
}

} // namespace

DecodedPicture decode_png(std::span<const std::uint8_t> file, const DecodeOptions& options) {
    Reader reader;
    reader.unread = file;
    expect_done(reader, run(reader, read_header), "in the header");
    const std::uint32_t width = png_get_image_width(reader.png, reader.info);
    const std::uint32_t height = png_get_image_height(reader.png, reader.info);
    const int orientation =
        options.exif_orientation == ExifOrientation::apply ? exif_orientation(find_png_exif(file)) : 1;
    admit(width, height, bytes_beside_rgb(reader, orientation), options);
    expect_done(reader, run(reader, start), "before the first row");

    const std::size_t pixels = std::size_t{width} * height;
    const std::size_t pixel_size = reader.grey16 ? 2 : 3;
    if (reader.row_size != width * pixel_size) {
        throw Error(ErrorKind::internal, "libpng's rows are " + std::to_string(reader.row_size) + " bytes, not " +
                                             std::to_string(width * pixel_size));
    }

    DecodedPicture result;
    result.picture = black_picture(width, height);
    std::vector<std::uint8_t> grey16(reader.grey16 ? pixels * 2 : 0);
    reader.rows = reader.grey16 ? grey16.data() : result.picture.rgb.data();
    expect_done(reader, run(reader, read_rows), "in the pixels");

    if (reader.grey16) {
        const std::size_t clipped = clip_grey16(grey16, result.picture.rgb.data());
        if (clipped > 0) result.warnings.push_back(clipping_warning(clipped, pixels));
    }
    result.picture = turn_upright(std::move(result.picture), orientation);
    return result;
}

} // namespace openset::image
