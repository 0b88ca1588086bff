#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "openset/image/picture.hpp"

/// A small world of drawn pictures with perfect labels: road signs and everyday things before streets, hedges and walls,
/// seen from an angle, in light and shadow, through a camera that blurs and has noise. What is drawn and where, how and
/// before what it is seen know nothing of each other, so that no network can tell a class by its background.
namespace openset::draw {

/// What a picture is of, as seen from a classifier of prohibitory signs (round, red rim): the family.
enum class WorldLevel {
    thing,      ///< no sign: for a gate to reject
    other_sign, ///< of another family: for a species filter to reject
    family_sign ///< a prohibitory sign
};

/// Who is shown pictures of a class.
enum class WorldUse {
    training,   ///< networks are trained with it, and tried with other pictures of it
    validation, ///< no network: it stands in for the unknown when thresholds are chosen
    test        ///< nobody before the test
};

struct WorldClass {
    std::string_view name;       ///< "limit_30"
    std::string_view gate_label; ///< what a gate is to call it: the name of a thing; of a sign its shape, "round_sign"
    WorldLevel level;
    WorldUse use;
};

/// All classes, in an order that stays: new ones come at the end, so that a class's place in it may number its pictures.
std::span<const WorldClass> world_classes();

/// "thing", "other_sign", "family_sign"
std::string_view to_string(WorldLevel level);

struct WorldView {
    int width = 128, height = 128; ///< pixels, 32 to 4096 each
};

/// One picture: number `number` of the world of this seed. Neither the pictures before it nor the thread that draws it
/// matter, and pictures of one seed and number show different classes at the same place of the same scene. The same bytes
/// each time with one OpenCV. Throws Error(usage) where a side is out of range.
/// what  one of world_classes()
image::Picture draw_world(const WorldClass& what, std::uint64_t seed, std::uint32_t number, const WorldView& view = {});

} // namespace openset::draw
