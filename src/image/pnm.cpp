#include "image/pnm.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "image/admission.hpp"
#include "image/clipped_grey.hpp"
#include "openset/base/error.hpp"

namespace openset::image {
namespace {

using Bytes = std::span<const std::uint8_t>;

bool is_blank(std::uint8_t byte) {
    return std::string_view(" \t\n\v\f\r").find(static_cast<char>(byte)) != std::string_view::npos;
}

/// Numbers in ASCII, with comments from # to the end of the line, which do not end a number (as in Pillow).
class Scanner {
public:
    Scanner(Bytes file, std::size_t at) : file_(file), at_(at) {}

    std::size_t position() const { return at_; }

    /// The next number and the one blank after it. what  names it in errors
    std::uint64_t number(const char* what) {
        constexpr int max_digits = 10;
        std::uint64_t value = 0;
        int digits = 0;
        while (!at_end()) {
            const std::uint8_t byte = next();
            if (is_blank(byte)) {
                if (digits == 0) continue;
                return value;
            }
            if (byte < '0' || byte > '9' || ++digits > max_digits) {
                throw Error(ErrorKind::corrupt,
                            std::string("a PNM file whose ") + what + " is not a number of at most 10 digits");
            }
            value = value * 10 + (byte - '0');
        }
        if (digits == 0) throw Error(ErrorKind::truncated, std::string("the PNM data end before the ") + what);
        return value;
    }

    /// The next pixel of a bitmap, '0' or '1'; between them blanks may be left out.
    bool bit() {
        while (!at_end()) {
            const std::uint8_t byte = next();
            if (is_blank(byte)) continue;
            if (byte != '0' && byte != '1')
                throw Error(ErrorKind::corrupt, "a PBM file with pixels other than 0 and 1");
            return byte == '1';
        }
        throw Error(ErrorKind::truncated, "the PNM data end before the last pixel");
    }

private:
    /// Steps over comments.
    bool at_end() {
        while (at_ < file_.size() && file_[at_] == '#') {
            while (at_ < file_.size() && file_[at_] != '\n' && file_[at_] != '\r') ++at_;
            if (at_ < file_.size()) ++at_;
        }
        return at_ == file_.size();
    }

    std::uint8_t next() { return file_[at_++]; }

    Bytes file_;
    std::size_t at_;
};

struct Header {
    bool ascii = false;
    bool bitmap = false;
    std::size_t channels = 1;
    std::uint64_t width = 0;
    std::uint64_t height = 0;
    std::uint64_t maximum = 1;

    std::size_t samples() const { return width * height * channels; }
    std::size_t sample_size() const { return maximum > 255 ? 2 : 1; }
    bool is_grey16() const { return channels == 1 && maximum > 255; }
};

Header read_header(char kind, Scanner& scanner) {
    Header header;
    header.ascii = kind <= '3';
    header.bitmap = kind == '1' || kind == '4';
    header.channels = kind == '3' || kind == '6' ? 3 : 1;
    header.width = scanner.number("width");
    header.height = scanner.number("height");
    if (!header.bitmap) header.maximum = scanner.number("maximum");
    if (header.width == 0 || header.height == 0) throw Error(ErrorKind::corrupt, "a PNM file without pixels");
    if (header.maximum < 1 || header.maximum > 65535) {
        throw Error(ErrorKind::corrupt,
                    "a PNM file whose maximum is " + std::to_string(header.maximum) + ", not within 1 to 65535");
    }
    return header;
}

/// From the samples of a file to those of the picture.
struct Scale {
    std::vector<std::uint8_t> sample_of;
    std::size_t first_clipped = 0; // samples from here on are above 255 and clipped
};

/// Pillow takes grey of more than 8 bits for 16 bits, which are clipped; everything else is scaled to 255. Its halves
/// are rounded to even.
Scale scale_of(const Header& header) {
    const double full = header.is_grey16() ? 65535 : 255;
    Scale scale;
    scale.sample_of.resize(header.maximum > 255 ? 65536 : 256);
    scale.first_clipped = scale.sample_of.size();
    for (std::size_t i = scale.sample_of.size(); i-- > 0;) {
        const double value = std::nearbyint(static_cast<double>(i) / static_cast<double>(header.maximum) * full);
        scale.sample_of[i] = static_cast<std::uint8_t>(std::min(value, 255.0));
        if (value > 255) scale.first_clipped = i;
    }
    return scale;
}

/// Calls put(sample) for each sample of the file, in order.
template <class Put>
void read_samples(const Header& header, Bytes file, Scanner& scanner, Put put) {
    const std::size_t count = header.samples();
    if (header.ascii) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t sample = scanner.number("last sample");
            if (sample > header.maximum) {
                throw Error(ErrorKind::corrupt, "a PNM file with a sample of " + std::to_string(sample) +
                                                    ", above its maximum of " + std::to_string(header.maximum));
            }
            put(sample);
        }
        return;
    }
    const std::uint8_t* from = file.data() + scanner.position();
    if (header.sample_size() == 1) {
        for (std::size_t i = 0; i < count; ++i) put(from[i]);
    } else {
        for (std::size_t i = 0; i < count; ++i) put(static_cast<std::size_t>(from[2 * i]) << 8 | from[2 * i + 1]);
    }
}

void read_bitmap(const Header& header, Bytes file, Scanner& scanner, Picture& picture) {
    const std::size_t row_size = (header.width + 7) / 8;
    const std::uint8_t* const rows = file.data() + scanner.position();
    std::uint8_t* rgb = picture.rgb.data();
    for (std::size_t y = 0; y < header.height; ++y) {
        for (std::size_t x = 0; x < header.width; ++x) {
            const bool black = header.ascii ? scanner.bit() : (rows[y * row_size + x / 8] >> (7 - x % 8) & 1) != 0;
            rgb = std::fill_n(rgb, 3, black ? std::uint8_t{0} : std::uint8_t{255});
        }
    }
}

/// How many bytes the pixels have at least, so that a header that promises more is seen before anything is done.
std::size_t least_size_of_pixels(const Header& header) {
    if (header.bitmap) return header.ascii ? header.samples() : (header.width + 7) / 8 * header.height;
    if (header.ascii) return 2 * header.samples() - 1; // a digit each, and blanks between
    return header.samples() * header.sample_size();
}

} // namespace

DecodedPicture decode_pnm(Bytes file, const DecodeOptions& options) {
    Scanner scanner(file, 2);
    const Header header = read_header(static_cast<char>(file[1]), scanner);
    admit(header.width, header.height, 0, options);
    if (file.size() - scanner.position() < least_size_of_pixels(header)) {
        throw Error(ErrorKind::truncated, "the PNM data end before the last row; the file was cut short");
    }

    DecodedPicture result;
    result.picture = black_picture(header.width, header.height);
    if (header.bitmap) {
        read_bitmap(header, file, scanner, result.picture);
        return result;
    }
    const Scale scale = scale_of(header);
    std::uint8_t* to = result.picture.rgb.data();
    const std::size_t copies = header.channels == 1 ? 3 : 1;
    std::size_t clipped = 0;
    read_samples(header, file, scanner, [&](std::size_t sample) {
        to = std::fill_n(to, copies, scale.sample_of[sample]);
        clipped += sample >= scale.first_clipped ? 1 : 0;
    });
    if (header.is_grey16() && clipped > 0) result.warnings.push_back(clipping_warning(clipped, header.samples()));
    return result;
}

} // namespace openset::image
