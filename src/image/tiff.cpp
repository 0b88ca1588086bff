#include "image/tiff.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <tiffio.h>

#include "image/admission.hpp"
#include "image/clipped_grey.hpp"
#include "image/cmyk.hpp"
#include "image/exif.hpp"
#include "image/number_reader.hpp"
#include "image/palette.hpp"
#include "openset/base/error.hpp"

namespace openset::image {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// The file as libtiff sees it, and what libtiff says of it; nothing reaches stderr.
struct Source {
    Bytes file;
    std::uint64_t at = 0;
    std::string error;   // the first, since the later ones follow from it
    std::string warning; // the first since it was last cleared
};

std::string formatted(const char* format, std::va_list arguments) {
    char text[256];
    std::vsnprintf(text, sizeof text, format, arguments);
    return text;
}

int on_error(TIFF*, void* user, const char*, const char* format, std::va_list arguments) {
    Source& source = *static_cast<Source*>(user);
    if (source.error.empty()) source.error = formatted(format, arguments);
    return 1;
}

int on_warning(TIFF*, void* user, const char*, const char* format, std::va_list arguments) {
    Source& source = *static_cast<Source*>(user);
    const std::string text = formatted(format, arguments);
    // libjpeg's and libtiff's remarks on what touches no pixel.
    const bool harmless = text.find("extraneous bytes") != std::string::npos ||
                          text.find("SOS parameters") != std::string::npos ||
                          text.find("Old-style LZW") != std::string::npos ||
                          text.find("encoded with progressive mode") != std::string::npos;
    if (source.warning.empty() && !harmless) source.warning = text;
    return 1;
}

tmsize_t on_read(thandle_t handle, void* to, tmsize_t length) {
    Source& source = *static_cast<Source*>(handle);
    const std::uint64_t left = source.file.size() - std::min<std::uint64_t>(source.at, source.file.size());
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, static_cast<std::uint64_t>(length)));
    if (count > 0) std::memcpy(to, source.file.data() + source.at, count);
    source.at += count;
    return static_cast<tmsize_t>(count);
}

toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
    Source& source = *static_cast<Source*>(handle);
    source.at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? source.at + offset : source.file.size() + offset;
    return source.at;
}

/// libtiff reads compressed data where they lie, instead of copying them.
int on_map(thandle_t handle, void** base, toff_t* size) {
    const Source& source = *static_cast<Source*>(handle);
    *base = const_cast<std::uint8_t*>(source.file.data()); // not written to: the file is opened for reading
    *size = source.file.size();
    return 1;
}

struct Closer {
    void operator()(TIFF* tiff) const { TIFFClose(tiff); }
    void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

using Tiff = std::unique_ptr<TIFF, Closer>;

/// Throws what stopped libtiff.
[[noreturn]] void throw_failure(const Source& source, const std::string& place) {
    const std::string& reason = source.error.empty() ? source.warning : source.error;
    throw Error(ErrorKind::corrupt, "a TIFF that libtiff cannot read " + place + (reason.empty() ? "" : ": " + reason));
}

/// libtiff copies the values of every field, known or not, when it reads a directory. The values of many fields may
/// lie over each other, and a small file would fill the memory.
void expect_sane_directory(Bytes file) {
    const NumberReader reader(file, file[0] == 'M');
    const bool big = reader.u16(2) == 43; // BigTIFF, with offsets and counts of 8 bytes
    const std::uint64_t directory = big ? reader.u64(8) : reader.u32(4);
    if (file.size() < (big ? 16U : 8U) || directory >= file.size()) {
        throw Error(ErrorKind::truncated, "the TIFF data end before the directory; the file was cut short");
    }
    const std::size_t count_size = big ? 8 : 2, entry_size = big ? 20 : 12;
    const std::uint64_t entries = big ? reader.u64(directory) : reader.u16(directory);
    std::uint64_t most_values = file.size() * 4;
    for (std::uint64_t i = 0; i < entries; ++i) {
        const std::uint64_t at = directory + count_size + i * entry_size;
        if (at >= file.size()) break;
        constexpr std::uint8_t sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
        const std::uint32_t type = reader.u16(at + 2);
        const std::uint64_t count = big ? reader.u64(at + 4) : reader.u32(at + 4);
        const std::uint64_t size = type < std::size(sizes) ? sizes[type] : 0;
        const std::uint64_t offset = big ? reader.u64(at + 12) : reader.u32(at + 8);
        // Others are not read: they would end behind the file.
        if (size == 0 || offset > file.size() || count > (file.size() - offset) / size) continue;
        if (count * size > most_values) {
            throw Error(ErrorKind::corrupt, "a TIFF whose fields have more values than the file has bytes");
        }
        most_values -= count * size;
    }
}

Tiff open(Source& source) {
    expect_sane_directory(source.file);
    const std::unique_ptr<TIFFOpenOptions, Closer> options(TIFFOpenOptionsAlloc());
    if (options == nullptr) throw std::bad_alloc();
    // Tables of a file grow with it (up to 8 bytes for each byte); beside them libtiff needs some rows.
    constexpr tmsize_t for_rows = 256 << 20;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), static_cast<tmsize_t>(source.file.size()) * 8 + for_rows);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &source);
    Tiff tiff(TIFFClientOpenExt(
        "", "r", &source, on_read, [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; }, on_seek,
        [](thandle_t) { return 0; },
        [](thandle_t handle) -> toff_t { return static_cast<Source*>(handle)->file.size(); }, on_map,
        [](thandle_t, void*, toff_t) {}, options.get()));
    if (tiff == nullptr) throw_failure(source, "in the directory");
    source.warning.clear(); // of tags: what matters of them is looked at below
    return tiff;
}

