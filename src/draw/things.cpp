// Everyday things. Random numbers are drawn one statement or one braced list at a time: in the arguments of a call their
// order would be the compiler's.

#include <array>
#include <initializer_list>
#include <utility>

#include "draw/subjects.hpp"

namespace openset::draw {
namespace {

constexpr Colour white{250, 250, 248}, black{30, 30, 34};

Colour lighter(Colour colour, double part) { return mix(colour, {255, 255, 255}, part); }
Colour darker(Colour colour, double part) { return mix(colour, {0, 0, 0}, part); }

Colour bright(Random& random) { return random_hsv(random, {0, 1}, {0.55, 0.95}, {0.6, 0.98}); }

/// One of a few, a little varied.
Colour one_of(std::initializer_list<Colour> colours, Random& random) {
    const Colour colour = colours.begin()[random.below(static_cast<std::uint32_t>(colours.size()))];
    return varied(colour, random);
}

void apple(Brush brush, Random& random) {
    const Colour skin = one_of({{200, 40, 40}, {110, 170, 50}, {220, 190, 60}, {180, 60, 60}}, random);
    const double width = random.uniform(0.4, 0.48);
    for (const double side : {-1.0, 1.0}) brush.ellipse({side * width * 0.8, 0.15}, width, 0.72, skin, side * -10);
    brush.ellipse({0, 0.25}, width, 0.62, skin);
    brush.ellipse({-0.45, -0.1}, 0.12, 0.24, lighter(skin, 0.55), 25);
    brush.line(bezier({0, -0.4}, {0, -0.6}, {0.05, -0.75}, {0.15, -0.9}), 0.09, {96, 66, 40});
    const double lift = random.uniform(-15, 15);
    brush.ellipse({0.4, -0.72}, 0.3, 0.13, varied({80, 150, 60}, random), -20 + lift);
}

void beach_ball(Brush brush, Random& random) {
    const std::array colours = {bright(random), white, bright(random), white, bright(random), white};
    const Point pole{random.uniform(-0.4, 0.4), random.uniform(-0.4, 0.4)};
    const double turn = random.uniform(0, 60);
    for (std::size_t i = 0; i < colours.size(); ++i) {
        const double from = turn + 60.0 * double(i);
        Points sector = joined({pole}, arc({}, 0.92, 0.92, from, from + 60));
        brush.polygon(sector, colours[i]);
    }
    brush.disc(pole, 0.12, white);
}

void football(Brush brush, Random& random) {
    brush.disc({}, 0.92, darker(white, 0.4));
    brush.disc({}, 0.89, white);
    const double turn = random.uniform(0, 72);
    const Colour patch = darker(bright(random), 0.75);
    for (int i = 0; i < 5; ++i) {
        const double degrees = turn + 72 * i;
        brush.line({polar(degrees, 0.3), polar(degrees, 0.6)}, 0.035, patch);
        Points outer = {polar(degrees - 15, 0.62), polar(degrees + 15, 0.62)};
        brush.polygon(joined(std::move(outer), arc({}, 0.89, 0.89, degrees + 19, degrees - 19)), patch);
    }
    brush.polygon(placed(star({}, 5, 0.32), {}, 1, turn + 90), patch);
}

void basketball(Brush brush, Random& random) {
    const Colour skin = varied({226, 122, 48}, random), seam = darker(skin, 0.75);
    brush.disc({}, 0.92, seam);
    brush.disc({}, 0.87, skin);
    Brush turned = brush.inner({}, 1, random.uniform(0, 180));
    turned.line({{-0.87, 0}, {0.87, 0}}, 0.06, seam);
    turned.line({{0, -0.87}, {0, 0.87}}, 0.06, seam);
    turned.line(arc({-1.05, 0}, 0.7, 0.75, -62, 62), 0.06, seam);
    turned.line(arc({1.05, 0}, 0.7, 0.75, 118, 242), 0.06, seam);
}

void ball(Brush brush, Random& random) {
    static constexpr std::array kinds = {beach_ball, football, basketball};
    kinds[random.below(kinds.size())](brush, random);
    brush.ellipse({-0.4, -0.5}, 0.16, 0.09, white, -40);
}

void balloon(Brush brush, Random& random) {
    const Colour skin = bright(random);
    const double sway = random.uniform(-0.35, 0.35), width = random.uniform(0.5, 0.62);
    brush.line(bezier({0, 0.4}, {sway, 0.6}, {-sway, 0.8}, {sway * 0.5, 1.05}), 0.035, {90, 90, 90});
    brush.polygon({{0, 0.28}, {0.12, 0.48}, {-0.12, 0.48}}, darker(skin, 0.2));
    brush.ellipse({0, -0.33}, width, 0.68, skin);
    brush.polygon({{-width * 0.8, 0}, {width * 0.8, 0}, {0, 0.42}}, skin);
    brush.ellipse({-width * 0.45, -0.6}, 0.1, 0.2, lighter(skin, 0.65), 25);
}

void boat(Brush brush, Random& random) {
    const Colour hull = one_of({{120, 72, 44}, {190, 50, 44}, {40, 70, 120}, {235, 235, 230}}, random);
    const Colour sail = random.chance(0.5) ? white : bright(random);
    brush.rectangle({-0.04, -0.95}, {0.04, 0.4}, {110, 84, 60});
    brush.polygon({{0.08, -0.9}, {0.08, 0.28}, {0.8, 0.28}}, sail);
    if (random.chance(0.7)) brush.polygon({{-0.08, -0.7}, {-0.08, 0.28}, {-0.6, 0.28}}, darker(sail, 0.12));
    if (random.chance(0.5)) brush.polygon({{0, -1}, {0.3, -0.92}, {0, -0.84}}, bright(random));
    brush.polygon({{-0.95, 0.38}, {0.95, 0.38}, {0.62, 0.8}, {-0.62, 0.8}}, hull);
    brush.polygon({{-0.95, 0.38}, {0.95, 0.38}, {0.89, 0.46}, {-0.89, 0.46}}, lighter(hull, 0.45));
    for (int i = 0; i < 4; ++i) {
        const Point centre{-0.72 + 0.48 * i, 0.86};
        brush.line(arc(centre, 0.24, 0.1, 200, 340), 0.07, {70, 130, 190});
    }
}

void car(Brush brush, Random& random) {
    const Colour paint = bright(random), glass{190, 220, 235};
    const double roof = random.uniform(-0.5, -0.36), back = random.uniform(-0.7, -0.45);
    brush.polygon({{back - 0.12, -0.02}, {back + 0.1, roof}, {0.28, roof}, {0.58, -0.02}}, paint);
    brush.polygon({{back + 0.02, -0.04}, {back + 0.16, roof + 0.09}, {-0.1, roof + 0.09}, {-0.1, -0.04}}, glass);
    brush.polygon({{-0.02, -0.04}, {-0.02, roof + 0.09}, {0.24, roof + 0.09}, {0.45, -0.04}}, glass);
    brush.rectangle({-0.97, -0.06}, {0.97, 0.4}, paint, 0.14);
    brush.rectangle({-0.97, 0.24}, {0.97, 0.4}, darker(paint, 0.25), 0.08);
    brush.ellipse({0.9, 0.08}, 0.07, 0.1, {255, 240, 160});
    brush.ellipse({-0.92, 0.08}, 0.05, 0.09, {200, 30, 30});
    brush.line({{-0.08, 0.06}, {0.06, 0.06}}, 0.04, darker(paint, 0.45));
    for (const double x : {-0.55, 0.55}) {
        brush.disc({x, 0.4}, 0.26, black);
        brush.disc({x, 0.4}, 0.13, {190, 190, 195});
    }
}

void clock(Brush brush, Random& random) {
    const Colour rim = random.chance(0.3) ? black : bright(random),
                 face = random.chance(0.8) ? white : darker(bright(random), 0.6);
    const Colour ink = face.red + face.green > 300 ? black : white;
    if (random.chance(0.35)) {
        for (const double x : {-0.55, 0.55}) {
            brush.disc({x, -0.72}, 0.25, rim);
            brush.line({{x, 0.6}, {x * 1.25, 0.97}}, 0.12, rim);
        }
    }
    const double width = random.uniform(0.06, 0.16);
    brush.disc({}, 0.9, rim);
    brush.disc({}, 0.9 - width, face);
    for (int hour = 0; hour < 12; ++hour) {
        const double degrees = 30 * hour, inner = hour % 3 == 0 ? 0.55 : 0.62;
        brush.line({polar(degrees, inner), polar(degrees, 0.68)}, hour % 3 == 0 ? 0.08 : 0.04, ink);
    }
    const int minutes = random.integer(0, 12 * 60 - 1);
    brush.line({{}, polar(minutes * 0.5 - 90, 0.38)}, 0.11, ink);
    brush.line({{}, polar(minutes * 6.0 - 90, 0.58)}, 0.07, ink);
    brush.disc({}, 0.08, rim);
}

void cup(Brush brush, Random& random) {
    const Colour glaze = random.chance(0.3) ? white : bright(random), stripe = bright(random);
    const double foot = random.uniform(0.38, 0.52);
    brush.line(arc({0.5, 0.2}, 0.36, 0.32, -90, 90), 0.13, darker(glaze, 0.12));
    Points body = {{-0.6, -0.3}, {0.6, -0.3}};
    body = joined(std::move(body), arc({foot - 0.12, 0.7}, 0.12, 0.12, 0, 90));
    brush.polygon(joined(std::move(body), arc({-foot + 0.12, 0.7}, 0.12, 0.12, 90, 180)), glaze);
    if (random.chance(0.6)) brush.polygon({{-0.56, 0.1}, {0.56, 0.1}, {0.53, 0.34}, {-0.53, 0.34}}, stripe);
    brush.ellipse({0, -0.3}, 0.6, 0.15, lighter(glaze, 0.35));
    brush.ellipse({0, -0.28}, 0.52, 0.11, {92, 58, 36});
    for (int i = random.integer(0, 3); i > 0; --i) {
        const double x = -0.45 + 0.26 * i;
        brush.line(bezier({x, -0.48}, {x + 0.14, -0.62}, {x - 0.14, -0.78}, {x, -0.95}), 0.05, {225, 225, 225});
    }
    brush.line({{-0.46, -0.05}, {-0.4, 0.5}}, 0.07, lighter(glaze, 0.5));
}

void fish(Brush brush, Random& random) {
    const Colour scales = bright(random), fins = random.chance(0.5) ? darker(scales, 0.25) : bright(random);
    const double height = random.uniform(0.36, 0.52);
    brush.polygon({{-0.35, 0}, {-0.95, -0.45}, {-0.8, 0}, {-0.95, 0.45}}, fins);
    brush.polygon({{-0.2, -height * 0.7}, {0.1, -height - 0.25}, {0.4, -height * 0.6}}, fins);
    brush.polygon({{-0.1, height * 0.7}, {0, height + 0.2}, {0.25, height * 0.7}}, fins);
    brush.ellipse({0.15, 0}, 0.75, height, scales);
    for (int i = random.integer(0, 3); i > 0; --i) {
        const double x = 0.35 - 0.25 * i;
        brush.line(arc({x - 0.25, 0}, 0.25, height * 0.78, -65, 65), 0.08, lighter(scales, 0.5));
    }
    brush.polygon({{-0.05, 0}, {0.25, 0.02}, {-0.1, 0.22}}, fins);
    brush.disc({0.6, -0.1}, 0.1, white);
    brush.disc({0.62, -0.1}, 0.055, black);
    brush.line(arc({0.82, 0.12}, 0.1, 0.08, 90, 190), 0.035, darker(scales, 0.5));
}

void flower(Brush brush, Random& random) {
    const Colour petal = bright(random), heart = varied({245, 200, 60}, random);
    const double bow = random.uniform(-0.2, 0.2), turn = random.uniform(0, 60);
    const int petals = random.integer(5, 9);
    brush.line(bezier({0, -0.2}, {bow, 0.2}, {-bow, 0.6}, {bow * 0.5, 1}), 0.1, {70, 140, 60});
    brush.ellipse({-0.26, 0.62}, 0.27, 0.11, {84, 156, 70}, 30);
    brush.ellipse({0.28, 0.5}, 0.27, 0.11, {84, 156, 70}, -30);
    const double width = 1.15 / petals;
    for (int i = 0; i < petals; ++i) {
        const double degrees = turn + 360.0 * i / petals;
        brush.ellipse(Point{0, -0.32} + polar(degrees, 0.4), 0.28, width, i % 2 == 0 ? petal : darker(petal, 0.08),
                      degrees);
    }
    brush.disc({0, -0.32}, 0.23, heart);
    brush.disc({0, -0.32}, 0.13, darker(heart, 0.2));
}

void house(Brush brush, Random& random) {
    const Colour wall = random_hsv(random, {0, 0.17}, {0.1, 0.55}, {0.75, 0.98}), door = darker(bright(random), 0.3);
    const Colour roof = one_of({{170, 70, 50}, {90, 90, 105}, {120, 80, 60}}, random);
    const Colour glass = random.chance(0.4) ? Colour{255, 226, 130} : Colour{150, 195, 225};
    const double eaves = random.uniform(-0.25, -0.05);
    if (random.chance(0.7)) brush.rectangle({0.32, -0.85}, {0.52, eaves}, darker(roof, 0.2));
    brush.rectangle({-0.7, eaves}, {0.7, 0.9}, wall);
    brush.polygon({{-0.92, eaves + 0.04}, {0, -0.95}, {0.92, eaves + 0.04}}, roof);
    const double place = random.uniform(-0.3, 0.05);
    brush.rectangle({place - 0.15, 0.3}, {place + 0.15, 0.9}, door, 0.03);
    brush.disc({place + 0.09, 0.62}, 0.03, {240, 210, 90});
    for (const Point corner : {Point{0.28, 0.2}, Point{-0.62, 0.2}}) {
        if (corner.x < 0 && place < -0.1) continue;
        brush.rectangle(corner, corner + Point{0.34, 0.34}, white);
        brush.rectangle(corner + Point{0.04, 0.04}, corner + Point{0.3, 0.3}, glass);
        brush.line({corner + Point{0.17, 0.04}, corner + Point{0.17, 0.3}}, 0.04, white);
    }
    if (random.chance(0.5)) brush.disc({0, eaves - 0.3}, 0.14, glass);
}

void ladder(Brush brush, Random& random) {
    const Colour wood = one_of({{176, 130, 80}, {190, 190, 195}, {200, 80, 50}, {120, 90, 60}}, random);
    const double top = random.uniform(0.22, 0.32), foot = random.uniform(0.34, 0.45);
    const int rungs = random.integer(5, 7);
    for (int i = 0; i < rungs; ++i) {
        const double part = (i + 0.6) / rungs, half = top + (foot - top) * part, y = -0.98 + 1.96 * part;
        brush.line({{-half, y}, {half, y}}, 0.1, darker(wood, 0.15));
    }
    for (const double side : {-1.0, 1.0}) brush.line({{side * top, -0.98}, {side * foot, 0.98}}, 0.13, wood);
}

void mushroom(Brush brush, Random& random) {
    const Colour cap = one_of({{206, 44, 40}, {206, 44, 40}, {160, 104, 60}, {226, 160, 70}}, random);
    const double height = random.uniform(0.65, 0.9), half = random.uniform(0.17, 0.26);
    Points stem = bezier({-half, 0}, {-half * 0.7, 0.4}, {-half * 1.2, 0.7}, {-half * 1.5, 0.92});
    brush.polygon(joined(std::move(stem), bezier({half * 1.5, 0.92}, {half * 1.2, 0.7}, {half * 0.7, 0.4}, {half, 0})),
                  {240, 228, 206});
    brush.ellipse({0, 0.08}, 0.85, 0.16, {228, 210, 184});
    brush.polygon(arc({0, 0.08}, 0.88, height, 180, 360), cap);
    if (random.chance(0.8)) {
        const Colour dot{246, 240, 228};
        brush.ellipse({-0.5, -0.15}, 0.13, 0.1, dot);
        brush.ellipse({0.05, -height * 0.55}, 0.16, 0.12, dot);
        brush.ellipse({0.52, -0.18}, 0.12, 0.1, dot);
        brush.ellipse({-0.1, -0.1}, 0.1, 0.07, dot);
        brush.ellipse({0.28, -0.05}, 0.06, 0.05, dot);
    }
}

void smiley(Brush brush, Random& random) {
    const Colour skin = random.chance(0.75) ? varied({250, 208, 60}, random) : bright(random), ink = darker(skin, 0.8);
    brush.disc({}, 0.92, darker(skin, 0.3));
    brush.disc({}, 0.86, skin);
    const double height = random.uniform(0.1, 0.18);
    for (const double x : {-0.32, 0.32}) brush.ellipse({x, -0.25}, 0.1, height, ink);
    switch (random.below(3)) {
    case 0: brush.line(arc({0, 0.1}, 0.5, 0.45, 20, 160), 0.09, ink); break;
    case 1: brush.line(arc({0, 0.75}, 0.45, 0.4, 210, 330), 0.09, ink); break;
    default:
        brush.polygon(arc({0, 0.12}, 0.52, 0.5, 0, 180), ink);
        brush.ellipse({0, 0.48}, 0.25, 0.1, {220, 90, 90});
        break;
    }
}

void star_shape(Brush brush, Random& random) {
    const Colour gold = random.chance(0.6) ? varied({250, 200, 50}, random) : bright(random);
    const double inner = random.uniform(0.36, 0.5);
    brush.polygon(star({0, 0.06}, 5, 1, inner), darker(gold, 0.35));
    brush.polygon(star({0, 0.06}, 5, 0.86, inner * 0.86), gold);
    for (int i = 0; i < 5; ++i) // facets
        brush.polygon({{0, 0.06},
                       Point{0, 0.06} + polar(72.0 * i - 90, 0.86),
                       Point{0, 0.06} + polar(72.0 * i - 54, inner * 0.86)},
                      lighter(gold, 0.3));
}

void tree(Brush brush, Random& random) {
    const Colour bark = varied({110, 78, 50}, random),
                 leaf = random_hsv(random, {0.2, 0.38}, {0.45, 0.75}, {0.35, 0.65});
    brush.polygon({{-0.1, 0.2}, {0.1, 0.2}, {0.16, 0.97}, {-0.16, 0.97}}, bark);
    if (random.chance(0.5)) { // a fir
        for (int i = 2; i >= 0; --i) {
            const double top = -1 + 0.42 * i, half = 0.42 + 0.17 * i;
            brush.polygon({{0, top}, {half, top + 0.8}, {-half, top + 0.8}}, i % 2 == 0 ? leaf : lighter(leaf, 0.12));
        }
        return;
    }
    const bool fruit = random.chance(0.4);
    for (const Point place : {Point{-0.42, -0.08}, {0.42, -0.08}, {-0.25, -0.5}, {0.28, -0.48}, {0, -0.2}}) {
        const double radius = random.uniform(0.36, 0.46);
        brush.disc(place, radius, varied(leaf, random, 0.03));
    }
    brush.disc({-0.1, -0.45}, 0.2, lighter(leaf, 0.18));
    for (const Point place : {Point{-0.4, -0.1}, {0.35, -0.35}, {0.1, 0}, {0.5, 0.05}, {-0.1, -0.6}}) {
        if (fruit) brush.disc(place, 0.08, {214, 50, 44});
    }
}

void umbrella(Brush brush, Random& random) {
    const Colour one = bright(random), two = random.chance(0.5) ? white : bright(random);
    brush.line({{0, -0.95}, {0, 0.75}}, 0.06, {90, 90, 95});
    brush.line(arc({0.15, 0.75}, 0.15, 0.17, 180, 10), 0.09, {120, 76, 44});
    const int parts = 4;
    for (int i = 0; i < parts; ++i) { // the cloth between two ribs ends in a bow
        const double left = -0.95 + 1.9 * i / parts, right = left + 1.9 / parts;
        const auto rib = [](double x, bool upwards) {
            Points points = bezier({x, 0.05}, {x * 0.98, -0.4}, {x * 0.6, -0.78}, {0, -0.82});
            if (!upwards) points = Points(points.rbegin(), points.rend());
            return points;
        };
        Points cloth = joined(rib(left, true), rib(right, false));
        cloth = joined(std::move(cloth), arc({(left + right) / 2, 0.05}, (right - left) / 2, 0.12, 360, 180));
        brush.polygon(cloth, i % 2 == 0 ? one : two);
    }
}

// ---- never shown in training

void butterfly(Brush brush, Random& random) {
    const Colour wing = bright(random), spot = bright(random);
    for (const double side : {-1.0, 1.0}) {
        brush.ellipse({side * 0.48, -0.35}, 0.5, 0.38, darker(wing, 0.5), side * -35);
        brush.ellipse({side * 0.48, -0.35}, 0.42, 0.3, wing, side * -35);
        brush.ellipse({side * 0.4, 0.35}, 0.38, 0.3, darker(wing, 0.5), side * 40);
        brush.ellipse({side * 0.4, 0.35}, 0.3, 0.22, lighter(wing, 0.25), side * 40);
        brush.disc({side * 0.55, -0.4}, 0.13, spot);
        brush.disc({side * 0.42, 0.36}, 0.09, spot);
        brush.line(bezier({0, -0.55}, {side * 0.05, -0.75}, {side * 0.15, -0.85}, {side * 0.25, -0.9}), 0.04, black);
    }
    brush.ellipse({0, 0}, 0.09, 0.6, black);
    brush.disc({0, -0.58}, 0.11, black);
}

void cactus(Brush brush, Random& random) {
    const Colour green = varied({76, 140, 70}, random), pot = varied({190, 100, 60}, random);
    const double left = random.uniform(-0.15, 0.2), right = random.uniform(-0.2, 0.15);
    brush.line({{-0.1, left}, {-0.55, left}, {-0.55, left - 0.4}}, 0.2, green);
    brush.line({{0.1, right}, {0.55, right}, {0.55, right - 0.4}}, 0.2, green);
    brush.line({{0, -0.7}, {0, 0.6}}, 0.42, green);
    for (const double x : {-0.1, 0.0, 0.1}) brush.line({{x, -0.7}, {x, 0.5}}, 0.025, lighter(green, 0.45));
    if (random.chance(0.6)) brush.polygon(star({0, -0.9}, 6, 0.17, 0.07), {230, 90, 150});
    brush.polygon({{-0.45, 0.5}, {0.45, 0.5}, {0.34, 0.98}, {-0.34, 0.98}}, pot);
    brush.rectangle({-0.5, 0.42}, {0.5, 0.58}, darker(pot, 0.15));
}

void key(Brush brush, Random& random) {
    const Colour metal = one_of({{212, 170, 70}, {180, 184, 190}, {120, 96, 60}}, random);
    Brush turned = brush.inner({}, 1, random.uniform(-40, 40));
    turned.line({{-0.2, 0}, {0.9, 0}}, 0.17, metal);
    turned.ring({-0.52, 0}, 0.33, 0.18, metal);
    const int teeth = random.integer(2, 3);
    for (int i = 0; i < teeth; ++i) {
        const double x = 0.82 - 0.24 * i, length = random.uniform(0.25, 0.4);
        turned.rectangle({x - 0.07, 0}, {x + 0.07, length}, metal);
    }
    turned.line({{-0.15, -0.04}, {0.85, -0.04}}, 0.03, lighter(metal, 0.5));
}

void kite(Brush brush, Random& random) {
    const Colour one = bright(random), two = bright(random);
    const double half = random.uniform(0.48, 0.6);
    const Points string = bezier({0, 0.5}, {0.4, 0.65}, {-0.3, 0.8}, {0.2, 1.05});
    brush.line(string, 0.03, {80, 80, 80});
    for (const std::size_t i : {4U, 8U, 12U}) {
        const Point knot = string[i];
        brush.polygon({knot, knot + Point{0.13, -0.07}, knot + Point{0.13, 0.07}}, one);
        brush.polygon({knot, knot + Point{-0.13, -0.07}, knot + Point{-0.13, 0.07}}, two);
    }
    brush.polygon({{0, -1}, {half, -0.35}, {0, -0.35}}, one);
    brush.polygon({{0, -1}, {-half, -0.35}, {0, -0.35}}, two);
    brush.polygon({{0, 0.5}, {half, -0.35}, {0, -0.35}}, two);
    brush.polygon({{0, 0.5}, {-half, -0.35}, {0, -0.35}}, one);
}

void snowman(Brush brush, Random& random) {
    const Colour snow{244, 248, 252}, scarf = bright(random);
    const double swing = random.uniform(-0.25, 0.1);
    for (const double side : {-1.0, 1.0}) brush.line({{side * 0.3, 0}, {side * 0.85, swing}}, 0.06, {100, 70, 46});
    brush.disc({0, 0.55}, 0.46, darker(snow, 0.12));
    brush.disc({-0.02, 0.53}, 0.43, snow);
    brush.disc({0, -0.02}, 0.35, darker(snow, 0.12));
    brush.disc({-0.02, -0.03}, 0.32, snow);
    brush.disc({0, -0.47}, 0.27, snow);
    brush.line({{-0.22, -0.26}, {0.22, -0.26}}, 0.12, scarf);
    brush.line({{0.16, -0.26}, {0.22, 0.05}}, 0.1, scarf);
    for (const double x : {-0.1, 0.1}) brush.disc({x, -0.53}, 0.04, black);
    for (const double y : {0.02, 0.18, 0.45}) brush.disc({0, y}, 0.045, black);
    brush.polygon({{0, -0.48}, {0.28, -0.42}, {0, -0.4}}, {240, 130, 40});
    brush.rectangle({-0.32, -0.74}, {0.32, -0.66}, black);
    brush.rectangle({-0.2, -1}, {0.2, -0.7}, black);
}

using Draw = void (*)(Brush, Random&);

constexpr std::array<std::pair<std::string_view, Draw>, 21> things = {{
    {"apple", apple},
    {"ball", ball},
    {"balloon", balloon},
    {"boat", boat},
    {"car", car},
    {"clock", clock},
    {"cup", cup},
    {"fish", fish},
    {"flower", flower},
    {"house", house},
    {"ladder", ladder},
    {"mushroom", mushroom},
    {"smiley", smiley},
    {"star", star_shape},
    {"tree", tree},
    {"umbrella", umbrella},
    {"butterfly", butterfly},
    {"cactus", cactus},
    {"key", key},
    {"kite", kite},
    {"snowman", snowman},
}};

} // namespace

bool draw_thing(std::string_view name, Brush brush, Random& random) {
    for (const auto& [known, draw] : things) {
        if (known != name) continue;
        const bool mirrored = random.chance(0.5);
        draw(mirrored ? brush.mirrored() : brush, random);
        return true;
    }
    return false;
}

} // namespace openset::draw
