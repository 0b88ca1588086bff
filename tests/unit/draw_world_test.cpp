#include "openset/draw/world.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"
#include "openset/base/sha256.hpp"

namespace openset::draw {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t seed = 11;
constexpr WorldView small{64, 48};

const WorldClass& class_called(std::string_view name) {
    return *std::ranges::find(world_classes(), name, &WorldClass::name);
}

std::size_t how_many(WorldLevel level, WorldUse use) {
    return static_cast<std::size_t>(std::ranges::count_if(
        world_classes(), [&](const WorldClass& what) { return what.level == level && what.use == use; }));
}

/// Pixels that differ, as a part of all.
double difference(const image::Picture& a, const image::Picture& b) {
    std::size_t different = 0;
    for (std::size_t i = 0; i < a.rgb.size(); i += 3)
        different += !std::equal(a.rgb.begin() + std::ptrdiff_t(i), a.rgb.begin() + std::ptrdiff_t(i) + 3,
                                 b.rgb.begin() + std::ptrdiff_t(i));
    return 3.0 * double(different) / double(a.rgb.size());
}

TEST(World, HasClassesThatNoNetworkIsShownOnEachLevel) {
    EXPECT_GE(how_many(WorldLevel::thing, WorldUse::training), 12U);
    EXPECT_GE(how_many(WorldLevel::thing, WorldUse::test), 4U);
    EXPECT_GE(how_many(WorldLevel::other_sign, WorldUse::training), 8U);
    EXPECT_GE(how_many(WorldLevel::other_sign, WorldUse::test), 3U);
    EXPECT_GE(how_many(WorldLevel::family_sign, WorldUse::training), 8U);
    EXPECT_GE(how_many(WorldLevel::family_sign, WorldUse::validation), 2U);
    EXPECT_GE(how_many(WorldLevel::family_sign, WorldUse::test), 4U);
}

TEST(World, HasNamesThatDifferAndLabelsThatTellThingsFromSigns) {
    std::set<std::string_view> names;
    for (const WorldClass& what : world_classes()) {
        EXPECT_TRUE(names.insert(what.name).second) << what.name;
        EXPECT_EQ(what.gate_label.ends_with("_sign"), what.level != WorldLevel::thing) << what.name;
    }
}

TEST(World, KeepsThePlacesOfItsClassesBecauseTheyNumberThePictures) {
    EXPECT_EQ(world_classes()[0].name, "apple");
    EXPECT_EQ(world_classes()[20].name, "snowman");
    EXPECT_EQ(world_classes()[33].name, "town");
    EXPECT_EQ(world_classes()[49].name, "no_stopping");
}

TEST(World, DrawsEveryClassAtAnySizeAndEachOtherwise) {
    for (const WorldView view : {WorldView{32, 32}, WorldView{160, 120}, WorldView{40, 130}}) {
        std::map<std::string, std::string_view> seen;
        for (const WorldClass& what : world_classes()) {
            const image::Picture picture = draw_world(what, seed, 5, view);
            ASSERT_EQ(picture.width, view.width);
            ASSERT_EQ(picture.height, view.height);
            ASSERT_EQ(picture.rgb.size(), std::size_t(view.width) * std::size_t(view.height) * 3);
            const auto [like, first] = seen.emplace(std::string(picture.rgb.begin(), picture.rgb.end()), what.name);
            EXPECT_TRUE(first) << what.name << " looks like " << like->second;
        }
    }
}

TEST(World, DrawsEachPictureAloneInAnyOrderOnAnyThread) {
    const auto classes = world_classes();
    std::vector<image::Picture> in_order;
    for (std::size_t i = 0; i < classes.size(); ++i)
        in_order.push_back(draw_world(classes[i], seed, std::uint32_t(i), small));
    std::vector<image::Picture> backwards(classes.size());
    {
        std::vector<std::jthread> threads;
        for (std::size_t first = 0; first < 4; ++first) {
            threads.emplace_back([&, first] {
                for (std::size_t i = first; i < classes.size(); i += 4) {
                    const std::size_t other = classes.size() - 1 - i;
                    backwards[other] = draw_world(classes[other], seed, std::uint32_t(other), small);
                }
            });
        }
    }
    EXPECT_TRUE(in_order == backwards);
}

TEST(World, IsAnotherWithAnotherSeedAndAnotherNumber) {
    const WorldClass& what = class_called("limit_30");
    const auto picture = draw_world(what, seed, 1, small);
    EXPECT_GT(difference(picture, draw_world(what, seed + 1, 1, small)), 0.5);
    EXPECT_GT(difference(picture, draw_world(what, seed + (std::uint64_t{1} << 32), 1, small)), 0.5);
    EXPECT_GT(difference(picture, draw_world(what, seed, 2, small)), 0.5);
}

// What makes sure that trained networks go with the pictures that users draw. All coordinates are rounded to 1/64 pixel and
// OpenCV's steps here (filling polygons, the mean over 4 x 4 samples, Gaussian blur of bytes) are made of integers, so that the
// hash is the same with any compiler, processor and thread. Another OpenCV may round otherwise: then look at a contact
// sheet, and take over the new hash if nothing is to be seen.
TEST(World, LooksAsItDidWhenTheDemosNetworksWereTrained) {
    std::vector<std::uint8_t> all;
    for (std::uint32_t i = 0; i < 120; ++i) {
        const WorldClass& what = world_classes()[i % world_classes().size()];
        const auto picture = draw_world(what, 1, i, i < 100 ? small : WorldView());
        all.insert(all.end(), picture.rgb.begin(), picture.rgb.end());
    }
    EXPECT_EQ(sha256_hex(all), "ab6760148e8b78b4d2e309454e0670642e1b0b64eeed6f09d98cf6e57ec8cb57");
}

// The scene is drawn from numbers that know nothing of the class: with one seed and number all classes stand before the same
// background in the same light. So backgrounds are equally distributed, and nobody learns a class by them.
TEST(World, HasTheSameBackgroundsForAllClasses) {
    for (std::uint32_t number = 0; number < 12; ++number) {
        const auto reference = draw_world(world_classes()[0], seed, number, small);
        for (const WorldClass& what : world_classes()) {
            const auto picture = draw_world(what, seed, number, small);
            std::size_t same = 0;
            for (int y = 0; y < small.height; ++y) { // the outermost columns
                const std::size_t row = std::size_t(y) * std::size_t(small.width) * 3;
                const std::size_t last = row + std::size_t(small.width - 1) * 3;
                same += std::equal(&picture.rgb[row], &picture.rgb[row + 3], &reference.rgb[row]);
                same += std::equal(&picture.rgb[last], &picture.rgb[last + 3], &reference.rgb[last]);
            }
            EXPECT_GT(double(same) / (2 * small.height), 0.75) << what.name << " number " << number;
            EXPECT_LT(difference(picture, reference), 0.7) << what.name << " number " << number;
        }
    }
}

TEST(World, RefusesSizesThatNobodyCanSeeAndClassesThatItDoesNotHave) {
    const WorldClass& what = class_called("stop");
    EXPECT_THAT(error_of([&] { draw_world(what, 1, 1, {31, 64}); }), HasSubstr("expected sides of 32 to 4096"));
    EXPECT_THAT(error_of([&] { draw_world(what, 1, 1, {64, 4097}); }), HasSubstr("64x4097"));
    const WorldClass stranger{"unicorn", "unicorn", WorldLevel::thing, WorldUse::training};
    EXPECT_THAT(error_of([&] { draw_world(stranger, 1, 1); }), HasSubstr("unicorn: no class of the drawn world"));
}

} // namespace
} // namespace openset::draw
