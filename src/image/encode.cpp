#include "openset/image/encode.hpp"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <jpeglib.h>
#include <png.h>

#include "openset/base/error.hpp"

namespace openset::image {
namespace {

/// libjpeg leaves its errors by longjmp, which runs no destructors: between setjmp and that, plain data only.
struct Compressor {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    std::jmp_buf recovery{};
    char error[JMSG_LENGTH_MAX] = "";
    unsigned char* file = nullptr; // libjpeg's, of malloc()
    unsigned long size = 0;

    Compressor() = default;
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;
    ~Compressor() {
        jpeg_destroy_compress(&info);
        std::free(file);
    }
};

[[noreturn]] void on_error(j_common_ptr info) {
    auto& compressor = *static_cast<Compressor*>(info->client_data);
    info->err->format_message(info, compressor.error);
    std::longjmp(compressor.recovery, 1);
}

/// Whether it was done.
bool compress(Compressor& compressor, const Picture& picture, int quality) {
    jpeg_compress_struct& info = compressor.info;
    info.err = jpeg_std_error(&compressor.errors);
    compressor.errors.error_exit = on_error;
    compressor.errors.output_message = [](j_common_ptr) {};
    info.client_data = &compressor;
    if (setjmp(compressor.recovery) != 0) return false;
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &compressor.file, &compressor.size);
    info.image_width = static_cast<JDIMENSION>(picture.width);
    info.image_height = static_cast<JDIMENSION>(picture.height);
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    info.optimize_coding = TRUE;
    info.dct_method = JDCT_ISLOW;
    jpeg_start_compress(&info, TRUE);
    const std::size_t row_bytes = static_cast<std::size_t>(picture.width) * 3;
    while (info.next_scanline < info.image_height) {
        auto* row = const_cast<JSAMPROW>(picture.rgb.data() + info.next_scanline * row_bytes);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    return true;
}

} // namespace

std::vector<std::uint8_t> encode_png(const Picture& picture) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(picture.width);
    image.height = static_cast<png_uint_32>(picture.height);
    image.format = PNG_FORMAT_RGB;
    std::vector<std::uint8_t> file(PNG_IMAGE_PNG_SIZE_MAX(image));
    png_alloc_size_t size = file.size();
    if (png_image_write_to_memory(&image, file.data(), &size, 0, picture.rgb.data(), 0, nullptr) == 0)
        throw Error(ErrorKind::internal, std::string("libpng cannot write the picture: ") + image.message);
    file.resize(size);
    return file;
}

std::vector<std::uint8_t> encode_jpeg(const Picture& picture, int quality) {
    if (picture.width > JPEG_MAX_DIMENSION || picture.height > JPEG_MAX_DIMENSION) {
        throw Error(ErrorKind::usage, "a picture of " + std::to_string(picture.width) + " x " +
                                          std::to_string(picture.height) +
                                          " pixels, expected at most 65500 a side in a JPEG");
    }
    Compressor compressor;
    if (!compress(compressor, picture, quality))
        throw Error(ErrorKind::internal, std::string("libjpeg cannot write the picture: ") + compressor.error);
    return {compressor.file, compressor.file + compressor.size};
}

} // namespace openset::image
