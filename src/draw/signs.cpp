// Road signs, after the Vienna Convention on Road Signs and Signals (1968), freely. Random numbers: as in things.cpp.

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "draw/subjects.hpp"

namespace openset::draw {
namespace {

constexpr Colour ink{28, 28, 32}, metal{176, 180, 184};

/// What signs are painted with, each a little older than the last.
struct Paint {
    explicit Paint(Random& random)
        : white(varied({244, 244, 238}, random, 0.03)), red(varied({196, 32, 38}, random)),
          blue(varied({24, 84, 160}, random)), yellow(varied({246, 200, 40}, random, 0.04)) {}

    Colour white, red, blue, yellow;
};

// ---- letters and digits, as lines in a box of 1 x 1.6

using Strokes = std::vector<Points>;

Strokes glyph(char letter) {
    switch (letter) {
    case '0': return {arc({0.5, 0.8}, 0.36, 0.68, 0, 360)};
    case '1': return {{{0.25, 0.4}, {0.58, 0.12}, {0.58, 1.48}}};
    case '2': return {joined(arc({0.5, 0.5}, 0.36, 0.38, 190, 390), {{0.14, 1.48}, {0.88, 1.48}})};
    case '3': return {joined(arc({0.48, 0.46}, 0.34, 0.34, 205, 450), arc({0.48, 1.14}, 0.38, 0.34, 270, 515))};
    case '4': return {{{0.68, 1.48}, {0.68, 0.12}, {0.1, 1.06}, {0.92, 1.06}}};
    case '5': return {joined({{0.82, 0.12}, {0.24, 0.12}, {0.18, 0.74}}, arc({0.48, 1.06}, 0.38, 0.42, 230, 500))};
    case '6':
        return {bezier({0.76, 0.12}, {0.4, 0.2}, {0.12, 0.6}, {0.13, 1.08}), arc({0.5, 1.06}, 0.37, 0.42, 0, 360)};
    case '7': return {{{0.12, 0.12}, {0.86, 0.12}, {0.4, 1.48}}};
    case '8': return {arc({0.5, 0.46}, 0.31, 0.34, 0, 360), arc({0.5, 1.12}, 0.38, 0.37, 0, 360)};
    case '9': return {bezier({0.24, 1.48}, {0.6, 1.4}, {0.88, 1}, {0.87, 0.52}), arc({0.5, 0.54}, 0.37, 0.42, 0, 360)};
    case 'H': return {{{0.16, 0.12}, {0.16, 1.48}}, {{0.84, 0.12}, {0.84, 1.48}}, {{0.16, 0.8}, {0.84, 0.8}}};
    case 'O': return {arc({0.5, 0.8}, 0.38, 0.68, 0, 360)};
    case 'P':
        return {joined(joined({{0.18, 1.48}, {0.18, 0.12}, {0.5, 0.12}}, arc({0.5, 0.5}, 0.36, 0.38, -90, 90)),
                       {{0.18, 0.88}})};
    case 'S': return {joined(arc({0.5, 0.47}, 0.34, 0.35, 330, 90), arc({0.5, 1.13}, 0.36, 0.35, 270, 510))};
    case 'T': return {{{0.1, 0.12}, {0.9, 0.12}}, {{0.5, 0.12}, {0.5, 1.48}}};
    default: return {};
    }
}

/// Centred on (0, 0).
void text(Brush brush, const std::string& letters, double height, double weight, Colour colour) {
    const double scale = height / 1.6, advance = 1.12;
    const double left = -(advance * double(letters.size()) - (advance - 1)) / 2;
    for (std::size_t i = 0; i < letters.size(); ++i) {
        for (const Points& stroke : glyph(letters[i]))
            brush.line(placed(stroke, {(left + advance * double(i)) * scale, -height / 2}, scale), weight * scale,
                       colour);
    }
}

// ---- pictograms

void bicycle(Brush brush, Colour colour) {
    constexpr Point rear{-0.42, 0.22}, front{0.42, 0.22}, pedals{-0.06, 0.2}, saddle{-0.18, -0.24}, head{0.28, -0.26};
    for (const Point hub : {rear, front}) brush.ring(hub, 0.25, 0.06, colour);
    brush.line({rear, saddle, pedals, rear}, 0.055, colour);
    brush.line({pedals, head, saddle}, 0.055, colour);
    brush.line({front, head, {0.24, -0.4}, {0.36, -0.44}}, 0.055, colour);
    brush.line({{-0.28, -0.3}, {-0.1, -0.3}}, 0.08, colour);
}

void truck(Brush brush, Colour colour, Colour ground) {
    brush.rectangle({-0.58, -0.32}, {0.16, 0.2}, colour);
    brush.polygon({{0.2, -0.14}, {0.42, -0.14}, {0.58, 0.04}, {0.58, 0.2}, {0.2, 0.2}}, colour);
    brush.polygon({{0.27, -0.08}, {0.39, -0.08}, {0.48, 0.03}, {0.27, 0.03}}, ground);
    for (const double x : {-0.36, 0.38}) {
        brush.disc({x, 0.24}, 0.14, ground);
        brush.disc({x, 0.24}, 0.11, colour);
    }
}

void pedestrian(Brush brush, Colour colour) {
    brush.disc({0.03, -0.48}, 0.12, colour);
    brush.line({{0.02, -0.26}, {0, 0.08}}, 0.2, colour);
    brush.line({{0.02, 0.08}, {0.2, 0.32}, {0.26, 0.6}}, 0.11, colour);
    brush.line({{-0.02, 0.08}, {-0.12, 0.34}, {-0.3, 0.58}}, 0.11, colour);
    brush.line({{0.04, -0.28}, {0.24, -0.08}, {0.34, -0.14}}, 0.08, colour);
    brush.line({{-0.02, -0.28}, {-0.2, -0.06}, {-0.24, 0.08}}, 0.08, colour);
}

void car_from_behind(Brush brush, Colour colour, Colour ground) {
    brush.polygon({{-0.2, -0.02}, {-0.13, -0.28}, {0.13, -0.28}, {0.2, -0.02}}, colour);
    brush.polygon({{-0.12, -0.05}, {-0.08, -0.21}, {0.08, -0.21}, {0.12, -0.05}}, ground);
    brush.rectangle({-0.26, -0.05}, {0.26, 0.2}, colour, 0.06);
    for (const double x : {-0.17, 0.17}) {
        brush.rectangle({x - 0.06, 0.18}, {x + 0.06, 0.3}, colour);
        brush.disc({x, 0.06}, 0.04, ground);
    }
}

/// Along the points; the head is at the last of them.
void arrow(Brush brush, const Points& way, double width, Colour colour) {
    const Point end = way.back(), before = way[way.size() - 2];
    const Point along = (end - before) * (width / std::max(std::abs(end.x - before.x), std::abs(end.y - before.y)));
    const Point across{-along.y, along.x};
    brush.line(way, width, colour);
    brush.polygon({end + along * 1.5, end + across * 1.4, end - across * 1.4}, colour);
}

const Points turn_to_the_right = {{-0.2, 0.55}, {-0.2, -0.15}, {0.22, -0.15}};

// ---- plates

void wear(Brush brush, Random& random) {
    for (int i = random.integer(0, 3); i > 0; --i) { // scratches
        const Point from{random.uniform(-0.8, 0.8), random.uniform(-0.8, 0.8)};
        const double degrees = random.uniform(0, 360);
        const Point way = polar(degrees, random.uniform(0.05, 0.3));
        brush.line({from, from + way}, 0.025, varied({150, 145, 140}, random, 0.15));
    }
    if (random.chance(0.15)) { // a sticker
        const Point place{random.uniform(-0.55, 0.55), random.uniform(-0.55, 0.55)};
        const Colour colour = random_hsv(random, {0, 1}, {0.2, 0.9}, {0.4, 0.95});
        const double degrees = random.uniform(0, 90);
        brush.polygon(placed(rounded({-0.13, -0.09}, {0.13, 0.09}, 0), place, 1, degrees), colour);
    }
}

/// A prohibitory sign: round, with a red rim.
struct Prohibition {
    double rim;
    Colour face, red;

