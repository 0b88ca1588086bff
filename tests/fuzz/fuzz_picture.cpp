// One decoder: of the files that begin with one of OPENSET_FUZZ_MAGICS, separated by blanks.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <sstream>
#include <string>

#ifdef OPENSET_FUZZ_PNG
#include <zlib.h>
#endif

#include "openset/base/error.hpp"
#include "openset/image/decode.hpp"

namespace {

using namespace openset;

bool is_ours(std::span<const std::uint8_t> bytes) {
    const std::string text(bytes.begin(), bytes.begin() + std::min<std::ptrdiff_t>(8, std::ssize(bytes)));
    std::istringstream magics(OPENSET_FUZZ_MAGICS);
    for (std::string magic; magics >> magic;) {
        if (text.starts_with(magic)) return true;
    }
    return false;
}

std::optional<image::Picture> decoded(std::span<const std::uint8_t> bytes, const image::DecodeOptions& options) {
    try {
        return image::decode(bytes, options).picture;
    } catch (const Error& error) {
        // What the file is to blame for, and nothing else.
        if (error.kind() == ErrorKind::internal || error.kind() == ErrorKind::usage) std::abort();
        return std::nullopt;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (!is_ours({data, size})) return -1; // not to be kept
    image::DecodeOptions options;
    options.max_pixels = 1 << 20;
    const auto picture = decoded({data, size}, options);
    if (picture) {
        const auto width = static_cast<std::size_t>(picture->width), height = static_cast<std::size_t>(picture->height);
        if (picture->width < 1 || picture->height < 1 || picture->rgb.size() != width * height * 3) std::abort();
        if (width * height > static_cast<std::size_t>(options.max_pixels)) std::abort();
    }
    // A second time the same: nothing that was never written is read.
    if (decoded({data, size}, options) != picture) std::abort();
    options.exif_orientation = image::ExifOrientation::apply;
    if (decoded({data, size}, options).has_value() != picture.has_value()) std::abort();
    return 0;
}

#ifdef OPENSET_FUZZ_PNG

// Declared by libFuzzer, which has no header.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed);

/// Most mutations get their checksums right, since libpng looks no further at a chunk whose checksum is wrong.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 == 0) return size;
    for (std::size_t chunk = 8; chunk + 12 <= size;) {
        const std::size_t length = std::size_t{data[chunk]} << 24 | std::size_t{data[chunk + 1]} << 16 |
                                   std::size_t{data[chunk + 2]} << 8 | data[chunk + 3];
        if (length > size - chunk - 12) break;
        const auto sum = static_cast<std::uint32_t>(crc32(0, data + chunk + 4, static_cast<uInt>(length + 4)));
        for (std::size_t i = 0; i < 4; ++i)
            data[chunk + 8 + length + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
        chunk += length + 12;
    }
    return size;
}

#endif
