#pragma once

#include <array>
#include <vector>

#include <opencv2/core.hpp>

#include "openset/base/random.hpp"

/// Drawing with flat colours in coordinates of one's own. Corners are rounded to 1/64 of a pixel before OpenCV's integer
/// rasteriser sees them, so that the last bit of a cosine does not show: the same pixels with every mathematical library.
namespace openset::draw {

struct Colour {
    int red = 0, green = 0, blue = 0; ///< 0 to 255
};

struct Range {
    double from = 0, to = 0;
};

/// Hue, saturation and value, each 0 to 1, each as likely within its range; a hue beyond 1 goes round.
Colour random_hsv(Random& random, Range hue, Range saturation, Range value);
/// part  of b, 0 to 1
Colour mix(Colour a, Colour b, double part);
/// Lighter or darker, and each channel a little for itself: by `amount` of 255 at most.
Colour varied(Colour colour, Random& random, double amount = 0.06);

struct Point {
    double x = 0, y = 0; ///< y grows downwards
};

inline Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
inline Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
inline Point operator*(Point a, double factor) { return {a.x * factor, a.y * factor}; }

using Points = std::vector<Point>;

/// On the direction `degrees`: 0 is right, 90 down.
Point polar(double degrees, double radius = 1);
/// Part of an ellipse, both ends included; at most 10 degrees from one point to the next.
Points arc(Point centre, double radius_x, double radius_y, double from_degrees, double to_degrees);
/// A curve from a to d that leaves towards b and arrives from c.
Points bezier(Point a, Point b, Point c, Point d);
/// A regular polygon, or with an inner radius a star of so many points; the first corner is at the top.
Points star(Point centre, int corners, double radius, double inner_radius = 0);
/// Corners of a rectangle, rounded.
Points rounded(Point corner, Point opposite, double radius);
/// The points turned about the origin and moved.
Points placed(Points points, Point centre, double scale = 1, double degrees = 0);
Points joined(Points first, const Points& second);

/// From coordinates of one's own to pixels.
class Projection {
public:
    /// (0, 0) goes to the pixel `origin`; one unit is `scale` pixels.
    Projection(Point origin, double scale);

    /// A plate seen by a camera: what is within -1 and 1 is turned about three axes, and what is farther away is smaller.
    static Projection of_plate(Point origin, double scale, double yaw, double pitch, double roll);

    /// What was drawn at (0, 0) stands at `centre` then, `scale` times as large and turned; scale_x below 0 mirrors.
    Projection inner(Point centre, double scale_x, double scale_y, double degrees = 0) const;

    Point operator()(Point point) const;

private:
    using Matrix = std::array<double, 9>;
    explicit Projection(const Matrix& matrix) : matrix_(matrix) {}

    Matrix matrix_; ///< [3, 3], of homogeneous coordinates
};

class Brush {
public:
    Brush(cv::Mat3b& pixels, const Projection& projection) : pixels_(&pixels), projection_(projection) {}

    /// The same brush in a part of the picture.
    Brush inner(Point centre, double scale, double degrees = 0) const;
    Brush mirrored() const;

    void polygon(const Points& corners, Colour colour);
    void rectangle(Point corner, Point opposite, Colour colour, double radius = 0);
    void ellipse(Point centre, double radius_x, double radius_y, Colour colour, double degrees = 0);
    void disc(Point centre, double radius, Colour colour) { ellipse(centre, radius, radius, colour); }
    void ring(Point centre, double radius, double width, Colour colour);
    /// With round ends and corners.
    void line(const Points& points, double width, Colour colour);

private:
    Brush(cv::Mat3b* pixels, const Projection& projection) : pixels_(pixels), projection_(projection) {}
    void fill(const Points& corners, Colour colour, bool convex);

    cv::Mat3b* pixels_;
    Projection projection_;
};

} // namespace openset::draw
