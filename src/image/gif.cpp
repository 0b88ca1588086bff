#include "image/gif.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "image/admission.hpp"
#include "image/number_reader.hpp"
#include "image/palette.hpp"
#include "openset/base/error.hpp"

namespace openset::image {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// The file from front to back; an end where more is needed is an error.
class Reader {
public:
    explicit Reader(Bytes file) : unread_(file) {}

    Bytes take(std::size_t count, std::string_view place) {
        if (unread_.size() < count) {
            throw Error(ErrorKind::truncated, "the GIF data end in " + std::string(place) + "; the file was cut short");
        }
        const Bytes taken = unread_.first(count);
        unread_ = unread_.subspan(count);
        return taken;
    }

    std::uint8_t byte(std::string_view place) { return take(1, place)[0]; }

    /// A length and that many bytes; an empty block ends a row of them.
    Bytes block(std::string_view place) { return take(byte(place), place); }

private:
    Bytes unread_;
};

constexpr std::uint8_t has_palette = 0x80, is_interlaced = 0x40;

/// The colours that follow a descriptor, as its flags say.
std::optional<Palette> read_palette(Reader& reader, std::uint8_t flags) {
    if ((flags & has_palette) == 0) return std::nullopt;
    const std::size_t count = std::size_t{2} << (flags & 7);
    const Bytes bytes = reader.take(count * 3, "the palette");
    std::vector<Rgb> colours(count);
    for (std::size_t i = 0; i < count; ++i) colours[i] = {bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2]};
    return to_palette(colours);
}

/// Steps over what comes before the first frame. Returns its transparent index, if it has one.
std::optional<std::uint8_t> seek_first_frame(Reader& reader) {
    constexpr std::string_view place = "what comes before the first frame";
    constexpr std::uint8_t graphic_control = 0xF9;
    std::optional<std::uint8_t> transparent;
    for (;;) {
        const std::uint8_t introducer = reader.byte(place);
        if (introducer == ',') return transparent;
        if (introducer == ';') throw Error(ErrorKind::corrupt, "a GIF without a frame");
        if (introducer != '!') continue; // of no meaning; some writers fill up with zeros
        const std::uint8_t label = reader.byte(place);
        Bytes block = reader.block(place);
        if (label == graphic_control && block.size() >= 4 && (block[0] & 1) != 0) transparent = block[3];
        while (!block.empty()) block = reader.block(place);
    }
}

/// The pixels of a frame, coded in LZW: strings of pixels, each but for its last one the beginning of another.
class LzwReader {
public:
    LzwReader(Reader& file, unsigned pixel_bits)
        : file_(file), clear_(1U << pixel_bits), first_code_bits_(pixel_bits + 1) {
        clear_table();
    }

    void read(std::span<std::uint8_t> pixels) {
        while (!pixels.empty()) {
            while (pending_.empty()) read_string();
            const std::size_t count = std::min(pending_.size(), pixels.size());
            std::ranges::copy(pending_.first(count), pixels.begin());
            pending_ = pending_.subspan(count);
            pixels = pixels.subspan(count);
        }
    }

private:
    static constexpr unsigned max_code_bits = 12;
    static constexpr unsigned table_size = 1U << max_code_bits;

    void clear_table() {
        next_ = clear_ + 2;
        code_bits_ = first_code_bits_;
        previous_ = none;
    }

    unsigned read_code() {
        while (bit_count_ < code_bits_) {
            if (block_.empty()) {
                block_ = file_.block("the pixels");
                if (block_.empty()) throw Error(ErrorKind::truncated, "the GIF has fewer pixels than its frame");
            }
            bits_ |= std::uint32_t{block_[0]} << bit_count_;
            bit_count_ += 8;
            block_ = block_.subspan(1);
        }
        const unsigned code = bits_ & ((1U << code_bits_) - 1);
        bits_ >>= code_bits_;
        bit_count_ -= code_bits_;
        return code;
    }

