// Random numbers: as in things.cpp.

#include "draw/scene.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <opencv2/imgproc.hpp>

namespace openset::draw {
namespace {

/// A background is drawn in units of the picture's height: x from 0 to width(), y from 0 to 1.
class Stage : public Brush {
public:
    explicit Stage(cv::Mat3b& samples)
        : Brush(samples, Projection({0, 0}, samples.rows)), samples_(samples),
          width_(static_cast<double>(samples.cols) / samples.rows) {}

    double width() const { return width_; }

    /// Rows from `top` to `bottom` in colours from one to the other.
    void gradient(double top, double bottom, Colour from, Colour to) {
        const int first = std::clamp(cvRound(top * samples_.rows), 0, samples_.rows);
        const int last = std::clamp(cvRound(bottom * samples_.rows), first, samples_.rows);
        for (int y = first; y < last; ++y) {
            const Colour colour = mix(from, to, (y - first + 0.5) / (last - first));
            samples_.row(y).setTo(cv::Scalar(colour.red, colour.green, colour.blue));
        }
    }

private:
    cv::Mat3b& samples_;
    double width_;
};

Colour sky_colour(Random& random) {
    const std::array<Colour, 5> skies = {
        Colour{120, 178, 232}, {160, 200, 235}, {190, 200, 210}, {236, 190, 150}, {110, 140, 190}};
    return varied(skies[random.below(skies.size())], random);
}

Colour leaf_colour(Random& random) { return random_hsv(random, {0.2, 0.36}, {0.4, 0.75}, {0.25, 0.62}); }

Colour any_colour(Random& random) { return random_hsv(random, {0, 1}, {0.15, 0.9}, {0.25, 0.95}); }

void sky(Stage& stage, Random& random, double bottom) {
    const Colour top = sky_colour(random);
    stage.gradient(0, bottom, top, mix(top, {245, 245, 240}, random.uniform(0.3, 0.8)));
    const Colour cloud = mix(top, {255, 255, 255}, 0.75);
    for (int i = random.integer(0, 3); i > 0; --i) {
        const Point centre{random.uniform(0, stage.width()), random.uniform(0.05, bottom * 0.8)};
        const double size = random.uniform(0.04, 0.09);
        for (int puff = 0; puff < 4; ++puff) {
            const Point place = centre + Point{(puff - 1.5) * size * 0.9, random.uniform(-0.3, 0.3) * size};
            stage.ellipse(place, size, size * 0.65, cloud);
        }
    }
}

void leaves(Stage& stage, Random& random, double top, double bottom, int many) {
    for (int i = 0; i < many; ++i) {
        const Point place{random.uniform(0, stage.width()), random.uniform(top, bottom)};
        const double size = random.uniform(0.015, 0.04);
        const double degrees = random.uniform(0, 180);
        const Point along = polar(degrees, size), across = polar(degrees + 90, size * 0.45);
        stage.polygon({place - along, place + across, place + along, place - across}, leaf_colour(random));
    }
}

void street(Stage& stage, Random& random) {
    const double horizon = random.uniform(0.45, 0.75);
    sky(stage, random, horizon);
    const Colour grass = varied({96, 140, 70}, random), road = varied({105, 105, 110}, random);
    stage.gradient(horizon, 1, mix(grass, {200, 210, 200}, 0.3), grass);
    const double far = random.uniform(0.1, 0.9) * stage.width(), near = random.uniform(0.1, 0.9) * stage.width();
    const double breadth = random.uniform(0.35, 0.7) * stage.width();
    stage.polygon({{far - 0.02, horizon}, {far + 0.02, horizon}, {near + breadth, 1}, {near - breadth, 1}}, road);
    for (double t = 0.15; t < 1; t += 0.28) { // the marks in the middle, farther ones shorter
        const auto on_middle = [&](double part) {
            return Point{far + (near - far) * part * part, horizon + (1 - horizon) * part * part};
        };
        const Point from = on_middle(t), to = on_middle(t + 0.13);
        stage.line({from, to}, 0.004 + 0.014 * t, {225, 225, 220});
    }
    if (random.chance(0.6)) leaves(stage, random, horizon - random.uniform(0.05, 0.15), horizon + 0.03, 60);
}

void hedge(Stage& stage, Random& random) {
    const double top = random.chance(0.5) ? 0 : random.uniform(0.1, 0.4);
    sky(stage, random, top);
    stage.gradient(top, 1, {62, 92, 48}, {40, 62, 34});
    leaves(stage, random, top - 0.02, 1, 260);
}

void brick_wall(Stage& stage, Random& random) {
    const std::array<Colour, 4> kinds = {Colour{168, 88, 66}, {186, 150, 120}, {150, 150, 150}, {120, 70, 60}};
    const Colour brick = varied(kinds[random.below(kinds.size())], random);
    stage.gradient(0, 1, mix(brick, {210, 205, 195}, 0.65), mix(brick, {190, 185, 175}, 0.65));
    const double height = random.uniform(0.06, 0.11), length = height * random.uniform(1.8, 2.6), joint = height * 0.1;
    int row = 0;
    for (double y = -random.uniform(0, height); y < 1; y += height, ++row) {
        for (double x = -length * (row % 2 == 0 ? 1.0 : 0.5); x < stage.width(); x += length) {
            stage.rectangle({x + joint, y + joint}, {x + length - joint, y + height - joint},
                            varied(brick, random, 0.05));
        }
    }
}

void lights(Stage& stage, Random& random) { // out of focus
    const Colour base = any_colour(random), other = any_colour(random);
    stage.gradient(0, 1, mix(base, {128, 128, 128}, 0.4), mix(other, {90, 90, 90}, 0.4));
    for (int i = random.integer(6, 18); i > 0; --i) {
        const Point place{random.uniform(0, stage.width()), random.uniform()};
        const Colour lamp = any_colour(random), behind = mix(base, other, place.y);
        const Colour seen = mix(lamp, behind, random.uniform(0.4, 0.8));
        stage.disc(place, random.uniform(0.02, 0.11), seen);
    }
}

void fence(Stage& stage, Random& random) {
    const double top = random.uniform(0, 0.3);
    sky(stage, random, top + 0.1);
    stage.gradient(top + 0.1, 1, {90, 110, 70}, {80, 95, 60});
    const std::array<Colour, 4> kinds = {Colour{150, 110, 72}, {190, 184, 172}, {116, 92, 74}, {110, 136, 130}};
    const Colour wood = varied(kinds[random.below(kinds.size())], random);
    const double breadth = random.uniform(0.07, 0.13), gap = random.uniform(0.004, 0.02);
    const bool pointed = random.chance(0.5);
    for (double x = -random.uniform(0, breadth); x < stage.width(); x += breadth + gap) {
        const Colour plank = varied(wood, random, 0.06);
        const double tip = pointed ? breadth * 0.5 : 0;
        stage.polygon({{x, 1}, {x, top + tip}, {x + breadth / 2, top}, {x + breadth, top + tip}, {x + breadth, 1}},
                      plank);
        if (random.chance(0.5))
            stage.disc({x + breadth * 0.5, random.uniform(top + 0.1, 1)}, 0.008, mix(plank, {0, 0, 0}, 0.35));
    }
}

void town(Stage& stage, Random& random) {
    const double ground = random.uniform(0.75, 0.95);
    sky(stage, random, ground);
    for (double x = -random.uniform(0, 0.1); x < stage.width();) {
        const double breadth = random.uniform(0.15, 0.35), top = random.uniform(0.1, 0.55);
        const Colour wall = random_hsv(random, {0.02, 0.14}, {0.05, 0.4}, {0.45, 0.85});
        const Colour window = random.chance(0.3) ? Colour{240, 220, 140} : mix(wall, {40, 50, 70}, 0.65);
        stage.rectangle({x, top}, {x + breadth, ground}, wall);
        for (double y = top + 0.05; y < ground - 0.05; y += 0.1) {
            for (double w = x + 0.03; w < x + breadth - 0.04; w += 0.075)
                stage.rectangle({w, y}, {w + 0.04, y + 0.055}, window);
        }
        x += breadth + (random.chance(0.3) ? random.uniform(0, 0.08) : 0);
    }
    stage.gradient(ground, 1, varied({120, 118, 115}, random), {95, 95, 98});
}

void room(Stage& stage, Random& random) {
    const Colour wall = random_hsv(random, {0, 1}, {0.05, 0.35}, {0.65, 0.95}), paint = any_colour(random);
    const Colour pattern = mix(wall, paint, random.uniform(0.1, 0.35));
    stage.gradient(0, 1, wall, mix(wall, {60, 60, 70}, 0.2));
    const double step = random.uniform(0.07, 0.16);
    const std::uint32_t kind = random.below(3);
    for (double x = 0; x < stage.width() + step && kind < 2; x += step) {
        if (kind == 0) stage.rectangle({x, 0}, {x + step * 0.45, 1}, pattern);
        for (double y = 0; y < 1 + step && kind == 1; y += step) stage.disc({x, y}, step * 0.17, pattern);
    }
    if (random.chance(0.6)) {
        const double table = random.uniform(0.7, 0.92);
        const Colour wood = varied({146, 104, 70}, random, 0.12);
        stage.gradient(table, 1, wood, mix(wood, {30, 20, 10}, 0.35));
    }
}

void pole(Stage& stage, Random& random) {
    const double x = random.uniform(0.02, 0.98) * stage.width(), breadth = random.uniform(0.02, 0.05);
    const double lean = random.uniform(-0.04, 0.04), top = random.chance(0.5) ? 0 : random.uniform(0, 0.5);
    const Colour metal = varied({140, 145, 150}, random, 0.15);
    stage.line({{x, top}, {x + lean, 1.1}}, breadth, metal);
    stage.line({{x - breadth * 0.2, top}, {x - breadth * 0.2 + lean, 1.1}}, breadth * 0.25,
               mix(metal, {255, 255, 255}, 0.45));
}

/// Shapes of no meaning, so that a colour or a corner alone tells nothing.
void stray_shape(Stage& stage, Random& random) {
    const Point place{random.uniform(0, stage.width()), random.uniform()};
    const double size = random.uniform(0.03, 0.13), degrees = random.uniform(0, 360);
    const Colour colour = any_colour(random);
    switch (random.below(5)) {
    case 0: stage.ellipse(place, size, size * random.uniform(0.4, 1), colour, degrees); break;
    case 1: stage.polygon(placed(star({}, random.integer(3, 6), size), place, 1, degrees), colour); break;
    case 2:
        stage.polygon(placed(rounded({-size, -size * 0.5}, {size, size * 0.5}, 0), place, 1, degrees), colour);
        break;
    case 3: stage.ring(place, size * 0.8, size * 0.25, colour); break;
    default: stage.line({place, place + polar(degrees, size * 3)}, size * 0.2, colour); break;
    }
}

void wires(Stage& stage, Random& random) {
    const double y = random.uniform(0, 0.4), sag = random.uniform(0.02, 0.12);
    for (int i = random.integer(1, 3); i > 0; --i) {
        const double shift = i * 0.04;
        stage.line(bezier({0, y + shift}, {stage.width() / 3, y + shift + sag},
                          {stage.width() * 2 / 3, y + shift + sag}, {stage.width(), y + shift}),
                   0.006, {50, 50, 55});
    }
}

// ---- light and camera, at the size of the picture

std::uint8_t byte_of(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

/// Soft shadows of things outside the picture, as shares of 255 of the light that is missing.
cv::Mat1b shadow(cv::Size size, Random& random) {
    cv::Mat1b mask(size, std::uint8_t{0});
    if (!random.chance(0.4)) return mask;
    const double x = random.uniform(-0.2, 1) * size.width, breadth = random.uniform(0.15, 0.7) * size.width;
    const double lean = random.uniform(-0.8, 0.8) * size.width;
    const auto at = [&](double px, double py) { return cv::Point(cvRound(px), cvRound(py)); };
    const std::vector<cv::Point> band = {at(x, -1), at(x + breadth, -1), at(x + breadth + lean, size.height),
                                         at(x + lean, size.height)};
    cv::fillConvexPoly(mask, band, cv::Scalar(random.uniform(40, 135)));
    cv::GaussianBlur(mask, mask, {}, random.uniform(0.005, 0.04) * size.height + 0.3);
    return mask;
}

void light(cv::Mat3b& pixels, Random& random) {
    constexpr int one = 1 << 12;
    const cv::Mat1b shadows = shadow(pixels.size(), random);
    const double exposure = random.uniform(0.55, 1.2), ramp = random.uniform(0, 0.35), degrees = random.uniform(0, 360);
    const double warmth = random.uniform(-0.08, 0.08), haze = random.chance(0.3) ? random.uniform(0, 0.3) : 0;
    const Point slope = polar(degrees, ramp);
    const std::array<double, 3> tint = {1 + warmth, 1, 1 - warmth};
    const int veil = cvRound(haze * 200);
    for (int y = 0; y < pixels.rows; ++y) {
        cv::Vec3b* row = pixels[y];
        for (int x = 0; x < pixels.cols; ++x) {
            const double there =
                exposure * (1 + slope.x * (2.0 * x / pixels.cols - 1) + slope.y * (2.0 * y / pixels.rows - 1));
            const double bright = there * (255 - shadows(y, x)) / 255 * (1 - haze);
            for (int c = 0; c < 3; ++c) {
                const int factor = static_cast<int>(bright * tint[static_cast<std::size_t>(c)] * one);
                row[x][c] = byte_of((row[x][c] * factor + one / 2) / one + veil);
            }
        }
    }
}

/// The mean of copies moved along a short way, a pixel or less from one to the next.
void shake(cv::Mat3b& pixels, Random& random) {
    const double length = random.uniform(0.01, 0.035) * pixels.rows, degrees = random.uniform(0, 180);
    const int middle = std::max(2, static_cast<int>(std::ceil(length / 2))), copies = 2 * middle + 1;
    std::vector<cv::Point> moves;
    for (int i = -middle; i <= middle; ++i) {
        const Point way = polar(degrees, length * i / (copies - 1));
        moves.emplace_back(cvRound(way.x), cvRound(way.y));
    }
    const cv::Mat3b still = pixels.clone();
    for (int y = 0; y < pixels.rows; ++y) {
        for (int x = 0; x < pixels.cols; ++x) {
            cv::Vec3i sum;
            for (const cv::Point move : moves)
                sum += still(std::clamp(y + move.y, 0, still.rows - 1), std::clamp(x + move.x, 0, still.cols - 1));
            for (int c = 0; c < 3; ++c) pixels(y, x)[c] = byte_of((sum[c] + middle) / copies);
        }
    }
}

/// Of a camera's sensor, one for each channel; the sum of a word's eight bytes is nearly normal.
void add_noise(cv::Mat3b& pixels, Random& random) {
    constexpr int mean = 8 * 255 / 2, deviation = 209; // of that sum
    const int strength = cvRound(random.uniform(1, 11) * random.uniform() * 256);
    for (int y = 0; y < pixels.rows; ++y) {
        cv::Vec3b* row = pixels[y];
        for (int x = 0; x < pixels.cols; ++x) {
            for (int c = 0; c < 3; ++c) {
                const std::uint64_t word = random.bits();
                const std::uint64_t pairs = (word & 0x00FF00FF00FF00FFU) + ((word >> 8) & 0x00FF00FF00FF00FFU);
                const int sum = static_cast<int>((pairs * 0x0001000100010001U) >> 48);
                row[x][c] = byte_of(row[x][c] + (sum - mean) * strength / (deviation * 256));
            }
        }
    }
}

} // namespace

void draw_background(cv::Mat3b& samples, Random& random) {
    static constexpr std::array kinds = {street, hedge, brick_wall, lights, fence, town, room};
    Stage stage(samples);
    kinds[random.below(kinds.size())](stage, random);
    if (random.chance(0.25)) wires(stage, random);
    for (int i = random.integer(0, 4); i > 0; --i) stray_shape(stage, random);
    if (random.chance(0.5)) pole(stage, random);
}

void draw_foreground(cv::Mat3b& samples, Random& random) {
    if (!random.chance(0.3)) return;
    Stage stage(samples);
    const bool from_left = random.chance(0.5);
    const double side = from_left ? 0 : stage.width(), inwards = from_left ? 1 : -1;
    const Point root{side, random.uniform(-0.1, 0.8)};
    const Point tip = root + Point{inwards * random.uniform(0.2, 0.45), random.uniform(-0.25, 0.25)};
    const Points twig = bezier(root, root + Point{inwards * 0.1, -0.05}, tip + Point{inwards * -0.1, -0.05}, tip);
    stage.line(twig, 0.012, varied({92, 70, 50}, random));
    for (std::size_t i = 2; i < twig.size(); ++i) {
        const double degrees = random.uniform(0, 360), size = random.uniform(0.025, 0.045);
        stage.ellipse(twig[i] + polar(degrees, size), size, size * 0.45, leaf_colour(random), degrees);
    }
}

Projection random_place(cv::Size size, Random& random) {
    const double side = std::min(size.width, size.height);
    const double half = side * random.uniform(0.27, 0.44);
    const auto within = [&](int length) { return length / 2.0 + random.uniform(-0.8, 0.8) * (length / 2.0 - half); };
    const double x = within(size.width), y = within(size.height);
    const double yaw = random.uniform(-38, 38), pitch = random.uniform(-22, 22), roll = random.uniform(-12, 12);
    return Projection::of_plate({x, y}, half, yaw, pitch, roll);
}

void photograph(cv::Mat3b& pixels, Random& random) {
    light(pixels, random);
    const double sharpness = random.uniform();
    if (sharpness < 0.35)
        cv::GaussianBlur(pixels, pixels, {}, random.uniform(0.003, 0.011) * pixels.rows);
    else if (sharpness < 0.55)
        shake(pixels, random);
    add_noise(pixels, random);
}

} // namespace openset::draw