    Prohibition(Brush& brush, const Paint& paint, Random& random)
        : rim(random.uniform(0.15, 0.21)),
          face(random.chance(0.15) ? mix(paint.white, paint.yellow, 0.5) : paint.white), red(paint.red) {
        brush.disc({}, 1, mix(paint.white, metal, 0.4));
        brush.disc({}, 0.96, red);
        brush.disc({}, 0.96 - rim, face);
    }

    void bar(Brush& brush, double degrees) const {
        const double reach = 0.96 - rim / 2;
        brush.line({polar(degrees, reach), polar(degrees + 180, reach)}, rim * 0.62, red);
    }
};

/// The bar goes from the upper left to the lower right.
constexpr double falling = 45;

void limit(Brush brush, const Prohibition&, Random& random, const std::string& number) {
    const double height = random.uniform(0.78, 0.92), weight = random.uniform(0.2, 0.27);
    text(brush, number, height, weight, ink);
}

void no_waiting(Brush brush, const Prohibition& sign, const Paint& paint) {
    brush.disc({}, 0.96 - sign.rim, paint.blue);
}

bool draw_prohibition(std::string_view name, Brush brush, const Paint& paint, Random& random) {
    const auto is = [&](std::string_view other) { return name == other; };
    if (is("no_entry")) {
        const double half = random.uniform(0.58, 0.68);
        brush.disc({}, 1, paint.white);
        brush.disc({}, 0.95, paint.red);
        brush.rectangle({-half, -0.17}, {half, 0.17}, paint.white);
        return true;
    }
    static constexpr std::array<std::string_view, 14> with_rim = {
        "limit_30",   "limit_50",    "limit_60",       "limit_70",      "limit_80",     "no_bicycles", "no_overtaking",
        "no_parking", "no_stopping", "no_pedestrians", "no_right_turn", "no_left_turn", "no_u_turn",   "no_trucks"};
    if (!is("closed") && std::ranges::find(with_rim, name) == with_rim.end()) return false;

    const Prohibition sign(brush, paint, random);
    const double size = random.uniform(0.92, 1.08);
    Brush inside = brush.inner({}, size);
    if (name.starts_with("limit_")) limit(inside, sign, random, std::string(name.substr(6)));
    if (is("no_bicycles")) bicycle(inside.inner({}, 1.02), ink);
    if (is("no_pedestrians")) pedestrian(inside, ink);
    if (is("no_trucks")) truck(inside, ink, sign.face);
    if (is("no_overtaking")) {
        car_from_behind(inside.inner({-0.32, 0}, 1.05), sign.red, sign.face);
        car_from_behind(inside.inner({0.32, 0}, 1.05), ink, sign.face);
    }
    if (is("no_right_turn")) arrow(inside, turn_to_the_right, 0.19, ink);
    if (is("no_left_turn")) arrow(inside.mirrored(), turn_to_the_right, 0.19, ink);
    if (is("no_u_turn"))
        arrow(inside, joined(joined({{0.28, 0.5}}, arc({0, -0.14}, 0.28, 0.28, 0, -180)), {{-0.28, 0.22}}), 0.17, ink);
    if (is("no_parking") || is("no_stopping")) no_waiting(brush, sign, paint);
    if (is("no_stopping")) sign.bar(brush, falling + 90);
    if (is("no_right_turn") || is("no_left_turn") || is("no_u_turn") || is("no_parking") || is("no_stopping"))
        sign.bar(brush, falling);
    return true;
}

// ---- the other families

/// A triangle with round corners, the first of them at the top.
Points triangle(double radius) {
    Points points;
    for (int i = 0; i < 3; ++i) {
        const Point corner = Point{0, 0.14} + polar(120.0 * i - 90, radius - 0.13);
        points = joined(std::move(points), arc(corner, 0.13, 0.13, 120.0 * i - 150, 120.0 * i - 30));
    }
    return points;
}

void warn(Brush& brush, const Paint& paint, Random& random) {
    const Colour face = random.chance(0.25) ? paint.yellow : paint.white;
    const double inner = random.uniform(0.7, 0.78);
    brush.polygon(triangle(1.1), paint.white);
    brush.polygon(triangle(1.06), paint.red);
    brush.polygon(triangle(inner), face);
}

void board(Brush& brush, const Paint& paint, Colour colour, double half_width) {
    brush.rectangle({-half_width, -0.88}, {half_width, 0.88}, paint.white, 0.12);
    brush.rectangle({-half_width + 0.05, -0.83}, {half_width - 0.05, 0.83}, colour, 0.09);
}

void mandatory(Brush& brush, const Paint& paint) {
    brush.disc({}, 1, paint.white);
    brush.disc({}, 0.95, paint.blue);
}

bool draw_other(std::string_view name, Brush brush, const Paint& paint, Random& random) {
    const auto is = [&](std::string_view other) { return name == other; };
    const double size = random.uniform(0.92, 1.08);
    Brush inside = brush.inner({}, size), low = brush.inner({0, 0.22}, size);
    if (is("give_way")) {
        Brush turned = brush.inner({0, 0.05}, 1, 180);
        turned.polygon(triangle(1.1), paint.white);
        turned.polygon(triangle(1.06), paint.red);
        turned.polygon(triangle(random.uniform(0.66, 0.76)), paint.white);
    } else if (name.starts_with("warning_")) {
        warn(brush, paint, random);
        if (is("warning_curve"))
            arrow(random.chance(0.5) ? low.mirrored() : low, {{-0.08, 0.3}, {-0.08, 0}, {0.1, -0.12}, {0.1, -0.26}},
                  0.13, ink);
        if (is("warning_danger")) {
            low.polygon({{-0.1, -0.42}, {0.1, -0.42}, {0.05, 0.12}, {-0.05, 0.12}}, ink);
            low.disc({0, 0.28}, 0.09, ink);
        }
        if (is("warning_lights")) {
            low.rectangle({-0.15, -0.36}, {0.15, 0.36}, ink, 0.06);
            low.disc({0, -0.23}, 0.09, {220, 40, 40});
            low.disc({0, 0}, 0.09, {250, 190, 40});
            low.disc({0, 0.23}, 0.09, {50, 170, 80});
        }
        if (is("warning_people")) pedestrian(low.inner({0, -0.02}, 0.62), ink);
    } else if (is("parking") || is("hospital")) {
        board(brush, paint, paint.blue, 0.8);
        text(inside, is("parking") ? "P" : "H", 1.1, 0.24, paint.white);
    } else if (is("one_way")) {
        board(brush, paint, paint.blue, 0.8);
        arrow(inside, {{0, 0.58}, {0, -0.25}}, 0.22, paint.white);
    } else if (is("cycle_path")) {
        mandatory(brush, paint);
        bicycle(inside.inner({}, 1.1), paint.white);
    } else if (is("turn_right")) {
        mandatory(brush, paint);
        arrow(inside, turn_to_the_right, 0.2, paint.white);
    } else if (is("priority")) {
        brush.polygon(placed(rounded({-0.72, -0.72}, {0.72, 0.72}, 0.1), {}, 1, 45), paint.white);
        brush.polygon(placed(rounded({-0.68, -0.68}, {0.68, 0.68}, 0.08), {}, 1, 45), ink);
        brush.polygon(placed(rounded({-0.66, -0.66}, {0.66, 0.66}, 0.08), {}, 1, 45), paint.white);
        brush.polygon(placed(rounded({-0.46, -0.46}, {0.46, 0.46}, 0.04), {}, 1, 45), paint.yellow);
    } else if (is("stop")) {
        brush.polygon(placed(star({}, 8, 1.04), {}, 1, 22.5), paint.white);
        brush.polygon(placed(star({}, 8, 0.97), {}, 1, 22.5), paint.red);
        text(brush, "STOP", random.uniform(0.55, 0.65), 0.22, paint.white);
    } else if (is("town")) {
        brush.rectangle({-1, -0.6}, {1, 0.6}, ink, 0.08);
        brush.rectangle({-0.95, -0.55}, {0.95, 0.55}, paint.yellow, 0.06);
        const double first = random.uniform(0.5, 0.8), second = random.uniform(0.3, 0.7);
        brush.line({{-first, -0.18}, {first, -0.18}}, 0.22, ink); // a name, too far away to be read
        brush.line({{-second, 0.24}, {second, 0.24}}, 0.16, ink);
    } else {
        return false;
    }
    return true;
}

} // namespace

bool draw_sign(std::string_view name, Brush brush, Random& random) {
    const Paint paint(random);
    if (!draw_prohibition(name, brush, paint, random) && !draw_other(name, brush, paint, random)) return false;
    wear(brush, random);
    return true;
}

} // namespace openset::draw
