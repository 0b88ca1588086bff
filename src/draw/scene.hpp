#pragma once

#include <opencv2/core.hpp>

#include "draw/brush.hpp"
#include "openset/base/random.hpp"

/// Everything of a picture but what it is of.
namespace openset::draw {

/// Samples of a pixel in each direction.
inline constexpr int samples_per_pixel = 4;

/// A street, a hedge, a wall..., with poles and other clutter, over the whole of a picture.
void draw_background(cv::Mat3b& samples, Random& random);

/// Now and then a twig that hangs into the picture.
void draw_foreground(cv::Mat3b& samples, Random& random);

/// Where a plate of -1 to 1 stands in a picture of this size, and how it is turned.
Projection random_place(cv::Size size, Random& random);

/// What light and the camera make of a drawn picture: shadows, a gradient, a tint, blur, noise.
void photograph(cv::Mat3b& pixels, Random& random);

} // namespace openset::draw
