#include "image/bmp.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <string>

#include "image/admission.hpp"
#include "image/number_reader.hpp"
#include "image/palette.hpp"
#include "openset/base/error.hpp"

namespace openset::image {
namespace {

using Bytes = std::span<const std::uint8_t>;

enum Compression : std::uint32_t { raw = 0, rle8 = 1, rle4 = 2, bit_fields = 3, embedded_jpeg = 4, embedded_png = 5 };

constexpr std::size_t file_header_size = 14;
constexpr std::uint32_t core_header_size = 12; // of OS/2 1.x, with sides of 16 bits and a palette of 3 bytes a colour

struct Header {
    std::uint32_t size = 0; // of the second header, which follows the file header
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    bool top_down = false;
    unsigned bits = 0; // of a pixel
    std::uint32_t compression = raw;
    std::array<std::uint32_t, 3> masks{}; // of red, green and blue, for bit fields
    std::size_t palette_at = 0;           // right after the headers
    std::size_t colours = 0;              // of the palette
    std::size_t pixels_at = 0;

    std::size_t colour_size() const { return size == core_header_size ? 3 : 4; } // in the palette
    bool is_rle() const { return compression == rle8 || compression == rle4; }
};

[[noreturn]] void throw_unsupported(const std::string& what) {
    throw Error(ErrorKind::unsupported_format, "a BMP " + what);
}

Header read_header(Bytes file) {
    const NumberReader reader(file, false);
    const auto expect_bytes = [&](std::size_t end) {
        if (file.size() < end) throw Error(ErrorKind::truncated, "the BMP data end in the header");
    };
    expect_bytes(file_header_size + 4);
    const std::size_t start = file_header_size;
    Header header;
    header.size = reader.u32(start);
    constexpr std::uint32_t sizes[] = {core_header_size, 40, 52, 56, 64, 108, 124};
    if (std::ranges::find(sizes, header.size) == std::end(sizes)) {
        throw_unsupported("with a header of " + std::to_string(header.size) + " bytes, which no kind has");
    }
    header.palette_at = start + header.size;
    expect_bytes(header.palette_at);
    if (header.size == core_header_size) {
        header.width = reader.u16(start + 4);
        header.height = reader.u16(start + 6);
        header.bits = reader.u16(start + 10);
    } else {
        header.width = reader.u32(start + 4);
        header.height = reader.u32(start + 8);
        header.top_down = header.height >> 24 == 0xFF; // negative, for every height that anyone means
        if (header.top_down) header.height = 0 - header.height;
        header.bits = reader.u16(start + 14);
        header.compression = reader.u32(start + 16);
        header.colours = reader.u32(start + 32);
    }
    if (header.compression == bit_fields) {
        // Headers of 40 bytes have them behind, the longer ones inside: the same place.
        for (std::size_t i = 0; i < 3; ++i) header.masks[i] = reader.u32(start + 40 + 4 * i);
        header.palette_at = std::max(header.palette_at, start + 52);
        expect_bytes(header.palette_at);
    }
    if (header.width == 0 || header.height == 0) throw Error(ErrorKind::corrupt, "a BMP without pixels");

    const std::size_t largest = header.bits <= 8 ? std::size_t{1} << header.bits : 0;
    if (header.colours == 0) header.colours = largest;
    if (header.bits > 8) header.colours = 0;
    header.pixels_at = reader.u32(10);
    if (header.pixels_at == 0) header.pixels_at = header.palette_at + header.colours * header.colour_size();
    // Some writers forget that the palette comes between.
    if (header.pixels_at == start + header.size) header.pixels_at += header.colours * header.colour_size();
    return header;
}

/// Refuses what no decoder below reads.
void expect_supported(const Header& header) {
    constexpr unsigned depths[] = {1, 4, 8, 16, 24, 32};
    const std::string bits = std::to_string(header.bits) + " bits a pixel";
    if (std::ranges::find(depths, header.bits) == std::end(depths)) throw_unsupported("of " + bits);
    switch (header.compression) {
    case raw: return;
    case rle8:
    case rle4:
        if (header.bits != 4 && header.bits != 8) throw_unsupported("of run lengths with " + bits);
        return;
    case bit_fields:
        if (header.bits < 16) throw_unsupported("of bit fields with " + bits);
        return;
    case embedded_jpeg: throw_unsupported("that holds a JPEG");
    case embedded_png: throw_unsupported("that holds a PNG");
    default: throw_unsupported("of compression " + std::to_string(header.compression));
    }
}

Palette read_palette(Bytes file, const Header& header) {
    if (header.colours > 65536)
        throw Error(ErrorKind::corrupt, "a BMP palette of " + std::to_string(header.colours) + " colours");
    std::vector<Rgb> colours;
    for (std::size_t i = 0; i < std::min(header.colours, palette_size); ++i) {
        const std::size_t at = header.palette_at + i * header.colour_size();
        if (at + 3 > file.size()) break;
        colours.push_back({file[at + 2], file[at + 1], file[at]});
    }
    if (colours.size() == 2) colours.resize(palette_size); // as Pillow has it, two colours are no beginning of a ramp
    return to_palette(colours);
}

/// One row of the file to RGB.
using RowReader = void (*)(const std::uint8_t* row, std::size_t width, const Header&, const Palette&,
                           std::uint8_t* rgb);

void read_indices(const std::uint8_t* row, std::size_t width, const Header& header, const Palette& palette,
                  std::uint8_t* rgb) {
    const unsigned bits = header.bits, mask = (1U << bits) - 1;
    for (std::size_t x = 0; x < width; ++x) {
        const std::size_t bit = x * bits;
        rgb = std::ranges::copy(palette[row[bit / 8] >> (8 - bits - bit % 8) & mask], rgb).out;
    }
}

void read_16_bits(const std::uint8_t* row, std::size_t width, const Header& header, const Palette&, std::uint8_t* rgb) {
    const bool green_has_6_bits = header.compression == bit_fields && header.masks[1] == 0x7E0;
    const unsigned green_max = green_has_6_bits ? 63 : 31, red_shift = green_has_6_bits ? 11 : 10;
    for (std::size_t x = 0; x < width; ++x, row += 2, rgb += 3) {
        const unsigned pixel = row[0] | unsigned{row[1]} << 8;
        // Pillow's expansion, cut and not rounded.
        rgb[0] = static_cast<std::uint8_t>((pixel >> red_shift & 31) * 255 / 31);
        rgb[1] = static_cast<std::uint8_t>((pixel >> 5 & green_max) * 255 / green_max);
        rgb[2] = static_cast<std::uint8_t>((pixel & 31) * 255 / 31);
    }
}

void read_whole_bytes(const std::uint8_t* row, std::size_t width, const Header& header, const Palette&,
                      std::uint8_t* rgb) {
    std::array<std::size_t, 3> place{2, 1, 0}; // of red, green and blue in a pixel
    if (header.compression == bit_fields && header.masks != std::array<std::uint32_t, 3>{}) {
        for (std::size_t i = 0; i < 3; ++i) place[i] = static_cast<std::size_t>(std::countr_zero(header.masks[i])) / 8;
    }
    const std::size_t pixel_size = header.bits / 8;
    for (std::size_t x = 0; x < width; ++x, row += pixel_size, rgb += 3) {
        for (std::size_t i = 0; i < 3; ++i) rgb[i] = row[place[i]];
    }
}

RowReader reader_of(const Header& header) {
    if (header.bits <= 8) return read_indices;
    using Masks = std::array<std::uint32_t, 3>;
    const Masks& masks = header.masks;
    const bool fields = header.compression == bit_fields;
    if (header.bits == 16) {
        if (fields && masks != Masks{0xF800, 0x7E0, 0x1F} && masks != Masks{0x7C00, 0x3E0, 0x1F}) {
            throw_unsupported("of 16 bits in other fields than 5-6-5 and 5-5-5");
        }
        return read_16_bits;
    }
    const bool whole_bytes = std::ranges::all_of(masks, [&](std::uint32_t mask) {
        const int shift = std::countr_zero(mask);
        return mask != 0 && shift % 8 == 0 && mask >> shift == 0xFF && shift < static_cast<int>(header.bits);
    });
    if (fields && !whole_bytes && masks != Masks{}) throw_unsupported("of bit fields that are not whole bytes");
    return read_whole_bytes;
}

void read_rows(Bytes file, const Header& header, Picture& picture) {
    const RowReader read_row = reader_of(header);
    const Palette palette = read_palette(file, header);
    const std::size_t width = header.width, height = header.height;
    const std::size_t used = (width * header.bits + 7) / 8, stride = (used + 3) / 4 * 4;
    // What fills up the last row may be missing.
    const std::size_t needed = stride * (height - 1) + used;
    if (header.pixels_at > file.size() || file.size() - header.pixels_at < needed) {
        throw Error(ErrorKind::truncated, "the BMP data end before the last row; the file was cut short");
    }
    picture = black_picture(width, height);
    for (std::size_t y = 0; y < height; ++y) {
        const std::size_t shown = header.top_down ? y : height - 1 - y;
        read_row(file.data() + header.pixels_at + y * stride, width, header, palette,
                 picture.rgb.data() + shown * width * 3);
    }
}

/// Run lengths, as Pillow understands them: pixels go on in one line through the picture, rows as they are stored.
class RunReader {
public:
    RunReader(Bytes file, const Header& header, Picture& picture)
        : file_(file), at_(header.pixels_at), nibbles_(header.compression == rle4), top_down_(header.top_down),
          palette_(read_palette(file, header)), picture_(picture), width_(header.width),
          total_(std::size_t{header.width} * header.height) {}

