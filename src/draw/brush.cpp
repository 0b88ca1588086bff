#include "draw/brush.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include <opencv2/imgproc.hpp>

namespace openset::draw {
namespace {

constexpr int fraction_bits = 6;
/// Lines that bend less need no round corner: each piece is made a little longer instead.
constexpr double smooth_cosine = 0.93;

double radians(double degrees) { return degrees * std::numbers::pi / 180; }

int channel(double value) { return std::clamp(static_cast<int>(std::lround(value)), 0, 255); }

cv::Scalar scalar(Colour colour) { return {double(colour.red), double(colour.green), double(colour.blue)}; }

/// hue, saturation, value  0 to 1; a hue beyond that goes round
Colour hsv(double hue, double saturation, double value) {
    const double sector = (hue - std::floor(hue)) * 6;
    const auto one = [&](double shift) {
        const double place = std::fmod(sector + shift, 6.0);
        const double part = std::clamp(std::min(place, 4 - place), 0.0, 1.0);
        return channel(255 * value * (1 - saturation * part));
    };
    return {one(5), one(3), one(1)};
}

std::array<double, 9> product(const std::array<double, 9>& a, const std::array<double, 9>& b) {
    std::array<double, 9> result{};
    for (std::size_t row = 0; row < 3; ++row) {
        for (std::size_t column = 0; column < 3; ++column) {
            for (std::size_t i = 0; i < 3; ++i) result[row * 3 + column] += a[row * 3 + i] * b[i * 3 + column];
        }
    }
    return result;
}

Point direction(Point from, Point to) {
    const Point way = to - from;
    const double length = std::sqrt(way.x * way.x + way.y * way.y);
    return length > 0 ? way * (1 / length) : Point{1, 0};
}

} // namespace

Colour random_hsv(Random& random, Range hue, Range saturation, Range value) {
    const double h = random.uniform(hue.from, hue.to), s = random.uniform(saturation.from, saturation.to);
    return hsv(h, s, random.uniform(value.from, value.to));
}

Colour mix(Colour a, Colour b, double part) {
    return {channel(a.red + (b.red - a.red) * part), channel(a.green + (b.green - a.green) * part),
            channel(a.blue + (b.blue - a.blue) * part)};
}

Colour varied(Colour colour, Random& random, double amount) {
    const double all = random.uniform(-amount, amount) * 255;
    const auto one = [&](int value) { return channel(value + all + random.uniform(-amount, amount) * 100); };
    const int red = one(colour.red), green = one(colour.green), blue = one(colour.blue); // in this order
    return {red, green, blue};
}

Point polar(double degrees, double radius) {
    return {radius * std::cos(radians(degrees)), radius * std::sin(radians(degrees))};
}

Points arc(Point centre, double radius_x, double radius_y, double from_degrees, double to_degrees) {
    const int steps = std::max(1, static_cast<int>(std::ceil(std::abs(to_degrees - from_degrees) / 10)));
    Points points;
    for (int i = 0; i <= steps; ++i) {
        const Point unit = polar(from_degrees + (to_degrees - from_degrees) * i / steps);
        points.push_back({centre.x + radius_x * unit.x, centre.y + radius_y * unit.y});
    }
    return points;
}

Points bezier(Point a, Point b, Point c, Point d) {
    constexpr int steps = 14;
    Points points;
    for (int i = 0; i <= steps; ++i) {
        const double t = double(i) / steps, u = 1 - t;
        points.push_back(a * (u * u * u) + b * (3 * u * u * t) + c * (3 * u * t * t) + d * (t * t * t));
    }
    return points;
}

Points star(Point centre, int corners, double radius, double inner_radius) {
    Points points;
    for (int i = 0; i < corners; ++i) {
        points.push_back(centre + polar(360.0 * i / corners - 90, radius));
        if (inner_radius > 0) points.push_back(centre + polar(360.0 * (i + 0.5) / corners - 90, inner_radius));
    }
    return points;
}

Points rounded(Point corner, Point opposite, double radius) {
    const auto [left, right] = std::minmax(corner.x, opposite.x);
    const auto [top, bottom] = std::minmax(corner.y, opposite.y);
    if (radius <= 0) return {{left, top}, {right, top}, {right, bottom}, {left, bottom}};
    Points points = arc({left + radius, top + radius}, radius, radius, 180, 270);
    points = joined(std::move(points), arc({right - radius, top + radius}, radius, radius, 270, 360));
    points = joined(std::move(points), arc({right - radius, bottom - radius}, radius, radius, 0, 90));
    return joined(std::move(points), arc({left + radius, bottom - radius}, radius, radius, 90, 180));
}

Points placed(Points points, Point centre, double scale, double degrees) {
    const Point turn = polar(degrees, scale);
    for (Point& point : points)
        point = centre + Point{point.x * turn.x - point.y * turn.y, point.x * turn.y + point.y * turn.x};
    return points;
}

Points joined(Points first, const Points& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

Projection::Projection(Point origin, double scale) : matrix_{scale, 0, origin.x, 0, scale, origin.y, 0, 0, 1} {}

Projection Projection::of_plate(Point origin, double scale, double yaw, double pitch, double roll) {
    constexpr double distance = 4.5; // of the camera, in units of the plate
    const Point y = polar(yaw), p = polar(pitch), r = polar(roll);
    // Rows of R = Ry(yaw) Rx(pitch) Rz(roll); a plate has no third coordinate, so two columns do.
    const double xx = y.x * r.x + y.y * p.y * r.y, xy = -y.x * r.y + y.y * p.y * r.x;
    const double yx = p.x * r.y, yy = p.x * r.x;
    const double zx = -y.y * r.x + y.x * p.y * r.y, zy = y.y * r.y + y.x * p.y * r.x;
    const Matrix seen = {scale * xx, scale * xy, 0, scale * yx, scale * yy, 0, zx / distance, zy / distance, 1};
    return Projection(product({1, 0, origin.x, 0, 1, origin.y, 0, 0, 1}, seen));
}

Projection Projection::inner(Point centre, double scale_x, double scale_y, double degrees) const {
    const Point turn = polar(degrees);
    return Projection(product(matrix_, {turn.x * scale_x, -turn.y * scale_y, centre.x, //
                                        turn.y * scale_x, turn.x * scale_y, centre.y, 0, 0, 1}));
}

Point Projection::operator()(Point point) const {
    const double depth = matrix_[6] * point.x + matrix_[7] * point.y + matrix_[8];
    return {(matrix_[0] * point.x + matrix_[1] * point.y + matrix_[2]) / depth,
            (matrix_[3] * point.x + matrix_[4] * point.y + matrix_[5]) / depth};
}

Brush Brush::inner(Point centre, double scale, double degrees) const {
    return {pixels_, projection_.inner(centre, scale, scale, degrees)};
}

Brush Brush::mirrored() const { return {pixels_, projection_.inner({}, -1, 1)}; }

void Brush::fill(const Points& corners, Colour colour, bool convex) {
    // OpenCV's whole numbers are the middles of pixels.
    const auto fixed = [](double value) { return static_cast<int>(std::lround((value - 0.5) * (1 << fraction_bits))); };
    std::vector<cv::Point> pixels;
    pixels.reserve(corners.size());
    for (const Point corner : corners) {
        const Point pixel = projection_(corner);
        pixels.emplace_back(fixed(pixel.x), fixed(pixel.y));
    }
    if (convex) {
        cv::fillConvexPoly(*pixels_, pixels, scalar(colour), cv::LINE_8, fraction_bits);
    } else {
        cv::fillPoly(*pixels_, std::vector{pixels}, scalar(colour), cv::LINE_8, fraction_bits);
    }
}

void Brush::polygon(const Points& corners, Colour colour) { fill(corners, colour, false); }

void Brush::rectangle(Point corner, Point opposite, Colour colour, double radius) {
    fill(rounded(corner, opposite, radius), colour, true);
}

void Brush::ellipse(Point centre, double radius_x, double radius_y, Colour colour, double degrees) {
    Points points = arc({}, radius_x, radius_y, 0, 350);
    fill(placed(std::move(points), centre, 1, degrees), colour, true);
}

void Brush::ring(Point centre, double radius, double width, Colour colour) {
    line(arc(centre, radius, radius, 0, 360), width, colour);
}

void Brush::line(const Points& points, double width, Colour colour) {
    const double half = width / 2;
    for (std::size_t i = 0; i + 1 < points.size(); ++i) {
        const Point along = direction(points[i], points[i + 1]), across{-along.y * half, along.x * half};
        const Point more = along * (half * 0.2); // closes the gap to the next piece
        const Point from = points[i] - (i > 0 ? more : Point{}),
                    to = points[i + 1] + (i + 2 < points.size() ? more : Point{});
        fill({from + across, to + across, to - across, from - across}, colour, true);
        const Point before = i > 0 ? direction(points[i - 1], points[i]) : Point{};
        if (before.x * along.x + before.y * along.y < smooth_cosine) disc(points[i], half, colour);
    }
    if (!points.empty()) disc(points.back(), half, colour);
}

} // namespace openset::draw
