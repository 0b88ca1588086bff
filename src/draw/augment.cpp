#include "openset/draw/augment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "draw/mat.hpp"
#include "openset/base/error.hpp"
#include "openset/io/number_text.hpp"

namespace openset::draw {
namespace {

constexpr Range nothing{0, 0}, unchanged{1, 1};
constexpr double least_blur = 0.1; // a narrower Gaussian is below half a level everywhere but at its centre

void check_range(const char* name, Range range, double least, double most) {
    if (least <= range.from && range.from <= range.to && range.to <= most) return;
    throw Error(ErrorKind::usage, std::string(name) + " from " + io::shortest(range.from) + " to " +
                                      io::shortest(range.to) + ", expected a rising range within " +
                                      io::shortest(least) + " to " + io::shortest(most));
}

/// Draws nothing where there is nothing to choose.
double drawn(Range range, Random& random) {
    return range.from == range.to ? range.from : random.uniform(range.from, range.to);
}

std::uint8_t to_sample(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

/// Rec. 601, in 16-bit fixed point as Pillow's convert("L").
int luma(const std::uint8_t* rgb) { return (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16; }

// ---- random resized crop

/// torchvision's RandomResizedCrop.get_params.
cv::Rect random_rectangle(cv::Size picture, const RandomResizedCrop& crop, Random& random) {
    const double area = static_cast<double>(picture.width) * picture.height;
    for (int attempt = 0; attempt < 10; ++attempt) {
        const double share = drawn(crop.area, random);
        const double aspect =
            std::exp(drawn({std::log(crop.aspect.from), std::log(crop.aspect.to)}, random)); // evenly on the log scale
        const double width = std::round(std::sqrt(area * share * aspect));
        const double height = std::round(std::sqrt(area * share / aspect));
        if (width < 1 || height < 1 || width > picture.width || height > picture.height) continue;
        const cv::Size size(static_cast<int>(width), static_cast<int>(height));
        const int top = random.integer(0, picture.height - size.height);
        const int left = random.integer(0, picture.width - size.width);
        return {{left, top}, size};
    }
    // Nothing of the kind fits: the largest rectangle of a permitted aspect, in the middle.
    const double aspect = static_cast<double>(picture.width) / picture.height;
    cv::Size size = picture;
    if (aspect < crop.aspect.from) size.height = std::max(1, cvRound(picture.width / crop.aspect.from));
    if (aspect > crop.aspect.to) size.width = std::max(1, cvRound(picture.height * crop.aspect.to));
    return {{(picture.width - size.width) / 2, (picture.height - size.height) / 2}, size};
}

image::Picture resized_crop(const image::Picture& picture, const RandomResizedCrop& crop, Random& random) {
    const cv::Mat3b pixels = view_of(picture);
    const cv::Rect rectangle = random_rectangle(pixels.size(), crop, random);
    image::PreprocessSpec spec;
    spec.resize = {image::ResizeMode::squash, 0, crop.size, crop.interpolation, crop.order};
    if (rectangle.size() == pixels.size()) return image::resize_crop(picture, spec);
    return image::resize_crop(picture_of(pixels(rectangle)), spec);
}

// ---- geometry

void warp(cv::Mat3b& pixels, double rotation, double shear) {
    if (rotation == 0 && shear == 0) return;
    constexpr int longest_side = 32'766; // remap() counts in 16 bits
    if (std::max(pixels.cols, pixels.rows) > longest_side) {
        throw Error(ErrorKind::too_large, std::to_string(pixels.cols) + " x " + std::to_string(pixels.rows) +
                                              " pixels cannot be rotated or sheared, expected at most 32766 a side");
    }
    // Where the result's pixels come from, about the centre: turned back, then sheared back. y points down.
    const double angle = rotation * std::numbers::pi / 180, slope = std::tan(shear * std::numbers::pi / 180);
    const double cosine = std::cos(angle), sine = std::sin(angle);
    const double x = (pixels.cols - 1) / 2., y = (pixels.rows - 1) / 2.;
    const double xx = cosine + slope * sine, xy = slope * cosine - sine, yx = sine, yy = cosine;
    const cv::Matx23d source(xx, xy, x - xx * x - xy * y, yx, yy, y - yx * x - yy * y);
    cv::Mat3b result;
    cv::warpAffine(pixels, result, source, pixels.size(), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                   cv::BORDER_REFLECT_101);
    pixels = result;
}

// ---- colour

/// Every sample v becomes factor v + offset.
void scale_samples(cv::Mat3b& pixels, double factor, double offset) {
    cv::Mat1b table(1, 256);
    for (int v = 0; v < 256; ++v) table(0, v) = cv::saturate_cast<std::uint8_t>(factor * v + offset);
    cv::LUT(pixels, table, pixels);
}

void change_contrast(cv::Mat3b& pixels, double factor) {
    std::int64_t sum = 0;
    for (const cv::Vec3b& pixel : pixels) sum += luma(pixel.val);
    scale_samples(pixels, factor, (1 - factor) * static_cast<double>(sum) / static_cast<double>(pixels.total()));
}

void change_saturation(cv::Mat3b& pixels, double factor) {
    std::array<int, 511> from_grey; // by 255 + a sample's distance from the pixel's luma
    for (std::size_t i = 0; i < from_grey.size(); ++i) from_grey[i] = cvRound(factor * (static_cast<double>(i) - 255));
    for (cv::Vec3b& pixel : pixels) {
        const int grey = luma(pixel.val);
        for (std::uint8_t& sample : pixel.val) {
            const int place = 255 + sample - grey;
            sample = to_sample(grey + from_grey[static_cast<std::size_t>(place)]);
        }
    }
}

/// shift  as a share of the circle
void change_hue(cv::Mat3b& pixels, double shift) {
    cv::Mat3b hsv;
    cv::cvtColor(pixels, hsv, cv::COLOR_RGB2HSV_FULL); // the circle is 256 wide, so that bytes go round by themselves
    const auto steps = static_cast<std::uint8_t>(cvRound(shift * 256) & 255);
    for (cv::Vec3b& pixel : hsv) pixel[0] = static_cast<std::uint8_t>(pixel[0] + steps);
    cv::cvtColor(hsv, pixels, cv::COLOR_HSV2RGB_FULL);
}

/// torchvision's ColorJitter.
void jitter_colours(cv::Mat3b& pixels, const Augmentation& augmentation, Random& random) {
    enum class Change { brightness, contrast, saturation, hue };
    std::vector<std::pair<Change, Range>> changes;
    const auto add = [&](Change change, Range range, Range neutral) {
        if (range != neutral) changes.emplace_back(change, range);
    };
    add(Change::brightness, augmentation.brightness, unchanged);
    add(Change::contrast, augmentation.contrast, unchanged);
    add(Change::saturation, augmentation.saturation, unchanged);
    add(Change::hue, augmentation.hue, nothing);
    random.shuffle(changes);
    for (const auto& [change, range] : changes) {
        const double value = drawn(range, random);
        switch (change) {
        case Change::brightness: scale_samples(pixels, value, 0); break;
        case Change::contrast: change_contrast(pixels, value); break;
        case Change::saturation: change_saturation(pixels, value); break;
        case Change::hue: change_hue(pixels, value); break;
        }
    }
}

// ---- blur and noise

/// The eight bytes of one random number, summed: near enough to normal for 8-bit samples, and a tenth of the cost of
/// Random::normal(), which would take longer than all other changes together.
struct ByteSum {
    static constexpr int most = 8 * 255;
    static constexpr double mean = most / 2.;
    static inline const double deviation = std::sqrt(8 * (256. * 256 - 1) / 12);

    static std::size_t of(std::uint64_t bits) {
        constexpr std::uint64_t low_bytes = 0x00FF00FF00FF00FF;
        return (((bits & low_bytes) + (bits >> 8 & low_bytes)) * 0x0001000100010001) >> 48;
    }
};

void add_noise(cv::Mat3b& pixels, double deviation, Random& random) {
    std::array<int, ByteSum::most + 1> noise;
    for (int sum = 0; sum <= ByteSum::most; ++sum)
        noise[static_cast<std::size_t>(sum)] = cvRound(deviation * (sum - ByteSum::mean) / ByteSum::deviation);
    for (cv::Vec3b& pixel : pixels) {
        for (std::uint8_t& sample : pixel.val) sample = to_sample(sample + noise[ByteSum::of(random.bits())]);
    }
}

} // namespace

void check(const Augmentation& augmentation) {
    if (const auto& crop = augmentation.crop) {
        if (crop->size.width < 1 || crop->size.height < 1) {
            throw Error(ErrorKind::usage, "a random crop is resized to " + std::to_string(crop->size.width) + " x " +
                                              std::to_string(crop->size.height) + " pixels, expected 1 x 1 or more");
        }
        check_range("area of the random crop", crop->area, 1e-6, 1);
        check_range("aspect ratio of the random crop", crop->aspect, 1e-3, 1e3);
    }
    check_range("chance of a flip", {augmentation.flip, augmentation.flip}, 0, 1);
    check_range("rotation in degrees", augmentation.rotation, -180, 180);
    check_range("shear in degrees", augmentation.shear, -80, 80);
    constexpr double most = 1e6; // white or black long before
    check_range("factor of brightness", augmentation.brightness, 0, most);
    check_range("factor of contrast", augmentation.contrast, 0, most);
    check_range("factor of saturation", augmentation.saturation, 0, most);
    check_range("shift of the hue", augmentation.hue, -0.5, 0.5);
    check_range("blur in pixels", augmentation.blur, 0, 100);
    check_range("deviation of the noise", augmentation.noise, 0, 255);
}

image::Picture augmented(const image::Picture& picture, const Augmentation& augmentation, Random& random) {
    check(augmentation);
    keep_to_this_thread();
    image::Picture result = augmentation.crop ? resized_crop(picture, *augmentation.crop, random) : picture;
    cv::Mat3b pixels = view_of(result);
    if (augmentation.flip > 0 && random.chance(augmentation.flip)) cv::flip(pixels, pixels, 1);
    const double rotation = drawn(augmentation.rotation, random);
    warp(pixels, rotation, drawn(augmentation.shear, random));
    jitter_colours(pixels, augmentation, random);
    if (const double blur = drawn(augmentation.blur, random); blur >= least_blur)
        cv::GaussianBlur(pixels, pixels, {}, blur, blur, cv::BORDER_REFLECT_101);
    if (const double noise = drawn(augmentation.noise, random); noise > 0) add_noise(pixels, noise, random);
    return pixels.data == result.rgb.data() ? result : picture_of(pixels);
}

} // namespace openset::draw
