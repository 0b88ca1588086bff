#include "image/jpeg.hpp"

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <new>
#include <string_view>

#include <jpeglib.h>

#include <jerror.h>

#include "image/admission.hpp"
#include "image/cmyk.hpp"
#include "image/exif.hpp"
#include "openset/base/error.hpp"

namespace openset::image {
namespace {

constexpr int rows_per_call = 16;
// No camera or encoder comes near; without a limit a small file of empty scans over a large picture runs for minutes.
// An encoder makes 10 to 14; the largest pictures may have 22 and small ones 500.
constexpr double max_scanned_pixels = 4e9;
constexpr int max_scans = 500;

enum class Progress { done, out_of_data, failed };

/// libjpeg leaves its errors by longjmp, which runs no destructors. So the steps below, which call it, touch this
/// struct and plain data only; whatever owns memory lives in decode_jpeg, which libjpeg never jumps across.
struct Decompressor {
    jpeg_decompress_struct info{};
    jpeg_error_mgr errors{};
    jpeg_source_mgr source{};
    jpeg_progress_mgr progress{};
    std::jmp_buf recovery{};

    std::span<const std::uint8_t> file;
    bool wants_exif = false;
    int divisor = 1;
    bool too_many_scans = false;
    int error_code = 0;
    char error[JMSG_LENGTH_MAX] = "";
    char damage[JMSG_LENGTH_MAX] = ""; // the first warning that pixels were made up
    char oddity[JMSG_LENGTH_MAX] = ""; // the first warning that leaves the pixels alone
    std::uint8_t* rgb = nullptr;       // [height, width, 3]
    std::uint8_t* cmyk = nullptr;      // [rows_per_call, width, 4], where there are four components

    Decompressor() = default;
    Decompressor(const Decompressor&) = delete;
    Decompressor& operator=(const Decompressor&) = delete;
    ~Decompressor() { jpeg_destroy_decompress(&info); }
};

Decompressor& owner_of(j_common_ptr info) { return *static_cast<Decompressor*>(info->client_data); }

[[noreturn]] void on_error(j_common_ptr info) {
    Decompressor& decompressor = owner_of(info);
    decompressor.error_code = info->err->msg_code;
    info->err->format_message(info, decompressor.error);
    std::longjmp(decompressor.recovery, 1);
}

void on_message(j_common_ptr info, int level) {
    if (level >= 0) return; // a trace message, not a warning
    Decompressor& decompressor = owner_of(info);
    char* note = nullptr;
    switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_JPEG_EOF: note = decompressor.damage; break;
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_NOT_SEQUENTIAL: return; // common, and they touch no pixel
    default: note = decompressor.oddity; break;
    }
    if (*note == '\0') info->err->format_message(info, note);
}

int scan_limit(const jpeg_decompress_struct& info) {
    const double pixels = static_cast<double>(info.image_width) * info.image_height;
    return static_cast<int>(std::min<double>(max_scans, max_scanned_pixels / pixels));
}

void on_progress(j_common_ptr info) {
    Decompressor& decompressor = owner_of(info);
    if (decompressor.info.input_scan_number <= scan_limit(decompressor.info)) return;
    decompressor.too_many_scans = true;
    std::longjmp(decompressor.recovery, 1);
}

void skip_input(j_decompress_ptr info, long count) {
    if (count <= 0) return;
    jpeg_source_mgr& source = *info->src;
    const std::size_t skipped = std::min(static_cast<std::size_t>(count), source.bytes_in_buffer);
    source.next_input_byte += skipped;
    source.bytes_in_buffer -= skipped;
}

Progress read_header(Decompressor& decompressor) {
    jpeg_decompress_struct& info = decompressor.info;
    // Set before the object is created too, since that may already fail.
    info.err = jpeg_std_error(&decompressor.errors);
    decompressor.errors.error_exit = on_error;
    decompressor.errors.emit_message = on_message;
    decompressor.errors.output_message = [](j_common_ptr) {};
    info.client_data = &decompressor;
    jpeg_create_decompress(&info);

    decompressor.source.next_input_byte = decompressor.file.data();
    decompressor.source.bytes_in_buffer = decompressor.file.size();
    decompressor.source.init_source = [](j_decompress_ptr) {};
    // "No more for now" rather than a made-up end of image: the step then ends early, and the cut is seen.
    decompressor.source.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };
    decompressor.source.skip_input_data = skip_input;
    decompressor.source.resync_to_restart = jpeg_resync_to_restart;
    decompressor.source.term_source = [](j_decompress_ptr) {};
    info.src = &decompressor.source;
    decompressor.progress.progress_monitor = on_progress;
    info.progress = &decompressor.progress;

