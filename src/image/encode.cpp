#include "openset/image/encode.hpp"

#include <string>

#include <png.h>

#include "openset/base/error.hpp"

namespace openset::image {

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

} // namespace openset::image