    /// Reads one code and, unless it clears the table, leaves its string pending.
    void read_string() {
        const unsigned code = read_code();
        if (code == clear_) return clear_table();
        if (code == clear_ + 1) throw Error(ErrorKind::truncated, "the GIF has fewer pixels than its frame");
        // The string that is about to be made may be named already: the previous one and its own first pixel again.
        const bool is_next = code == next_ && previous_ != none && next_ < table_size;
        if (code >= clear_ && !is_next && (code >= next_ || previous_ == none)) {
            throw Error(ErrorKind::corrupt, "damaged GIF pixels: a code that stands for nothing");
        }
        std::size_t begin = string_.size();
        if (is_next) string_[--begin] = first_pixel_;
        unsigned rest = is_next ? previous_ : code;
        for (; rest >= clear_; rest = prefix_[rest]) string_[--begin] = last_pixel_[rest];
        first_pixel_ = static_cast<std::uint8_t>(rest);
        string_[--begin] = first_pixel_;
        pending_ = std::span(string_).subspan(begin);

        if (previous_ != none && next_ < table_size) {
            last_pixel_[next_] = first_pixel_;
            prefix_[next_] = static_cast<std::uint16_t>(previous_);
            if (next_ == (1U << code_bits_) - 1 && code_bits_ < max_code_bits) ++code_bits_;
            ++next_;
        }
        previous_ = code;
    }

    static constexpr unsigned none = ~0U;

    Reader& file_;
    Bytes block_; // what is left of it
    std::uint32_t bits_ = 0;
    unsigned bit_count_ = 0;

    unsigned clear_; // codes below it are pixels, the one above it is the end
    unsigned first_code_bits_;
    unsigned code_bits_ = 0;
    unsigned next_ = 0;            // the code that the next string will have
    unsigned previous_ = none;     // the code read before
    std::uint8_t first_pixel_ = 0; // of its string
    std::array<std::uint16_t, table_size> prefix_{};
    std::array<std::uint8_t, table_size> last_pixel_{};
    std::array<std::uint8_t, table_size> string_{};
    std::span<const std::uint8_t> pending_; // of string_
};

/// The rows of a frame in the order in which they are stored.
std::vector<std::size_t> stored_rows(std::size_t height, bool interlaced) {
    struct Pass {
        std::size_t first, step;
    };
    static constexpr Pass straight[] = {{0, 1}}, interlace[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
    std::vector<std::size_t> rows;
    rows.reserve(height);
    for (const Pass& pass : interlaced ? std::span<const Pass>(interlace) : std::span<const Pass>(straight)) {
        for (std::size_t y = pass.first; y < height; y += pass.step) rows.push_back(y);
    }
    return rows;
}

} // namespace

DecodedPicture decode_gif(Bytes file, const DecodeOptions& options) {
    Reader reader(file);
    constexpr std::size_t signature_size = 6;
    reader.take(signature_size, "the header");
    const Bytes screen = reader.take(7, "the header");
    const std::optional<Palette> global_palette = read_palette(reader, screen[4]);
    const std::optional<std::uint8_t> transparent = seek_first_frame(reader);
    const Bytes frame = reader.take(9, "the header of the first frame");
    const std::uint8_t flags = frame[8];
    const std::optional<Palette> own_palette = read_palette(reader, flags);
    const unsigned pixel_bits = reader.byte("the header of the first frame");
    if (pixel_bits > 12) {
        throw Error(ErrorKind::corrupt,
                    "a GIF with pixels of " + std::to_string(pixel_bits) + " bits; 12 are possible");
    }

    const auto number = [](Bytes bytes, std::size_t at) { return std::size_t{NumberReader(bytes, false).u16(at)}; };
    const std::size_t left = number(frame, 0), top = number(frame, 2);
    const std::size_t columns = number(frame, 4), rows = number(frame, 6);
    if (columns == 0 || rows == 0) throw Error(ErrorKind::corrupt, "a GIF whose first frame has no pixels");
    const std::size_t width = std::max(number(screen, 0), left + columns);
    const std::size_t height = std::max(number(screen, 2), top + rows);
    admit(width, height, 0, options);

    DecodedPicture result;
    result.picture = black_picture(width, height);
    const Palette palette = own_palette ? *own_palette : global_palette ? *global_palette : to_palette({});
    std::uint8_t* fill = result.picture.rgb.data();
    for (std::size_t i = 0; i < width * height; ++i) {
        fill = std::ranges::copy(palette[transparent.value_or(0)], fill).out;
    }
    LzwReader pixels(reader, pixel_bits);
    std::vector<std::uint8_t> line(columns);
    for (const std::size_t y : stored_rows(rows, (flags & is_interlaced) != 0)) {
        pixels.read(line);
        std::uint8_t* rgb = result.picture.rgb.data() + ((top + y) * width + left) * 3;
        for (const std::uint8_t index : line) rgb = std::ranges::copy(palette[index], rgb).out;
    }
    return result;
}

} // namespace openset::image