    if (decompressor.wants_exif) jpeg_save_markers(&info, JPEG_APP0 + 1, 0xFFFF);
    return jpeg_read_header(&info, TRUE) == JPEG_SUSPENDED ? Progress::out_of_data : Progress::done;
}

Progress start(Decompressor& decompressor) {
    jpeg_decompress_struct& info = decompressor.info;
    info.out_color_space = info.num_components == 4 ? JCS_CMYK : JCS_RGB;
    info.scale_num = 1;
    info.scale_denom = static_cast<unsigned>(decompressor.divisor);
    return jpeg_start_decompress(&info) ? Progress::done : Progress::out_of_data;
}

/// Pillow takes the samples of a JPEG as inverted, whether the Adobe marker says so or not.
void inverted_cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb, std::size_t pixels) {
    for (std::size_t i = 0; i < pixels; ++i, cmyk += 4) {
        rgb = std::ranges::copy(cmyk_to_rgb(255 - cmyk[0], 255 - cmyk[1], 255 - cmyk[2], 255 - cmyk[3]), rgb).out;
    }
}

Progress read_rows(Decompressor& decompressor) {
    jpeg_decompress_struct& info = decompressor.info;
    const std::size_t width = info.output_width;
    while (info.output_scanline < info.output_height) {
        std::uint8_t* const rgb = decompressor.rgb + info.output_scanline * width * 3;
        const JDIMENSION wanted = std::min<JDIMENSION>(rows_per_call, info.output_height - info.output_scanline);
        JSAMPROW rows[rows_per_call];
        for (JDIMENSION i = 0; i < wanted; ++i) {
            rows[i] = decompressor.cmyk != nullptr ? decompressor.cmyk + i * width * 4 : rgb + i * width * 3;
        }
        const JDIMENSION got = jpeg_read_scanlines(&info, rows, wanted);
        if (got == 0) return Progress::out_of_data;
        if (decompressor.cmyk != nullptr) inverted_cmyk_to_rgb(decompressor.cmyk, rgb, got * width);
    }
    return Progress::done;
}

Progress finish(Decompressor& decompressor) {
    // Reads on to the end of the image, where more damage may show. Its result only says whether that was found.
    jpeg_finish_decompress(&decompressor.info);
    return Progress::done;
}

Progress run(Decompressor& decompressor, Progress (*step)(Decompressor&)) {
    if (setjmp(decompressor.recovery) != 0) return Progress::failed;
    return step(decompressor);
}

ErrorKind kind_of(int error_code) {
    switch (error_code) {
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_COMPONENT_COUNT:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL: return ErrorKind::unsupported_format;
    case JERR_CANT_SUSPEND: return ErrorKind::truncated; // the arithmetic decoder ran out of data
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW: return ErrorKind::too_large;
    default: return ErrorKind::corrupt;
    }
}

