// make_test_pictures DIR: drawn pictures, one for each place at which a picture can stop in the colour world's
// pipeline. A disc on a background; only the mean colour matters, and that is what each picture is drawn to have.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <jpeglib.h>
#include <png.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

using Colour = std::array<double, 3>;

struct Image {
    int width, height;
    std::vector<std::uint8_t> rgb;
};

constexpr double radius = 0.46;                          // of the side
constexpr double disc_share = 3.14159 * radius * radius; // of a square's area

/// A square picture of the given mean, its background off by `offset` and its disc by what makes up for it. The disc is
/// lighter on one side and as much darker on the other.
Image disc(int side, const Colour& mean, const Colour& offset) {
    Image image{side, side, {}};
    for (int y = 0; y < side; ++y) {
        for (int x = 0; x < side; ++x) {
            const double u = (x + 0.5) / side - 0.5, v = (y + 0.5) / side - 0.5;
            const bool inside = u * u + v * v < radius * radius;
            for (std::size_t c = 0; c < 3; ++c) {
                const double middle = mean[c] + (inside ? -offset[c] * (1 - disc_share) / disc_share : offset[c]);
                // No further from the middle than the range allows, so that the mean stays.
                const double swing = inside ? std::min({0.15, middle, 1 - middle}) : 0;
                const double value = middle - swing * (u + v) / (2 * radius);
                image.rgb.push_back(static_cast<std::uint8_t>(std::lround(255 * std::min(std::max(value, 0.0), 1.0))));
            }
        }
    }
    return image;
}

Image two_halves(int side, const Colour& left, const Colour& right) {
    Image image{side, side, {}};
    for (int i = 0; i < side * side; ++i) {
        for (std::size_t c = 0; c < 3; ++c) {
            image.rgb.push_back(static_cast<std::uint8_t>(std::lround(255 * (i % side < side / 2 ? left : right)[c])));
        }
    }
    return image;
}

void write_bytes(const fs::path& path, const std::string& bytes) {
    std::ofstream file(path, std::ios::binary);
    if (!(file << bytes).flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string png(const Image& image) {
    png_image header{};
    header.version = PNG_IMAGE_VERSION;
    header.width = static_cast<png_uint_32>(image.width);
    header.height = static_cast<png_uint_32>(image.height);
    header.format = PNG_FORMAT_RGB;
    png_alloc_size_t size = 0;
    std::string bytes;
    if (png_image_write_to_memory(&header, nullptr, &size, 0, image.rgb.data(), 0, nullptr) == 0)
        throw std::runtime_error(header.message);
    bytes.resize(size);
    if (png_image_write_to_memory(&header, bytes.data(), &size, 0, image.rgb.data(), 0, nullptr) == 0)
        throw std::runtime_error(header.message);
    return bytes;
}

/// exif_orientation  1..8, or 0 for a file without Exif
std::string jpeg(const Image& image, int exif_orientation = 0) {
    jpeg_compress_struct writer{};
    jpeg_error_mgr errors{};
    writer.err = jpeg_std_error(&errors);
    jpeg_create_compress(&writer);
    unsigned char* memory = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&writer, &memory, &size);
    writer.image_width = static_cast<JDIMENSION>(image.width);
    writer.image_height = static_cast<JDIMENSION>(image.height);
    writer.input_components = 3;
    writer.in_color_space = JCS_RGB;
    jpeg_set_defaults(&writer);
    jpeg_set_quality(&writer, 95, TRUE);
    jpeg_start_compress(&writer, TRUE);
    if (exif_orientation != 0) {
        // A big-endian TIFF of one entry: tag 0x0112, type SHORT, count 1.
        const std::array<std::uint8_t, 32> exif = {
            'E', 'x', 'i', 'f',  0,    0, 'M', 'M', 0, 42, 0, 0, 0,
            8,   0,   1,   0x01, 0x12, 0, 3,   0,   0, 0,  1, 0, static_cast<std::uint8_t>(exif_orientation),
            0,   0,   0,   0,    0,    0};
        jpeg_write_marker(&writer, JPEG_APP0 + 1, exif.data(), static_cast<unsigned int>(exif.size()));
    }
    while (writer.next_scanline < writer.image_height) {
        auto* line = const_cast<std::uint8_t*>(
            &image.rgb[std::size_t{3} * static_cast<std::size_t>(image.width) * writer.next_scanline]);
        jpeg_write_scanlines(&writer, &line, 1);
    }
    jpeg_finish_compress(&writer);
    jpeg_destroy_compress(&writer);
    std::string bytes(reinterpret_cast<const char*>(memory), size);
    std::free(memory);
    return bytes;
}

void draw(const fs::path& folder) {
    fs::create_directories(folder / "basket");
    const Image tomato = disc(96, {0.85, 0.2, 0.15}, {0.1, 0.2, 0.2});
    const Image lemon = disc(64, {0.95, 0.85, 0.2}, {0, 0.05, 0.2});

    // known
    write_bytes(folder / "tomato.png", png(tomato));
    write_bytes(folder / "orange.jpg", jpeg(disc(80, {0.95, 0.5, 0.1}, {0, 0.1, 0.1})));
    write_bytes(folder / "basket" / "lemon.png", png(lemon));
    // Nearest to brown, then to purple; red is third: a gate of k = 3 passes it, one of k = 2 does not.
    write_bytes(folder / "basket" / "dark_tomato.png", png(disc(64, {0.65, 0.15, 0.2}, {-0.1, 0, 0})));

    // stopped by the gate
    write_bytes(folder / "sea.jpg", jpeg(disc(64, {0.15, 0.3, 0.8}, {0, 0.1, 0.1})));
    write_bytes(folder / "night.png", png(disc(64, {0, 0, 0}, {0, 0, 0})));
    write_bytes(folder / "snow.png", png(disc(64, {0.95, 0.95, 0.98}, {-0.05, -0.05, 0})));
    write_bytes(folder / "leaf.jpg", jpeg(disc(64, {0.2, 0.55, 0.15}, {0.1, 0.2, 0.1})));

    // by the species filter: rather orange, but too pale for a fruit
    write_bytes(folder / "basket" / "peach.png", png(disc(64, {0.97, 0.7, 0.45}, {0, 0.05, 0.1})));

    // by the classifier: half tomato, half orange
    write_bytes(folder / "between.png", png(disc(64, {0.93, 0.3125, 0.0625}, {0, 0.05, 0})));

    // not to be decoded
    const std::string whole = jpeg(tomato);
    write_bytes(folder / "broken_truncated.jpg", whole.substr(0, whole.size() / 2));
    write_bytes(folder / "broken_text.jpg", "a thousand words\n");
    write_bytes(folder / "broken_empty.png", "");
    // not to be seen
    write_bytes(folder / ".hidden.png", png(tomato));

    // Apart, for a network that looks at the left half: a tomato for who ignores the orientation, else a lemon.
    fs::create_directories(folder.string() + "-upside-down");
    write_bytes(fs::path(folder.string() + "-upside-down") / "halves.jpg",
                jpeg(two_halves(64, {0.85, 0.2, 0.15}, {0.95, 0.85, 0.2}), 3));
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: make_test_pictures DIR\n";
        return 2;
    }
    try {
        draw(argv[1]);
    } catch (const std::exception& error) {
        std::cerr << "make_test_pictures: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