/// The fields of the first page that say how its samples become pixels.
struct Page {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint16_t compression = COMPRESSION_NONE;
    std::uint16_t photometric = PHOTOMETRIC_MINISWHITE; // Pillow's guess where the tag is missing
    std::uint16_t bits = 1;
    std::uint16_t format = SAMPLEFORMAT_UINT;
    std::uint16_t samples = 1;
    bool planar = false; // the samples of a pixel lie in planes of their own
    bool premultiplied = false;
    bool subsampled = false; // fewer samples of colour than of luminance
    int orientation = 1;
    bool tiled = false;
    std::uint32_t tile_width = 0;
    std::uint32_t tile_height = 0;
    Palette palette{};

    std::size_t planes() const { return planar ? samples : 1; }
    std::size_t pixels() const { return std::size_t{width} * height; }
};

[[noreturn]] void throw_unsupported(const std::string& what) {
    throw Error(ErrorKind::unsupported_format, "a TIFF " + what);
}

std::uint16_t short_field(TIFF* tiff, std::uint32_t tag, std::uint16_t missing) {
    std::uint16_t value = 0;
    return TIFFGetField(tiff, tag, &value) == 1 ? value : missing;
}

Palette read_palette(TIFF* tiff, unsigned bits) {
    std::uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
    if (TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue) != 1) {
        throw Error(ErrorKind::corrupt, "a TIFF with a palette that is missing");
    }
    std::array<Rgb, 256> colours{};
    const std::size_t count = std::size_t{1} << bits;
    for (std::size_t i = 0; i < count; ++i) {
        const auto high_byte = [](std::uint16_t value) { return static_cast<std::uint8_t>(value >> 8); };
        colours[i] = {high_byte(red[i]), high_byte(green[i]), high_byte(blue[i])};
    }
    return colours;
}

Page read_page(TIFF* tiff) {
    Page page;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page.width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page.height);
    if (page.width == 0 || page.height == 0) throw Error(ErrorKind::corrupt, "a TIFF without pixels");
    page.compression = short_field(tiff, TIFFTAG_COMPRESSION, page.compression);
    page.photometric = short_field(tiff, TIFFTAG_PHOTOMETRIC, page.photometric);
    page.bits = short_field(tiff, TIFFTAG_BITSPERSAMPLE, page.bits);
    page.format = short_field(tiff, TIFFTAG_SAMPLEFORMAT, page.format);
    page.samples = short_field(tiff, TIFFTAG_SAMPLESPERPIXEL, page.samples);
    page.planar =
        page.samples > 1 && short_field(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE;
    page.orientation = short_field(tiff, TIFFTAG_ORIENTATION, 1);
    if (page.orientation < 1 || page.orientation > 8) page.orientation = 1;
    std::uint16_t extras = 0;
    std::uint16_t* kinds = nullptr;
    if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds) == 1 && extras > 0) {
        page.premultiplied = kinds[0] == EXTRASAMPLE_ASSOCALPHA;
        // Planes of no stated meaning are left unread.
        const bool unspecified = std::all_of(kinds, kinds + extras, [](auto kind) { return kind == 0; });
        if (page.planar && unspecified && extras < page.samples) page.samples -= extras;
        page.planar = page.planar && page.samples > 1;
    }
    std::uint16_t across = 1, down = 1;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_YCBCRSUBSAMPLING, &across, &down);
    page.subsampled = across != 1 || down != 1;
    page.tiled = TIFFIsTiled(tiff) != 0;
    if (page.tiled) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &page.tile_width);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &page.tile_height);
        if (page.tile_width == 0 || page.tile_height == 0)
            throw Error(ErrorKind::corrupt, "a TIFF whose tiles have no pixels");
    }
    return page;
}

