#include "openset/image/decode.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <string_view>

#include "base/file_kind.hpp"
#include "image/bmp.hpp"
#include "image/gif.hpp"
#include "image/jpeg.hpp"
#include "image/png.hpp"
#include "image/pnm.hpp"
#include "image/tiff.hpp"
#include "image/webp.hpp"
#include "openset/base/error.hpp"

namespace openset::image {
namespace {

using namespace std::string_view_literals;

using Decoder = DecodedPicture (*)(std::span<const std::uint8_t>, const DecodeOptions&);

struct Format {
    std::string_view magic; ///< how such a file begins; '?' stands for any byte
    std::string_view name;
    Decoder decode = nullptr; ///< null: known by name only
};

constexpr auto formats = std::to_array<Format>({
    {"\xFF\xD8\xFF"sv, "JPEG", decode_jpeg},
    {"\x89PNG\r\n\x1A\n"sv, "PNG", decode_png},
    {"RIFF????WEBP"sv, "WebP", decode_webp},
    {"GIF87a"sv, "GIF", decode_gif},
    {"GIF89a"sv, "GIF", decode_gif},
    {"BM"sv, "BMP", decode_bmp},
    {"II*\0"sv, "TIFF", decode_tiff},
    {"MM\0*"sv, "TIFF", decode_tiff},
    {"II+\0"sv, "TIFF", decode_tiff},
    {"MM\0+"sv, "TIFF", decode_tiff},
    {"\0\0\1\0"sv, "ICO"},
    {"\0\0\0\x0CjP  \r\n\x87\n"sv, "JPEG 2000"},
    {"\xFF\x4F\xFF\x51"sv, "JPEG 2000"},
    {"????ftypavif"sv, "AVIF"},
    {"????ftypavis"sv, "AVIF"},
    {"????ftyphei"sv, "HEIC"},
    {"????ftyphev"sv, "HEIC"},
    {"????ftypmif1"sv, "HEIC"},
    {"????ftypmsf1"sv, "HEIC"},
    {"\0\0\0\x0CJXL \r\n\x87\n"sv, "JPEG XL"},
    {"\xFF\x0A"sv, "JPEG XL"},
    {"II\xBC\1"sv, "JPEG XR"},
    {"8BPS"sv, "PSD"},
    {"\x76\x2F\x31\x01"sv, "EXR"},
    {"#?RADIANCE"sv, "Radiance HDR"},
    {"qoif"sv, "QOI"},
    {"DDS "sv, "DDS"},
});

bool begins_with(std::span<const std::uint8_t> bytes, std::string_view magic) {
    return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin(), [](char m, auto b) {
               return m == '?' || static_cast<unsigned char>(m) == b;
           });
}

/// P1 to P6 and a blank: too short a magic to be listed without its blank, of which there are several.
bool is_pnm(std::span<const std::uint8_t> bytes) {
    return bytes.size() >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
           " \t\r\n\v\f#"sv.find(static_cast<char>(bytes[2])) != std::string_view::npos;
}

/// What to decode the file with. Throws for files that nothing here decodes.
Decoder decoder_for(std::span<const std::uint8_t> bytes) {
    if (is_pnm(bytes)) return decode_pnm;
    const auto* format = std::ranges::find_if(formats, [&](const Format& f) { return begins_with(bytes, f.magic); });
    if (format == formats.end()) {
        const std::string kind = kind_of_file({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
        throw Error(ErrorKind::not_an_image, kind.empty() ? "the first bytes are those of no known picture format"
                                                          : "it is " + kind + ", expected a picture");
    }
    if (format->decode == nullptr) {
        throw Error(
            ErrorKind::unsupported_format,
            "a " + std::string(format->name) +
                " file; what can be read is JPEG, PNG, WebP, GIF, BMP, TIFF and PNM, convert it to one of them");
    }
    return format->decode;
}

} // namespace

DecodedPicture decode(std::span<const std::uint8_t> bytes, const DecodeOptions& options) {
    if (bytes.empty()) throw Error(ErrorKind::empty, "the file has 0 bytes");
    const Decoder decoder = decoder_for(bytes);
    try {
        return decoder(bytes, options);
    } catch (const std::bad_alloc&) {
        throw Error(ErrorKind::too_large, "there is not enough memory for the pixels; lower the limit on them");
    }
}

} // namespace openset::image
