#pragma once

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <jpeglib.h>
#include <zlib.h>

/// Picture files made byte by byte, so that a test can say what is in them and damage them on purpose.
namespace openset::made {

using Bytes = std::vector<std::uint8_t>;

inline void append(Bytes& bytes, std::span<const std::uint8_t> more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
}

inline Bytes to_bytes(std::string_view text) { return Bytes(text.begin(), text.end()); }

inline Bytes big_endian(std::uint32_t value) {
    return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
            static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

inline Bytes little_endian(std::uint64_t value, std::size_t length = 4) {
    Bytes bytes;
    for (std::size_t i = 0; i < length; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return bytes;
}

inline Bytes joined(const std::vector<Bytes>& parts) {
    Bytes whole;
    for (const Bytes& part : parts) append(whole, part);
    return whole;
}

inline Bytes deflated(const Bytes& bytes) {
    uLongf length = compressBound(bytes.size());
    Bytes result(length);
    compress(result.data(), &length, bytes.data(), bytes.size());
    result.resize(length);
    return result;
}

struct PngChunk {
    std::string type;
    Bytes data;
};

inline Bytes png_chunk(const PngChunk& chunk) {
    Bytes summed = to_bytes(chunk.type);
    append(summed, chunk.data);
    Bytes result = big_endian(static_cast<std::uint32_t>(chunk.data.size()));
    append(result, summed);
    append(result, big_endian(static_cast<std::uint32_t>(crc32(0, summed.data(), static_cast<uInt>(summed.size())))));
    return result;
}

inline Bytes png_of_chunks(const std::vector<PngChunk>& chunks) {
    Bytes file = to_bytes("\x89PNG\r\n\x1A\n");
    for (const PngChunk& chunk : chunks) append(file, png_chunk(chunk));
    return file;
}

enum PngColour : std::uint8_t { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgba = 6 };

inline PngChunk png_header(std::uint32_t width, std::uint32_t height, PngColour colour = rgb, std::uint8_t depth = 8) {
    PngChunk chunk{"IHDR", big_endian(width)};
    append(chunk.data, big_endian(height));
    append(chunk.data, Bytes{depth, colour, 0, 0, 0});
    return chunk;
}

/// rows  packed samples of each row, without the filter byte
inline PngChunk png_data(const std::vector<Bytes>& rows) {
    Bytes filtered;
    for (const Bytes& row : rows) {
        filtered.push_back(0);
        append(filtered, row);
    }
    return {"IDAT", deflated(filtered)};
}

/// samples  [height, width, components]: 1 component makes grey, 3 RGB, 4 CMYK; coded as they are, at quality 100
inline Bytes jpeg_file(int width, int height, const Bytes& samples, bool progressive = false) {
    const int components = static_cast<int>(samples.size()) / (width * height);
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* memory = nullptr;
    unsigned long length = 0;
    jpeg_mem_dest(&info, &memory, &length);
    info.image_width = static_cast<JDIMENSION>(width);
    info.image_height = static_cast<JDIMENSION>(height);
    info.input_components = components;
    info.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 100, TRUE);
    if (progressive) jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        auto* row =
            const_cast<JSAMPROW>(samples.data() + info.next_scanline * static_cast<unsigned>(width * components));
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    Bytes file(memory, memory + length);
    std::free(memory);
    return file;
}

/// With one more marker segment right after the start of the image.
inline Bytes with_jpeg_segment(const Bytes& jpeg, std::uint8_t marker, const Bytes& data) {
    const std::size_t length = data.size() + 2;
    Bytes file(jpeg.begin(), jpeg.begin() + 2);
    append(file, Bytes{0xFF, marker, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)});
    append(file, data);
    append(file, std::span(jpeg).subspan(2));
    return file;
}

/// A TIFF structure with one entry: the orientation.
inline Bytes exif_block(std::uint8_t orientation, bool is_big_endian = true) {
    if (is_big_endian) {
        return {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0};
    }
    return {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 18, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0};
}

// ---- BMP

struct Bmp {
    std::uint32_t width = 1;
    std::int32_t height = 1; // negative: the first row is on top
    std::uint16_t bits = 24;
    std::uint32_t compression = 0;
    std::uint32_t header_size = 40; // 12: OS/2
    Bytes after_header = {};        // masks, and whatever else longer headers hold
    Bytes palette = {};
    Bytes pixels = {}; // rows filled up to whole words, or runs
};

inline Bytes bmp_file(const Bmp& bmp) {
    Bytes header = little_endian(bmp.header_size);
    const auto height = static_cast<std::uint32_t>(bmp.height);
    if (bmp.header_size == 12) {
        append(header, joined({little_endian(bmp.width, 2), little_endian(height, 2), little_endian(1, 2),
                               little_endian(bmp.bits, 2)}));
    } else {
        const std::size_t colours = bmp.palette.size() / 4;
        append(header,
               joined({little_endian(bmp.width), little_endian(height), little_endian(1, 2), little_endian(bmp.bits, 2),
                       little_endian(bmp.compression), Bytes(12, 0), little_endian(colours), Bytes(4, 0)}));
    }
    append(header, bmp.after_header);
    const std::size_t offset = 14 + header.size() + bmp.palette.size();
    return joined({to_bytes("BM"), little_endian(offset + bmp.pixels.size()), Bytes(4, 0), little_endian(offset),
                   header, bmp.palette, bmp.pixels});
}

// ---- GIF

/// Codes of growing width, as the decoder expects them, in blocks of at most 255 bytes; without the empty block behind.
inline Bytes gif_codes(unsigned pixel_bits, const std::vector<unsigned>& codes) {
    const unsigned clear = 1U << pixel_bits;
    unsigned width = pixel_bits + 1, next = clear + 2, bit_count = 0;
    std::uint32_t bits = 0;
    bool is_first = true;
    Bytes packed;
    for (const unsigned code : codes) {
        bits |= code << bit_count;
        for (bit_count += width; bit_count >= 8; bit_count -= 8, bits >>= 8) {
            packed.push_back(static_cast<std::uint8_t>(bits));
        }
        if (code == clear) {
            width = pixel_bits + 1, next = clear + 2, is_first = true;
        } else if (is_first) {
            is_first = false;
        } else if (next < 4096 && next++ == (1U << width) - 1 && width < 12) {
            ++width;
        }
    }
    if (bit_count > 0) packed.push_back(static_cast<std::uint8_t>(bits));
    Bytes blocks;
    for (std::size_t at = 0; at < packed.size(); at += 255) {
        const std::size_t length = std::min<std::size_t>(255, packed.size() - at);
        blocks.push_back(static_cast<std::uint8_t>(length));
        append(blocks, std::span(packed).subspan(at, length));
    }
    return blocks;
}

struct Gif {
    std::uint16_t screen_width = 1, screen_height = 1;
    Bytes palette = {}; // 3 bytes for each of 2, 4, 8 ... colours; empty: none
    Bytes extensions = {};
    std::uint16_t left = 0, top = 0, width = 1, height = 1;
    bool interlaced = false;
    Bytes own_palette = {};
    std::uint8_t pixel_bits = 2;
    Bytes blocks = {}; // of codes
};

inline Bytes gif_file(const Gif& gif) {
    const auto palette_flags = [](const Bytes& palette) {
        std::uint8_t flags = palette.empty() ? 0 : 0x80;
        for (std::size_t colours = 2; colours * 3 < palette.size(); colours *= 2) ++flags;
        return flags;
    };
    const auto flags = static_cast<std::uint8_t>(palette_flags(gif.own_palette) | (gif.interlaced ? 0x40 : 0));
    return joined({to_bytes("GIF89a"),
                   little_endian(gif.screen_width, 2),
                   little_endian(gif.screen_height, 2),
                   {palette_flags(gif.palette), 0, 0},
                   gif.palette,
                   gif.extensions,
                   to_bytes(","),
                   little_endian(gif.left, 2),
                   little_endian(gif.top, 2),
                   little_endian(gif.width, 2),
                   little_endian(gif.height, 2),
                   {flags},
                   gif.own_palette,
                   {gif.pixel_bits},
                   gif.blocks,
                   {0, ';'}});
}

// ---- TIFF

enum TiffType : std::uint16_t { tiff_short = 3, tiff_long = 4 };

struct TiffField {
    std::uint16_t tag;
    TiffType type;
    std::vector<std::uint32_t> values;
};

/// One page. pieces  the strips or tiles as they are stored; fields need not be sorted
inline Bytes tiff_file(std::vector<TiffField> fields, const std::vector<Bytes>& pieces, bool tiled = false,
                       bool is_big_endian = false) {
    const auto number = [&](std::uint64_t value, std::size_t length) {
        Bytes bytes = little_endian(value, length);
        if (is_big_endian) std::reverse(bytes.begin(), bytes.end());
        return bytes;
    };
    Bytes data;
    TiffField offsets{static_cast<std::uint16_t>(tiled ? 324 : 273), tiff_long, {}};
    TiffField counts{static_cast<std::uint16_t>(tiled ? 325 : 279), tiff_long, {}};
    for (const Bytes& piece : pieces) {
        offsets.values.push_back(static_cast<std::uint32_t>(8 + data.size()));
        counts.values.push_back(static_cast<std::uint32_t>(piece.size()));
        append(data, piece);
    }
    if (data.size() % 2 == 1) data.push_back(0);
    fields.push_back(offsets);
    fields.push_back(counts);
    std::sort(fields.begin(), fields.end(), [](const auto& a, const auto& b) { return a.tag < b.tag; });

    const std::size_t directory = 8 + data.size(), after = directory + 2 + fields.size() * 12 + 4;
    Bytes entries, values_behind;
    for (const TiffField& field : fields) {
        Bytes values;
        for (const std::uint32_t value : field.values) append(values, number(value, field.type == tiff_short ? 2 : 4));
        if (values.size() > 4) {
            const std::size_t at = after + values_behind.size();
            append(values_behind, values);
            values = number(at, 4);
        }
        values.resize(4);
        append(entries, joined({number(field.tag, 2), number(field.type, 2), number(field.values.size(), 4), values}));
    }
    return joined({to_bytes(is_big_endian ? "MM" : "II"), number(42, 2), number(directory, 4), data,
                   number(fields.size(), 2), entries, number(0, 4), values_behind});
}

/// The fields that every page has.
inline std::vector<TiffField> tiff_fields(std::uint32_t width, std::uint32_t height, std::uint32_t photometric,
                                          std::uint32_t samples, std::uint32_t bits, std::uint32_t compression = 1) {
    return {{256, tiff_long, {width}},
            {257, tiff_long, {height}},
            {258, tiff_short, std::vector<std::uint32_t>(samples, bits)},
            {259, tiff_short, {compression}},
            {262, tiff_short, {photometric}},
            {277, tiff_short, {samples}}};
}

inline std::vector<TiffField> with(std::vector<TiffField> fields, const TiffField& field) {
    fields.push_back(field);
    return fields;
}

// ---- WebP

struct RiffChunk {
    std::string name;
    Bytes data;
};

inline Bytes webp_of_chunks(const std::vector<RiffChunk>& chunks) {
    Bytes body = to_bytes("WEBP");
    for (const RiffChunk& chunk : chunks) {
        append(body, joined({to_bytes(chunk.name), little_endian(chunk.data.size()), chunk.data}));
        if (chunk.data.size() % 2 == 1) body.push_back(0);
    }
    return joined({to_bytes("RIFF"), little_endian(body.size()), body});
}

} // namespace openset::made