// ---- samples to pixels

/// count pixels out of samples that lie side by side. Returns how many were clipped.
using ToRgb = std::size_t (*)(const Page& page, const std::uint8_t* samples, std::size_t count, std::uint8_t* rgb);

std::size_t small_sample(const std::uint8_t* row, std::size_t i, unsigned bits) {
    const std::size_t bit = i * bits;
    return row[bit / 8] >> (8 - bits - bit % 8) & ((1U << bits) - 1);
}

/// 1, 2, 4 or 8 bits; beyond the first sample of a pixel none counts.
std::size_t grey_to_rgb(const Page& page, const std::uint8_t* samples, std::size_t count, std::uint8_t* rgb) {
    const unsigned scale = 255 / ((1U << page.bits) - 1);
    const unsigned inversion = page.photometric == PHOTOMETRIC_MINISWHITE ? 255 : 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t sample = small_sample(samples, i * page.samples, page.bits);
        rgb = std::fill_n(rgb, 3, static_cast<std::uint8_t>((sample * scale) ^ inversion));
    }
    return 0;
}

std::size_t palette_to_rgb(const Page& page, const std::uint8_t* samples, std::size_t count, std::uint8_t* rgb) {
    for (std::size_t i = 0; i < count; ++i) {
        rgb = std::ranges::copy(page.palette[small_sample(samples, i * page.samples, page.bits)], rgb).out;
    }
    return 0;
}

template <class Number>
Number number_at(const std::uint8_t* samples, std::size_t i) {
    Number number; // in the order of this machine, into which libtiff has brought it
    std::memcpy(&number, samples + i * sizeof number, sizeof number);
    return number;
}

/// 16 and 32 bits, whole or floating: clipped, not scaled; a fraction is cut. MinIsWhite is not heeded: as in Pillow.
template <class Number>
std::size_t clipped_to_rgb(const Page&, const std::uint8_t* samples, std::size_t count, std::uint8_t* rgb) {
    std::size_t clipped = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto value = number_at<Number>(samples, i);
        clipped += value > 255 ? 1 : 0;
        const auto grey = value >= 255 ? 255 : value > 0 ? static_cast<std::uint8_t>(value) : 0; // NaN becomes 0
        rgb = std::fill_n(rgb, 3, static_cast<std::uint8_t>(grey));
    }
    return clipped;
}

std::size_t twelve_bits_to_rgb(const Page&, const std::uint8_t* samples, std::size_t count, std::uint8_t* rgb) {
    std::size_t clipped = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t* const from = samples + i / 2 * 3;
        const unsigned value = i % 2 == 0 ? from[0] << 4U | from[1] >> 4U : (from[1] & 15U) << 8U | from[2];
        clipped += value > 255 ? 1 : 0;
        rgb = std::fill_n(rgb, 3, static_cast<std::uint8_t>(std::min(value, 255U)));
    }
    return clipped;
}

/// 8-bit samples, or the high bytes of 16-bit ones: of sample i of a pixel.
std::uint8_t high_byte(const Page& page, const std::uint8_t* pixel, std::size_t i) {
    if (page.bits == 8) return pixel[i];
    return static_cast<std::uint8_t>(number_at<std::uint16_t>(pixel, i) >> 8);
}