/// Returns where the step was done, throws what stopped it otherwise.
void expect_done(const Decompressor& decompressor, Progress progress, const std::string& place) {
    switch (progress) {
    case Progress::done: return;
    case Progress::out_of_data:
        throw Error(ErrorKind::truncated, "the JPEG data end " + place + "; the file was cut short");
    case Progress::failed: break;
    }
    if (decompressor.too_many_scans) {
        throw Error(ErrorKind::corrupt,
                    "a JPEG of more than " + std::to_string(scan_limit(decompressor.info)) + " scans");
    }
    if (decompressor.error_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    throw Error(kind_of(decompressor.error_code),
                std::string("a JPEG that libjpeg cannot read: ") + decompressor.error);
}

/// A file can end properly and still lack scans; libjpeg fills them in without a warning.
void expect_all_scans(Decompressor& decompressor) {
    const jpeg_decompress_struct& info = decompressor.info;
    if (!jpeg_has_multiple_scans(&decompressor.info)) return;
    for (int component = 0; component < info.num_components; ++component) {
        const std::string name = "component " + std::to_string(component + 1) + " of the JPEG";
        if (info.comp_info[component].quant_table == nullptr) {
            throw Error(ErrorKind::truncated, name + " has no scan; the file was cut between two scans");
        }
        if (!info.progressive_mode) continue;
        // 0: the coefficient is exact; above: so many bits are to come; -1: never sent, as is proper for AC only.
        const int* bits_missing = info.coef_bits[component];
        const bool complete = bits_missing[0] == 0 && std::all_of(bits_missing + 1, bits_missing + DCTSIZE2,
                                                                  [](int missing) { return missing <= 0; });
        if (!complete) {
            throw Error(ErrorKind::truncated, name + " lacks refinement; the file was cut between two scans");
        }
    }
}

int saved_orientation(const jpeg_decompress_struct& info) {
    constexpr std::string_view exif_prefix("Exif\0\0", 6);
    for (const jpeg_marker_struct* marker = info.marker_list; marker != nullptr; marker = marker->next) {
        const std::span<const std::uint8_t> data(marker->data, marker->data_length);
        if (data.size() >= exif_prefix.size() && std::equal(exif_prefix.begin(), exif_prefix.end(), data.begin())) {
            return exif_orientation(data);
        }
    }
    return 1;
}

/// What libjpeg and we take beside the RGB pixels.
std::int64_t bytes_beside_rgb(const jpeg_decompress_struct& info, int orientation, int divisor) {
    const std::int64_t width = info.image_width, height = info.image_height;
    // The rows in work in each of libjpeg's steps, and those of the CMYK samples.
    std::int64_t bytes = width * info.num_components * 64;
    if (jpeg_has_multiple_scans(const_cast<jpeg_decompress_struct*>(&info))) {
        // Every coefficient of the picture, two bytes each, is kept until the last scan is in.
        for (int i = 0; i < info.num_components; ++i) {
            const jpeg_component_info& component = info.comp_info[i];
            const auto padded = [](std::int64_t length, int sampling, int max_sampling) {
                const std::int64_t unit = std::int64_t{max_sampling} * DCTSIZE;
                return (length + unit - 1) / unit * sampling * DCTSIZE;
            };
            bytes += 2 * padded(width, component.h_samp_factor, info.max_h_samp_factor) *
                     padded(height, component.v_samp_factor, info.max_v_samp_factor);
        }
    }
    return bytes + bytes_to_turn(width / divisor + 1, height / divisor + 1, orientation);
}

} // namespace

DecodedPicture decode_jpeg(std::span<const std::uint8_t> file, const DecodeOptions& options) {
    Decompressor decompressor;
    decompressor.file = file;
    decompressor.wants_exif = options.exif_orientation == ExifOrientation::apply;

    expect_done(decompressor, run(decompressor, read_header), "in the header");
    const jpeg_decompress_struct& info = decompressor.info;
    // libjpeg forgets the saved markers when it finishes; none were saved unless they are wanted.
    const int orientation = saved_orientation(info);
    if (info.num_components != 1 && info.num_components != 3 && info.num_components != 4) {
        throw Error(ErrorKind::unsupported_format,
                    "a JPEG of " + std::to_string(info.num_components) + " components; 1, 3 or 4 can be read");
    }
    if (options.jpeg_divisor) {
        decompressor.divisor =
            options.jpeg_divisor(static_cast<int>(info.image_width), static_cast<int>(info.image_height));
    }
    admit(info.image_width, info.image_height, bytes_beside_rgb(info, orientation, decompressor.divisor), options,
          decompressor.divisor);
    expect_done(decompressor, run(decompressor, start), "before the first row");
    expect_all_scans(decompressor);

    DecodedPicture result;
    result.divisor = decompressor.divisor;
    result.picture = black_picture(info.output_width, info.output_height);
    std::vector<std::uint8_t> cmyk(info.num_components == 4 ? std::size_t{info.output_width} * 4 * rows_per_call : 0);
    decompressor.rgb = result.picture.rgb.data();
    decompressor.cmyk = cmyk.empty() ? nullptr : cmyk.data();

    const Progress rows = run(decompressor, read_rows);
    expect_done(decompressor, rows,
                "after row " + std::to_string(info.output_scanline) + " of " + std::to_string(info.output_height));
    expect_done(decompressor, run(decompressor, finish), "after the last row");
    if (*decompressor.damage != '\0') {
        throw Error(ErrorKind::corrupt, std::string("damaged JPEG data: ") + decompressor.damage);
    }
    if (*decompressor.oddity != '\0') result.warnings.emplace_back(std::string("odd JPEG: ") + decompressor.oddity);

    result.picture = turn_upright(std::move(result.picture), orientation);
    return result;
}

} // namespace openset::image
