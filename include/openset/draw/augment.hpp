#pragma once

#include <optional>

#include "openset/base/random.hpp"
#include "openset/image/picture.hpp"
#include "openset/image/preprocess.hpp"

/// Random changes of pictures: more training pictures from few.
namespace openset::draw {

/// A number is drawn from [from, to), each as likely; from == to: it is that number.
struct Range {
    double from = 0;
    double to = 0;

    bool operator==(const Range&) const = default;
};

/// {-amount, amount}
constexpr Range either_way(double amount) { return {-amount, amount}; }

/// The factors of torchvision's ColorJitter(amount): {1 - amount, 1 + amount}, none below 0.
constexpr Range factors_around_one(double amount) { return {amount < 1 ? 1 - amount : 0, 1 + amount}; }

/// torchvision's RandomResizedCrop: a rectangle somewhere in the picture, resized to `size`.
struct RandomResizedCrop {
    image::Size size;           ///< of the result, pixels
    Range area{0.08, 1};        ///< of the rectangle, as a share of the picture's; above 0, at most 1
    Range aspect{0.75, 4. / 3}; ///< its width / height, drawn evenly on a logarithmic scale; above 0
    image::Interpolation interpolation = image::Interpolation::bilinear;
    image::PassOrder order = image::PassOrder::horizontal_first;

    bool operator==(const RandomResizedCrop&) const = default;
};

/// What may happen to a picture; by default nothing does. What happens is drawn anew for each picture, in this order.
struct Augmentation {
    std::optional<RandomResizedCrop> crop;
    double flip = 0; ///< chance that left and right are exchanged, 0 to 1

    // One affine map about the centre of the picture, which keeps its size: bilinear, and what comes in from outside is the
    // picture reflected at its border, so that a network finds no black corners to learn from.
    Range rotation; ///< degrees anticlockwise, as torchvision's RandomRotation; -180 to 180
    Range shear;    ///< degrees: a row goes right by tan(shear) of its height above the centre; -80 to 80

    // torchvision's ColorJitter, in a random order of these four. v: a sample, 0 to 255; L: the pixel's Rec. 601 luma
    Range brightness{1, 1}; ///< factor f >= 0: f v
    Range contrast{1, 1};   ///< factor f >= 0: f v + (1 - f) (mean of L over the picture)
    Range saturation{1, 1}; ///< factor f >= 0: f v + (1 - f) L
    Range hue;              ///< added to the hue in HSV, -0.5 to 0.5 of the circle

    Range blur;  ///< standard deviation of a Gaussian, pixels, 0 to 100; below 0.1 nothing happens
    Range noise; ///< standard deviation of normal noise on every sample, of 255; 0 to 255

    bool operator==(const Augmentation&) const = default;
};

/// Throws Error(usage), naming the change, where a range is reversed, not finite or beyond what is said above.
void check(const Augmentation& augmentation);

/// The picture with what may happen drawn from `random`. Of the crop's size where there is one, else of the picture's.
/// The same state of `random` gives the same bytes (with one version of OpenCV), and changes that cannot happen draw nothing
/// from it.
///
/// picture  not empty
/// Throws Error(usage) as check() does.
image::Picture augmented(const image::Picture& picture, const Augmentation& augmentation, Random& random);

} // namespace openset::draw