std::size_t colours_to_rgb(const Page& page, const std::uint8_t* samples, std::size_t count, std::uint8_t* rgb) {
    const std::size_t pixel_size = std::size_t{page.samples} * page.bits / 8;
    for (std::size_t x = 0; x < count; ++x, samples += pixel_size, rgb += 3) {
        for (std::size_t i = 0; i < 3; ++i) rgb[i] = high_byte(page, samples, i);
        if (!page.premultiplied) continue;
        // Pillow takes alpha out of the colours before it drops it.
        const int alpha = high_byte(page, samples, 3);
        for (std::size_t i = 0; i < 3; ++i) {
            rgb[i] = static_cast<std::uint8_t>(alpha == 0 ? 0 : std::min(rgb[i] * 255 / alpha, 255));
        }
    }
    return 0;
}

/// Pillow's conversion in fixed point, with 6 bits of fraction; its table of each factor is cut towards zero.
std::size_t luminance_to_rgb(const Page&, const std::uint8_t* samples, std::size_t count, std::uint8_t* rgb) {
    // NOLINTNEXTLINE(bugprone-incorrect-roundings): below 0 it is cut towards zero, as in Pillow
    const auto part = [](double factor, int chroma) { return static_cast<int>(factor * (chroma - 128) * 64 + 0.5); };
    const auto clipped = [](int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); };
    for (std::size_t i = 0; i < count; ++i, samples += 3, rgb += 3) {
        const int luminance = samples[0], blue = samples[1], red = samples[2];
        rgb[0] = clipped(luminance + (part(1.402, red) >> 6));
        rgb[1] = clipped(luminance + ((part(-0.34414, blue) + part(-0.71414, red)) >> 6));
        rgb[2] = clipped(luminance + (part(1.772, blue) >> 6));
    }
    return 0;
}

std::size_t inks_to_rgb(const Page& page, const std::uint8_t* samples, std::size_t count, std::uint8_t* rgb) {
    const std::size_t pixel_size = std::size_t{page.samples} * page.bits / 8;
    for (std::size_t x = 0; x < count; ++x, samples += pixel_size) {
        const auto ink = [&](std::size_t i) { return high_byte(page, samples, i); };
        rgb = std::ranges::copy(cmyk_to_rgb(ink(0), ink(1), ink(2), ink(3)), rgb).out;
    }
    return 0;
}

ToRgb grey_converter(const Page& page) {
    const bool alone = page.samples == 1;
    switch (page.format) {
    case SAMPLEFORMAT_UINT:
        if (page.bits == 8 && page.samples <= 2) return grey_to_rgb;
        if (!alone) return nullptr;
        if (page.bits == 1 || page.bits == 2 || page.bits == 4) return grey_to_rgb;
        if (page.bits == 12) return twelve_bits_to_rgb;
        if (page.bits == 16) return clipped_to_rgb<std::uint16_t>;
        if (page.bits == 32) return clipped_to_rgb<std::int32_t>; // Pillow's, whose numbers are signed
        return nullptr;
    case SAMPLEFORMAT_INT:
        if (!alone) return nullptr;
        if (page.bits == 8) return grey_to_rgb; // Pillow overlooks the sign
        if (page.bits == 16) return clipped_to_rgb<std::int16_t>;
        if (page.bits == 32) return clipped_to_rgb<std::int32_t>;
        return nullptr;
    case SAMPLEFORMAT_IEEEFP: return alone && page.bits == 32 ? clipped_to_rgb<float> : nullptr;
    default: return nullptr;
    }
}

/// Null: no such samples can be read.
ToRgb converter_of(const Page& page) {
    const bool bytes = page.format == SAMPLEFORMAT_UINT && (page.bits == 8 || page.bits == 16);
    const auto between = [&](unsigned least, unsigned most) { return page.samples >= least && page.samples <= most; };
    switch (page.photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK: return grey_converter(page);
    case PHOTOMETRIC_PALETTE:
        if (page.format != SAMPLEFORMAT_UINT || !between(1, page.bits == 8 ? 2 : 1)) return nullptr;
        return page.bits == 1 || page.bits == 2 || page.bits == 4 || page.bits == 8 ? palette_to_rgb : nullptr;
    case PHOTOMETRIC_RGB: return bytes && between(3, 6) ? colours_to_rgb : nullptr;
    case PHOTOMETRIC_SEPARATED: return bytes && between(4, 6) ? inks_to_rgb : nullptr;
    case PHOTOMETRIC_YCBCR:
        if (!bytes || page.bits != 8 || page.planar || page.samples != 3) return nullptr;
        if (page.compression == COMPRESSION_NONE && !page.subsampled) return luminance_to_rgb;
        // libjpeg turns them into RGB.
        return page.compression == COMPRESSION_JPEG ? colours_to_rgb : nullptr;
    default: return nullptr;
    }
}

