#include "image/webp.hpp"

#include <cstddef>
#include <memory>
#include <new>
#include <string>

#include <webp/decode.h>
#include <webp/demux.h>

#include "image/admission.hpp"
#include "image/exif.hpp"
#include "openset/base/error.hpp"

namespace openset::image {
namespace {

struct Deleter {
    void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

using Demuxer = std::unique_ptr<WebPDemuxer, Deleter>;

[[noreturn]] void throw_truncated() {
    throw Error(ErrorKind::truncated, "the WebP data end before the picture is complete; the file was cut short");
}

/// The parts of a whole, well-formed file. Like Pillow, refuses a file with any part missing.
Demuxer open(const WebPData& file) {
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    Demuxer demuxer(WebPDemuxPartial(&file, &state));
    if (state == WEBP_DEMUX_PARSE_ERROR)
        throw Error(ErrorKind::corrupt, "a WebP file whose chunks libwebp cannot read");
    if (state != WEBP_DEMUX_DONE) throw_truncated();
    if (demuxer == nullptr) throw std::bad_alloc();
    return demuxer;
}

int orientation_of(const WebPDemuxer* demuxer) {
    WebPChunkIterator chunk{};
    if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) == 0) return exif_orientation({});
    const int orientation = exif_orientation({chunk.chunk.bytes, chunk.chunk.size});
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation;
}

/// Of one coded frame; throws where it is not one.
WebPBitstreamFeatures features_of(const WebPData& frame) {
    WebPBitstreamFeatures features{};
    switch (WebPGetFeatures(frame.bytes, frame.size, &features)) {
    case VP8_STATUS_OK: break;
    case VP8_STATUS_NOT_ENOUGH_DATA: throw_truncated();
    default: throw Error(ErrorKind::corrupt, "a WebP file whose first frame libwebp cannot read");
    }
    return features;
}

/// What libwebp takes to decode a frame.
std::int64_t bytes_of_decoder(const WebPBitstreamFeatures& features) {
    const std::int64_t width = features.width, pixels = width * features.height;
    constexpr int lossless = 2;
    // Lossless pixels are kept whole, 4 bytes each, and 16 rows of them once more. Lossy ones go row by row, but their
    // alpha is kept, one byte a pixel, and it may be coded like a lossless picture.
    if (features.format == lossless) return 4 * pixels + width * 64;
    return width * 64 + (features.has_alpha != 0 ? 5 * pixels : 0);
}

void expect_decoded(VP8StatusCode status) {
    switch (status) {
    case VP8_STATUS_OK: return;
    case VP8_STATUS_OUT_OF_MEMORY: throw std::bad_alloc();
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA: throw_truncated();
    default: throw Error(ErrorKind::corrupt, "damaged WebP pixels");
    }
}

} // namespace

DecodedPicture decode_webp(std::span<const std::uint8_t> file, const DecodeOptions& options) {
    const WebPData data{file.data(), file.size()};
    const Demuxer demuxer = open(data);
    const std::size_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
    const std::size_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
    const int orientation =
        options.exif_orientation == ExifOrientation::apply ? orientation_of(demuxer.get()) : exif_orientation({});

    WebPIterator frame{}; // points into the file, owns nothing that has to be released
    if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) == 0)
        throw Error(ErrorKind::corrupt, "a WebP file without a frame");
    const WebPBitstreamFeatures features = features_of(frame.fragment);
    const auto left = static_cast<std::size_t>(frame.x_offset), top = static_cast<std::size_t>(frame.y_offset);
    const auto columns = static_cast<std::size_t>(features.width), rows = static_cast<std::size_t>(features.height);
    if (left + columns > width || top + rows > height) {
        throw Error(ErrorKind::corrupt, "a WebP file whose first frame reaches over its canvas");
    }
    admit(width, height,
          bytes_of_decoder(features) +
              bytes_to_turn(static_cast<std::int64_t>(width), static_cast<std::int64_t>(height), orientation),
          options);

    DecodedPicture result;
    result.picture = black_picture(width, height);
    WebPDecoderConfig config;
    if (WebPInitDecoderConfig(&config) == 0)
        throw Error(ErrorKind::internal, "libwebp is not the one that openset was built with");
    // Straight into its place; alpha is decoded and checked, but not written.
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = result.picture.rgb.data() + (top * width + left) * 3;
    config.output.u.RGBA.stride = static_cast<int>(width * 3);
    config.output.u.RGBA.size = ((rows - 1) * width + columns) * 3;
    expect_decoded(WebPDecode(frame.fragment.bytes, frame.fragment.size, &config));

    result.picture = turn_upright(std::move(result.picture), orientation);
    return result;
}

} // namespace openset::image
