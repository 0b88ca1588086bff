#include "augment/plan.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace openset::augment {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<Source> class_of(const std::string& label, int many) {
    std::vector<Source> sources;
    for (int i = 0; i < many; ++i) sources.push_back({"train/" + label + "/" + std::to_string(i) + ".png", label});
    return sources;
}

std::vector<Source> together(std::vector<Source> some, const std::vector<Source>& others) {
    some.insert(some.end(), others.begin(), others.end());
    return some;
}

std::map<std::string, std::size_t> class_sizes(const std::vector<PlannedPicture>& pictures) {
    std::map<std::string, std::size_t> sizes;
    for (const PlannedPicture& picture : pictures)
        sizes[picture.source.label] += picture.copies.size() + (picture.original.empty() ? 0 : 1);
    return sizes;
}

PlanOptions balanced(int copies = 0) {
    PlanOptions options;
    options.copies = copies;
    options.balance = true;
    return options;
}

TEST(AugmentPlan, APictureKeepsItsNameInItsClassAndItsCopiesAreNumbered) {
    const auto pictures = plan({{"train/cat/far/below/One.JPEG", "cat"}}, {.copies = 2});
    ASSERT_THAT(pictures, SizeIs(1));
    EXPECT_EQ(pictures[0].original, "cat/One.JPEG");
    EXPECT_THAT(pictures[0].copies, ElementsAre("cat/One-1.jpg", "cat/One-2.jpg"));
}

TEST(AugmentPlan, WithoutOriginalsThereAreTheSameCopies) {
    const auto with = plan(class_of("cat", 3), {}), without = plan(class_of("cat", 3), {.originals = false});
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_THAT(without[i].original, IsEmpty());
        EXPECT_EQ(without[i].copies, with[i].copies);
        EXPECT_EQ(without[i].key, with[i].key);
    }
}

TEST(AugmentPlan, NamesThatWouldBeTheSameAreToldApart) {
    const auto pictures =
        plan({{"a/cat/1.jpg", "cat"}, {"b/cat/1.jpg", "cat"}, {"a/cat/1.png", "cat"}, {"a/cat/1-1.jpg", "cat"}},
             {.copies = 1});
    std::set<std::string> names;
    for (const auto& picture : pictures) {
        names.insert(picture.original);
        names.insert(picture.copies.begin(), picture.copies.end());
    }
    EXPECT_THAT(names, ElementsAre("cat/1-1-1.jpg", "cat/1-1.jpg", "cat/1-1_2.jpg", "cat/1-1_3.jpg", "cat/1.jpg",
                                   "cat/1.png", "cat/1_2-1.jpg", "cat/1_2.jpg"));
}

TEST(AugmentPlan, AFileWithoutAnEndingHasCopiesToo) {
    EXPECT_THAT(plan({{"cat/photo", "cat"}}, {.copies = 1})[0].copies, ElementsAre("cat/photo-1.jpg"));
}

TEST(AugmentPlan, TheOrderOfTheSourcesDoesNotMatter) {
    auto sources = together(class_of("cat", 5), class_of("dog", 2));
    const auto planned = plan(sources, balanced());
    std::ranges::reverse(sources);
    const auto again = plan(sources, balanced());
    for (std::size_t i = 0; i < planned.size(); ++i) {
        EXPECT_EQ(planned[i].original, again[i].original);
        EXPECT_EQ(planned[i].copies, again[i].copies);
        EXPECT_EQ(planned[i].key, again[i].key);
    }
}

TEST(AugmentPlan, AKeyFollowsFromSeedClassAndNameAlone) {
    const auto key = [](const char* path, const char* label, std::uint64_t seed) {
        return plan({{path, label}}, {.seed = seed})[0].key;
    };
    EXPECT_EQ(key("here/cat/1.jpg", "cat", 0), key("/there/cat/1.jpg", "cat", 0));
    EXPECT_NE(key("cat/1.jpg", "cat", 0), key("cat/1.jpg", "cat", 1));
    EXPECT_NE(key("cat/1.jpg", "cat", 0), key("cat/2.jpg", "cat", 0));
    EXPECT_NE(key("cat/1.jpg", "cat", 0), key("dog/1.jpg", "dog", 0));
}

TEST(AugmentPlan, BalancedClassesAreAsLargeAsTheLargest) {
    const auto sources = together(together(class_of("cat", 7), class_of("dog", 3)), class_of("eel", 1));
    EXPECT_THAT(class_sizes(plan(sources, balanced())),
                ElementsAre(std::pair("cat", 7), std::pair("dog", 7), std::pair("eel", 7)));
    EXPECT_THAT(class_sizes(plan(sources, balanced(2))),
                ElementsAre(std::pair("cat", 21), std::pair("dog", 21), std::pair("eel", 21)));
    PlanOptions copies_alone = balanced(1);
    copies_alone.originals = false;
    EXPECT_THAT(class_sizes(plan(sources, copies_alone)),
                ElementsAre(std::pair("cat", 7), std::pair("dog", 7), std::pair("eel", 7)));
}

TEST(AugmentPlan, WithinAClassNoPictureHasTwoCopiesMoreThanAnother) {
    const auto pictures = plan(together(class_of("cat", 17), class_of("dog", 5)), balanced());
    std::vector<std::size_t> copies;
    for (const auto& picture : pictures)
        if (picture.source.label == "dog") copies.push_back(picture.copies.size());
    std::ranges::sort(copies);
    EXPECT_THAT(copies, ElementsAre(2, 2, 2, 3, 3));
}

TEST(AugmentPlan, ClassesOfOneSizeNeedNoBalance) {
    for (const auto& picture : plan(together(class_of("cat", 4), class_of("dog", 4)), balanced()))
        EXPECT_THAT(picture.copies, IsEmpty());
}

} // namespace
} // namespace openset::augment
