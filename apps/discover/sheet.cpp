#include "discover/sheet.hpp"

#include <algorithm>

#include "openset/base/error.hpp"
#include "openset/base/file_bytes.hpp"
#include "openset/base/log.hpp"
#include "openset/draw/contact_sheet.hpp"
#include "openset/image/decode.hpp"
#include "openset/image/encode.hpp"
#include "openset/image/preprocess.hpp"

namespace openset::discover {
namespace {

constexpr std::size_t most_tiles = 48;
constexpr int side = 128; ///< pixels of a tile

image::Picture small_picture(const std::filesystem::path& path) {
    image::PreprocessSpec spec;
    spec.resize.mode = image::ResizeMode::shorter_side;
    spec.resize.shorter_side = side;
    spec.crop = image::Size{side, side};
    image::DecodeOptions options;
    options.exif_orientation = image::ExifOrientation::apply; // for people
    return image::resize_crop(image::decode(read_file(path), options).picture, spec);
}

} // namespace

std::vector<std::uint8_t> contact_sheet(const Rejected& rejected, const Group& group,
                                        const std::filesystem::path& root) {
    std::vector<draw::Tile> tiles;
    for (std::size_t i = 0; i < std::min(most_tiles, group.pictures.size()); ++i) {
        const std::filesystem::path path = root / rejected.paths[group.pictures[i]];
        draw::Tile tile{{}, path.filename().string()};
        try {
            tile.picture = small_picture(path);
        } catch (const Error& error) {
            log_warning("not on the contact sheet: " + std::string(error.what()));
        }
        tiles.push_back(std::move(tile));
    }
    return image::encode_jpeg(draw::contact_sheet(tiles, {.columns = 8, .tile_size = side}));
}

} // namespace openset::discover
