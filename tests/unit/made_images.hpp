#pragma once

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

} // namespace openset::made