ToRgb expect_supported(const Page& page) {
    constexpr std::uint16_t compressions[] = {COMPRESSION_NONE,          COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3,
                                              COMPRESSION_CCITTFAX4,     COMPRESSION_LZW,      COMPRESSION_JPEG,
                                              COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE,  COMPRESSION_PACKBITS};
    if (std::ranges::find(compressions, page.compression) == std::end(compressions)) {
        throw_unsupported("of compression " + std::to_string(page.compression) +
                          "; what can be read is none, CCITT, LZW, JPEG, deflate and PackBits");
    }
    const ToRgb to_rgb = converter_of(page);
    if (to_rgb == nullptr) {
        throw_unsupported("of photometric interpretation " + std::to_string(page.photometric) + " with " +
                          std::to_string(page.samples) + " samples of " + std::to_string(page.bits) +
                          " bits and sample format " + std::to_string(page.format));
    }
    return to_rgb;
}

// ---- strips and tiles to samples

/// Small files must not keep us busy: each byte is taken for data a few times at most, and tiles are not much larger
/// than the picture that they make up.
void expect_within_reason(TIFF* tiff, const Source& source, const Page& page) {
    const std::uint32_t pieces = page.tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
    std::uint64_t stored = 0;
    for (std::uint32_t i = 0; i < pieces; ++i) {
        const std::uint64_t offset = TIFFGetStrileOffset(tiff, i), count = TIFFGetStrileByteCount(tiff, i);
        if (offset > source.file.size() || count > source.file.size() - offset) {
            throw Error(ErrorKind::truncated, "the TIFF data end before the last pixels; the file was cut short");
        }
        stored += count;
    }
    constexpr std::uint64_t most_uses = 16;
    if (stored > most_uses * source.file.size())
        throw Error(ErrorKind::corrupt, "a TIFF whose strips or tiles lie over each other");
    if (!page.tiled) return;
    const auto padded = [](std::uint64_t length, std::uint64_t tile) { return (length + tile - 1) / tile * tile; };
    constexpr double some = 1 << 26;
    const double area = static_cast<double>(padded(page.width, page.tile_width)) *
                        static_cast<double>(padded(page.height, page.tile_height));
    if (area > 2.0 * static_cast<double>(page.pixels()) + some) {
        throw Error(ErrorKind::unsupported_format, "a TIFF of " + std::to_string(page.width) + " x " +
                                                       std::to_string(page.height) + " pixels in tiles of " +
                                                       std::to_string(page.tile_width) + " x " +
                                                       std::to_string(page.tile_height));
    }
}

void expect_read(const Source& source, bool done) {
    const bool guessed = !source.warning.empty(); // of fax lines and JPEG data: pixels were made up
    if (!done || guessed || !source.error.empty()) throw_failure(source, "in the pixels");
}

/// A run of pixels of one row as the file has them: of one plane, or of all samples of a pixel side by side.
struct Run {
    std::size_t plane = 0;
    std::size_t x = 0;
    std::size_t y = 0;
    std::size_t count = 0;
    const std::uint8_t* samples = nullptr;
};

template <class Put>
void read_strips(TIFF* tiff, const Source& source, const Page& page, Put put) {
    std::vector<std::uint8_t> row(static_cast<std::size_t>(TIFFScanlineSize64(tiff)));
    for (std::size_t plane = 0; plane < page.planes(); ++plane) {
        for (std::uint32_t y = 0; y < page.height; ++y) {
            expect_read(source, TIFFReadScanline(tiff, row.data(), y, static_cast<std::uint16_t>(plane)) == 1);
            put(Run{plane, 0, y, page.width, row.data()});
        }
    }
}

