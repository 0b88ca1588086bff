#include "openset/draw/contact_sheet.hpp"

#include <algorithm>

#include <opencv2/imgproc.hpp>

#include "draw/mat.hpp"
#include "openset/base/error.hpp"

namespace openset::draw {
namespace {

constexpr int gap = 6, caption_height = 18;
constexpr int font = cv::FONT_HERSHEY_SIMPLEX;
constexpr double font_scale = 0.38;
constexpr std::int64_t largest_side = 65'500;

int width_of(const std::string& text) {
    int baseline = 0;
    return cv::getTextSize(text, font, font_scale, 1, &baseline).width;
}

/// What OpenCV's fonts can write, in at most so many pixels.
std::string shortened(std::string caption, int width) {
    std::ranges::replace_if(
        caption, [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
    if (width_of(caption) <= width) return caption;
    while (!caption.empty() && width_of(caption + "...") > width) caption.pop_back();
    return caption + "...";
}

cv::Mat3b fitted(const cv::Mat3b& picture, int size) {
    const double factor = std::min(1.0, static_cast<double>(size) / std::max(picture.cols, picture.rows));
    if (factor == 1) return picture;
    const cv::Size smaller(std::max(1, cvRound(picture.cols * factor)), std::max(1, cvRound(picture.rows * factor)));
    cv::Mat3b result;
    cv::resize(picture, result, smaller, 0, 0, cv::INTER_AREA);
    return result;
}

void put_tile(cv::Mat3b& sheet, const Tile& tile, cv::Point corner, int size) {
    if (!tile.picture.rgb.empty()) {
        const cv::Mat3b small = fitted(view_of(tile.picture), size);
        const cv::Point inner((size - small.cols) / 2, (size - small.rows) / 2);
        cv::Mat3b place = sheet(cv::Rect(corner + inner, small.size()));
        small.copyTo(place);
    }
    const std::string caption = shortened(tile.caption, size);
    cv::putText(sheet, caption, corner + cv::Point((size - width_of(caption)) / 2, size + caption_height - 6), font,
                font_scale, cv::Scalar::all(60), 1, cv::LINE_AA);
}

} // namespace

image::Picture contact_sheet(std::span<const Tile> tiles, const ContactSheetOptions& options) {
    if (options.columns < 1 || options.tile_size < 16) {
        throw Error(ErrorKind::usage, "a contact sheet of " + std::to_string(options.columns) + " columns of " +
                                          std::to_string(options.tile_size) +
                                          " pixels, expected at least 1 column of 16 pixels");
    }
    const std::int64_t many = std::max<std::int64_t>(1, std::ssize(tiles));
    const std::int64_t columns = std::min<std::int64_t>(many, options.columns), rows = (many + columns - 1) / columns;
    const std::int64_t across = options.tile_size + gap, down = options.tile_size + caption_height + gap;
    const std::int64_t width = columns * across + gap, height = rows * down + gap;
    if (std::max(width, height) > largest_side) {
        throw Error(ErrorKind::usage, "a contact sheet of " + std::to_string(width) + " x " + std::to_string(height) +
                                          " pixels, expected at most 65500 a side; show fewer pictures");
    }
    cv::Mat3b sheet(static_cast<int>(height), static_cast<int>(width), cv::Vec3b(255, 255, 255));
    for (std::int64_t i = 0; i < std::ssize(tiles); ++i) {
        const cv::Point corner(static_cast<int>(i % columns * across) + gap,
                               static_cast<int>(i / columns * down) + gap);
        put_tile(sheet, tiles[static_cast<std::size_t>(i)], corner, options.tile_size);
    }
    return picture_of(sheet);
}

} // namespace openset::draw
