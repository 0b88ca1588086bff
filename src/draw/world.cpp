#include "openset/draw/world.hpp"

#include <array>
#include <string>

#include <opencv2/imgproc.hpp>

#include "draw/brush.hpp"
#include "draw/mat.hpp"
#include "draw/scene.hpp"
#include "draw/subjects.hpp"
#include "openset/base/error.hpp"
#include "openset/base/random.hpp"

namespace openset::draw {
namespace {

constexpr WorldClass thing(std::string_view name, WorldUse use = WorldUse::training) {
    return {name, name, WorldLevel::thing, use};
}

constexpr WorldClass other(std::string_view name, std::string_view shape, WorldUse use = WorldUse::training) {
    return {name, shape, WorldLevel::other_sign, use};
}

constexpr WorldClass family(std::string_view name, WorldUse use = WorldUse::training) {
    return {name, "round_sign", WorldLevel::family_sign, use};
}

constexpr std::array classes = {
    thing("apple"),
    thing("ball"),
    thing("balloon"),
    thing("boat"),
    thing("car"),
    thing("clock"),
    thing("cup"),
    thing("fish"),
    thing("flower"),
    thing("house"),
    thing("ladder"),
    thing("mushroom"),
    thing("smiley"),
    thing("star"),
    thing("tree"),
    thing("umbrella"),
    thing("butterfly", WorldUse::test),
    thing("cactus", WorldUse::test),
    thing("key", WorldUse::test),
    thing("kite", WorldUse::test),
    thing("snowman", WorldUse::test),
    other("give_way", "triangular_sign"),
    other("warning_curve", "triangular_sign"),
    other("warning_danger", "triangular_sign"),
    other("warning_lights", "triangular_sign"),
    other("warning_people", "triangular_sign"),
    other("hospital", "board_sign"),
    other("one_way", "board_sign"),
    other("parking", "board_sign"),
    other("cycle_path", "round_sign"),
    other("turn_right", "round_sign"),
    other("priority", "diamond_sign", WorldUse::test),
    other("stop", "octagonal_sign", WorldUse::test),
    other("town", "board_sign", WorldUse::test),
    family("limit_30"),
    family("limit_50"),
    family("limit_80"),
    family("no_bicycles"),
    family("no_entry"),
    family("no_overtaking"),
    family("no_parking"),
    family("no_pedestrians"),
    family("no_right_turn"),
    family("no_trucks"),
    family("limit_60", WorldUse::validation),
    family("no_u_turn", WorldUse::validation),
    family("closed", WorldUse::test),
    family("limit_70", WorldUse::test),
    family("no_left_turn", WorldUse::test),
    family("no_stopping", WorldUse::test),
};

void check(const WorldView& view) {
    const auto fits = [](int side) { return side >= 32 && side <= 4096; };
    if (fits(view.width) && fits(view.height)) return;
    throw Error(ErrorKind::usage, "a picture of " + std::to_string(view.width) + "x" + std::to_string(view.height) +
                                      " pixels, expected sides of 32 to 4096");
}

} // namespace

std::span<const WorldClass> world_classes() { return classes; }

std::string_view to_string(WorldLevel level) {
    switch (level) {
    case WorldLevel::thing: return "thing";
    case WorldLevel::other_sign: return "other_sign";
    case WorldLevel::family_sign: return "family_sign";
    }
    return "";
}

image::Picture draw_world(const WorldClass& what, std::uint64_t seed, std::uint32_t number, const WorldView& view) {
    check(view);
    keep_to_this_thread();
    Random scene(seed, number);
    // A stream of its own, so that the scene is the same whatever it shows.
    Random subject(scene.bits());

    cv::Mat3b samples(view.height * samples_per_pixel, view.width * samples_per_pixel);
    draw_background(samples, scene);
    const Brush brush(samples, random_place(samples.size(), scene));
    if (!draw_thing(what.name, brush, subject) && !draw_sign(what.name, brush, subject))
        throw Error(ErrorKind::usage,
                    std::string(what.name) + ": no class of the drawn world, expected one of world_classes()");
    draw_foreground(samples, scene);

    cv::Mat3b pixels;
    cv::resize(samples, pixels, {view.width, view.height}, 0, 0, cv::INTER_AREA);
    photograph(pixels, scene);
    return picture_of(pixels);
}

} // namespace openset::draw