    void read() {
        while (pixel_ < total_) {
            const unsigned count = next(), value = next();
            if (count > 0) {
                read_run(count, value);
            } else if (value == 0) {
                put_zeros((width_ - pixel_ % width_) % width_); // the rest of a row that was begun
                column_ = 0;
            } else if (value == 1) {
                break;
            } else if (value == 2) {
                const std::size_t right = next(), down = next();
                put_zeros(right + down * width_);
                column_ = pixel_ % width_;
            } else {
                read_literals(value);
            }
        }
        if (pixel_ < total_) throw Error(ErrorKind::truncated, "the runs of the BMP end before the last row");
    }

private:
    unsigned next() {
        if (at_ >= file_.size())
            throw Error(ErrorKind::truncated, "the BMP data end within the runs; the file was cut short");
        return file_[at_++];
    }

    void read_run(std::size_t count, unsigned value) {
        count = std::min(count, width_ - std::min(column_, width_)); // what reaches over the edge is cut off
        for (std::size_t i = 0; i < count; ++i) put(nibbles_ ? (i % 2 == 0 ? value >> 4 : value & 15) : value);
        column_ += count;
    }

    void read_literals(std::size_t count) {
        column_ += count;
        count = std::min(count, total_ - pixel_);
        for (std::size_t i = 0; i < count; ++i) {
            const unsigned value = nibbles_ && i % 2 == 1 ? file_[at_ - 1] & 15U : next();
            put(nibbles_ && i % 2 == 0 ? value >> 4 : value);
        }
        at_ += at_ % 2; // to a whole word of the file
    }

    void put_zeros(std::size_t count) {
        count = std::min(count, total_ - pixel_);
        for (std::size_t i = 0; i < count; ++i) put(0);
    }

    void put(unsigned index) {
        if (pixel_ == total_) return;
        const std::size_t row = pixel_ / width_, rows = total_ / width_, shown = top_down_ ? row : rows - 1 - row;
        std::ranges::copy(palette_[index], picture_.rgb.data() + (shown * width_ + pixel_ % width_) * 3);
        ++pixel_;
    }

    Bytes file_;
    std::size_t at_;
    bool nibbles_;
    bool top_down_;
    Palette palette_;
    Picture& picture_;
    std::size_t width_;
    std::size_t total_;
    std::size_t pixel_ = 0;  // how many are done
    std::size_t column_ = 0; // where the row is said to be
};

} // namespace

DecodedPicture decode_bmp(Bytes file, const DecodeOptions& options) {
    const Header header = read_header(file);
    admit(header.width, header.height, 0, options);
    expect_supported(header);
    DecodedPicture result;
    if (header.is_rle()) {
        result.picture = black_picture(header.width, header.height);
        RunReader(file, header, result.picture).read();
    } else {
        read_rows(file, header, result.picture);
    }
    return result;
}

} // namespace openset::image