template <class Put>
void read_tiles(TIFF* tiff, const Source& source, const Page& page, Put put) {
    const auto row_size = static_cast<std::size_t>(TIFFTileRowSize64(tiff));
    std::vector<std::uint8_t> tile(static_cast<std::size_t>(TIFFTileSize64(tiff)));
    for (std::size_t plane = 0; plane < page.planes(); ++plane) {
        for (std::uint32_t top = 0; top < page.height; top += std::min(page.tile_height, page.height - top)) {
            for (std::uint32_t left = 0; left < page.width; left += std::min(page.tile_width, page.width - left)) {
                const tmsize_t got = TIFFReadTile(tiff, tile.data(), left, top, 0, static_cast<std::uint16_t>(plane));
                expect_read(source, got == static_cast<tmsize_t>(tile.size()));
                const std::uint32_t rows = std::min(page.tile_height, page.height - top);
                const std::uint32_t columns = std::min(page.tile_width, page.width - left);
                for (std::uint32_t y = 0; y < rows; ++y) {
                    put(Run{plane, left, std::size_t{top} + y, columns, tile.data() + y * row_size});
                }
            }
        }
    }
}

template <class Put>
void read_runs(TIFF* tiff, const Source& source, const Page& page, Put put) {
    if (page.tiled)
        read_tiles(tiff, source, page, put);
    else
        read_strips(tiff, source, page, put);
}

/// Planes are first laid side by side, high bytes alone.
bool is_plain_rgb(const Page& page) { return page.photometric == PHOTOMETRIC_RGB && page.samples == 3; }

std::int64_t bytes_beside_rgb(TIFF* tiff, const Page& page) {
    const std::int64_t width = page.width, height = page.height;
    const auto pixels = static_cast<std::int64_t>(page.pixels());
    std::int64_t bytes = page.tiled ? static_cast<std::int64_t>(TIFFTileSize64(tiff))
                                    : static_cast<std::int64_t>(TIFFScanlineSize64(tiff));
    const std::int64_t pieces = page.tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
    bytes += pieces * 16;               // where each lies and how long it is
    bytes += width * page.samples * 16; // libtiff's rows: of libjpeg, of changing fax pixels
    if (page.planar && !is_plain_rgb(page)) bytes += pixels * page.samples;
    return bytes + bytes_to_turn(width, height, page.orientation);
}

/// Pixels of interleaved samples. Returns how many were clipped.
std::size_t read_interleaved(TIFF* tiff, const Source& source, const Page& page, ToRgb to_rgb, Picture& picture) {
    std::size_t clipped = 0;
    read_runs(tiff, source, page, [&](const Run& run) {
        clipped += to_rgb(page, run.samples, run.count, picture.rgb.data() + (run.y * page.width + run.x) * 3);
    });
    return clipped;
}

/// Pixels of samples in planes: 8 or 16 bits, of which the high byte counts.
void read_planes(TIFF* tiff, const Source& source, Page page, ToRgb to_rgb, Picture& picture) {
    std::vector<std::uint8_t> laid(is_plain_rgb(page) ? 0 : page.pixels() * page.samples);
    std::uint8_t* const samples = laid.empty() ? picture.rgb.data() : laid.data();
    read_runs(tiff, source, page, [&](const Run& run) {
        std::uint8_t* to = samples + (run.y * page.width + run.x) * page.samples + run.plane;
        for (std::size_t i = 0; i < run.count; ++i, to += page.samples) *to = high_byte(page, run.samples, i);
    });
    if (laid.empty()) return;
    page.bits = 8;
    to_rgb(page, laid.data(), page.pixels(), picture.rgb.data());
}

} // namespace

DecodedPicture decode_tiff(Bytes file, const DecodeOptions& options) {
    Source source{file, 0, {}, {}};
    const Tiff tiff = open(source);
    Page page = read_page(tiff.get());
    admit(page.width, page.height, bytes_beside_rgb(tiff.get(), page), options);
    const ToRgb to_rgb = expect_supported(page);
    expect_within_reason(tiff.get(), source, page);
    if (page.photometric == PHOTOMETRIC_PALETTE) page.palette = read_palette(tiff.get(), page.bits);
    if (page.photometric == PHOTOMETRIC_YCBCR && page.compression == COMPRESSION_JPEG) {
        TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    }
    source.error.clear();

    DecodedPicture result;
    result.picture = black_picture(page.width, page.height);
    if (page.planar) {
        read_planes(tiff.get(), source, page, to_rgb, result.picture);
    } else {
        const std::size_t clipped = read_interleaved(tiff.get(), source, page, to_rgb, result.picture);
        if (clipped > 0) result.warnings.push_back(clipping_warning(clipped, page.pixels()));
    }
    result.picture = turn_upright(std::move(result.picture), page.orientation);
    return result;
}

} // namespace openset::image
