#include "openset/flow/training_feed.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "openset/base/error.hpp"
#include "openset/image/encode.hpp"
#include "temporary_folder.hpp"

namespace openset::flow {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

constexpr int side = 8;

/// Pictures that can be told by their red: of picture n it is n.
class TrainingFeedTest : public ::testing::Test {
protected:
    LabelledPicture picture(int number, std::int64_t label) {
        image::Picture pixels{12, 10, {}};
        for (int i = 0; i < 12 * 10; ++i) {
            for (const int sample : {number, 7 * (i % 12), 11 * (i / 12)})
                pixels.rgb.push_back(static_cast<std::uint8_t>(sample));
        }
        const auto path = folder_ / (std::to_string(number) + ".png");
        const auto bytes = image::encode_png(pixels);
        write_text(path, {bytes.begin(), bytes.end()});
        return {path.string(), label};
    }

    /// Labels go round.
    std::vector<LabelledPicture> pictures(int count, int labels = 2) {
        std::vector<LabelledPicture> list;
        for (int i = 0; i < count; ++i) list.push_back(picture(i, i % labels));
        return list;
    }

    LabelledPicture damaged(const std::string& name) {
        write_text(folder_ / name, "GIF89a and no more");
        return {(folder_ / name).string(), 0};
    }

    static TrainingFeedOptions plain() {
        TrainingFeedOptions options;
        options.preprocess.resize = {image::ResizeMode::squash, 0, {side, side}};
        options.preprocess.mean = {0, 0, 0};
        options.preprocess.std = {1 / 255.F, 1 / 255.F, 1 / 255.F};
        options.batch = 4;
        return options;
    }

    static TrainingFeedOptions shuffled(Order order = Order::shuffled) {
        TrainingFeedOptions options = plain();
        options.order = order;
        options.seed = 5;
        return options;
    }

    static TrainingFeedOptions augmented() {
        TrainingFeedOptions options = shuffled();
        options.augmentation.crop = draw::RandomResizedCrop{};
        options.augmentation.flip = 0.5;
        options.augmentation.rotation = draw::either_way(10);
        return options;
    }

    static std::vector<TrainingBatch> epoch(TrainingFeed& feed, std::uint32_t number = 0) {
        feed.start(number);
        std::vector<TrainingBatch> batches;
        while (auto batch = feed.next()) batches.push_back(std::move(*batch));
        return batches;
    }

    static std::vector<std::size_t> sizes(const std::vector<TrainingBatch>& batches) {
        std::vector<std::size_t> result;
        for (const auto& batch : batches) result.push_back(batch.labels.size());
        return result;
    }

    /// The numbers of the pictures, where nothing changes their red.
    static std::vector<int> numbers(const std::vector<TrainingBatch>& batches) {
        std::vector<int> result;
        for (const auto& batch : batches) {
            const std::size_t values = batch.pictures.data.size() / batch.labels.size();
            for (std::size_t i = 0; i < batch.labels.size(); ++i)
                result.push_back(static_cast<int>(std::lround(batch.pictures.data[i * values])));
        }
        return result;
    }

    static std::vector<std::int64_t> labels(const std::vector<TrainingBatch>& batches) {
        std::vector<std::int64_t> result;
        for (const auto& batch : batches) result.insert(result.end(), batch.labels.begin(), batch.labels.end());
        return result;
    }

    static std::vector<float> values(const std::vector<TrainingBatch>& batches) {
        std::vector<float> result;
        for (const auto& batch : batches)
            result.insert(result.end(), batch.pictures.data.begin(), batch.pictures.data.end());
        return result;
    }

    static std::vector<int> up_to(int end) {
        std::vector<int> result(static_cast<std::size_t>(end));
        std::iota(result.begin(), result.end(), 0);
        return result;
    }

    TemporaryFolder folder_;
};

// ---- what an epoch has

TEST_F(TrainingFeedTest, AnEpochHasEveryPictureOnceInTheGivenOrderWithItsLabel) {
    TrainingFeed feed(pictures(10, 3), plain());
    const auto batches = epoch(feed);
    EXPECT_EQ(numbers(batches), up_to(10));
    EXPECT_THAT(labels(batches), ElementsAre(0, 1, 2, 0, 1, 2, 0, 1, 2, 0));
    EXPECT_EQ(feed.pictures_per_epoch(), 10);
    EXPECT_EQ(feed.batches_per_epoch(), 3);
}

TEST_F(TrainingFeedTest, BatchesAreAsEqualAsCanBe) {
    TrainingFeed feed(pictures(10), plain());
    EXPECT_THAT(sizes(epoch(feed)), ElementsAre(3, 3, 4));
}

TEST_F(TrainingFeedTest, PicturesAreWhatPreprocessingMakesOfThem) {
    const auto list = pictures(1);
    TrainingFeedOptions options = plain();
    options.preprocess = {};
    options.preprocess.resize = {image::ResizeMode::shorter_side, 9, {}};
    options.preprocess.crop = {image::Size{6, 7}};
    TrainingFeed feed(list, options);
    EXPECT_EQ(feed.picture_size(), (image::Size{6, 7}));
    const auto batches = epoch(feed);
    ASSERT_THAT(batches, SizeIs(1));
    EXPECT_EQ(batches[0].pictures.count, 1);
    EXPECT_EQ(batches[0].pictures.height, 6);
    EXPECT_EQ(batches[0].pictures.width, 7);

    const std::string file = text_of(list[0].path);
    const auto decoded = image::decode({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
    std::vector<float> expected(3 * 6 * 7);
    image::normalise(image::resize_crop(decoded.picture, options.preprocess), options.preprocess, expected);
    EXPECT_EQ(batches[0].pictures.data, expected);
}

TEST_F(TrainingFeedTest, AShuffledEpochHasEveryPictureOnceInAnotherOrderEachTime) {
    TrainingFeed feed(pictures(20), shuffled());
    std::set<std::vector<int>> orders;
    for (std::uint32_t number = 0; number < 4; ++number) {
        auto order = numbers(epoch(feed, number));
        orders.insert(order);
        std::ranges::sort(order);
        EXPECT_EQ(order, up_to(20));
    }
    EXPECT_THAT(orders, SizeIs(4));
}

TEST_F(TrainingFeedTest, InABalancedEpochEveryClassIsAsFrequentAndItsPicturesTakeTurns) {
    std::vector<LabelledPicture> list;
    for (int i = 0; i < 11; ++i) list.push_back(picture(i, i < 7 ? 0 : i < 10 ? 1 : 2)); // 7, 3 and 1
    TrainingFeed feed(list, shuffled(Order::balanced));
    EXPECT_EQ(feed.pictures_per_epoch(), 21);
    std::set<std::vector<int>> orders;
    for (std::uint32_t number = 0; number < 3; ++number) {
        const auto order = numbers(epoch(feed, number));
        std::map<int, int> times;
        for (const int picture : order) ++times[picture];
        for (int i = 0; i < 7; ++i) EXPECT_EQ(times[i], 1);
        for (int i = 7; i < 10; ++i) EXPECT_THAT(times[i], ::testing::AnyOf(2, 3));
        EXPECT_EQ(times[7] + times[8] + times[9], 7);
        EXPECT_EQ(times[10], 7);
        orders.insert(order);
    }
    EXPECT_THAT(orders, SizeIs(3));
}

// ---- the same bytes

TEST_F(TrainingFeedTest, TheNumberOfJobsChangesNoByte) {
    const auto list = pictures(30);
    TrainingFeedOptions one_job = augmented(), four_jobs = augmented();
    four_jobs.jobs = 4;
    four_jobs.batches_ahead = 5;
    TrainingFeed one(list, one_job), four(list, four_jobs);
    for (std::uint32_t number = 0; number < 3; ++number) {
        const auto from_one = epoch(one, number), from_four = epoch(four, number);
        EXPECT_EQ(labels(from_one), labels(from_four));
        EXPECT_EQ(values(from_one), values(from_four));
    }
}

TEST_F(TrainingFeedTest, AnEpochIsTheSameWhateverCameBefore) {
    const auto list = pictures(10);
    TrainingFeed whole(list, augmented()), resumed(list, augmented());
    for (std::uint32_t number = 0; number < 7; ++number) epoch(whole, number);
    resumed.start(3);
    resumed.next(); // and the rest of it is dropped
    EXPECT_EQ(values(epoch(whole, 7)), values(epoch(resumed, 7)));
}

TEST_F(TrainingFeedTest, PicturesKeptInMemoryAreThoseThatWouldBeDecodedAgain) {
    const auto list = pictures(10);
    for (TrainingFeedOptions options : {shuffled(), augmented()}) {
        TrainingFeedOptions nothing_kept = options, some_kept = options;
        nothing_kept.keep_memory = 0;
        some_kept.keep_memory = 3 * 12 * 10 * 4;
        TrainingFeed all(list, options), none(list, nothing_kept), some(list, some_kept);
        for (std::uint32_t number = 0; number < 3; ++number) {
            const auto expected = values(epoch(none, number));
            EXPECT_EQ(values(epoch(all, number)), expected);
            EXPECT_EQ(values(epoch(some, number)), expected);
        }
    }
}

TEST_F(TrainingFeedTest, KeptPicturesAreNotReadAgain) {
    const auto list = pictures(6);
    TrainingFeed feed(list, plain());
    const auto first = values(epoch(feed, 0));
    for (const auto& one : list) std::filesystem::remove(one.path);
    EXPECT_EQ(values(epoch(feed, 1)), first);
    EXPECT_THAT(feed.failed(), IsEmpty());
}

// ---- changes

TEST_F(TrainingFeedTest, APictureIsChangedAnewInEachEpoch) {
    TrainingFeedOptions options = augmented();
    options.order = Order::given;
    TrainingFeed feed(pictures(1), options);
    std::set<std::vector<float>> seen;
    for (std::uint32_t number = 0; number < 5; ++number) seen.insert(values(epoch(feed, number)));
    EXPECT_THAT(seen, SizeIs(5));
}

TEST_F(TrainingFeedTest, EqualPicturesAreChangedInWaysOfTheirOwn) {
    TrainingFeedOptions options = augmented();
    options.batch = 1;
    const auto one = picture(3, 0);
    TrainingFeed feed({one, one}, options);
    const auto batches = epoch(feed);
    EXPECT_NE(batches[0].pictures.data, batches[1].pictures.data);
}

TEST_F(TrainingFeedTest, ARandomCropLeadsToTheSizeOfThePreprocessing) {
    TrainingFeedOptions options = augmented();
    options.preprocess.resize = {image::ResizeMode::shorter_side, 256, {}};
    options.preprocess.crop = {image::Size{5, 9}};
    TrainingFeed feed(pictures(2), options);
    const auto batches = epoch(feed);
    EXPECT_EQ(batches[0].pictures.height, 5);
    EXPECT_EQ(batches[0].pictures.width, 9);
}

// ---- what fails

TEST_F(TrainingFeedTest, APictureThatCannotBeDecodedIsMissingAndToldByName) {
    auto list = pictures(4);
    list.insert(list.begin() + 1, damaged("broken.gif"));
    list.push_back({(folder_ / "gone.png").string(), 1});
    TrainingFeedOptions options = plain();
    options.batch = 3;
    TrainingFeed feed(list, options);
    for (std::uint32_t number = 0; number < 2; ++number) {
        const auto batches = epoch(feed, number);
        EXPECT_EQ(numbers(batches), up_to(4));
        EXPECT_THAT(labels(batches), ElementsAre(0, 1, 0, 1));
        EXPECT_THAT(sizes(batches), ElementsAre(2, 2));
    }
    const auto failed = feed.failed();
    ASSERT_THAT(failed, SizeIs(2));
    EXPECT_EQ(failed[0].path, list[1].path);
    EXPECT_EQ(failed[0].failure.kind, "truncated");
    EXPECT_EQ(failed[1].failure.kind, "not-found");
}

TEST_F(TrainingFeedTest, ABatchOfWhichNothingIsLeftIsPassedOver) {
    auto list = pictures(4);
    list.insert(list.begin(), damaged("broken.gif"));
    TrainingFeedOptions options = plain();
    options.batch = 1;
    TrainingFeed feed(list, options);
    EXPECT_EQ(numbers(epoch(feed)), up_to(4));
}

TEST_F(TrainingFeedTest, AnEpochInWhichEveryPictureFailsIsAnError) {
    TrainingFeed feed({damaged("a.gif"), damaged("b.gif")}, plain());
    feed.start(0);
    try {
        feed.next();
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
        EXPECT_THAT(error.what(), HasSubstr("none of the 2 pictures to learn from could be decoded; the first"));
        EXPECT_THAT(error.what(), HasSubstr("a.gif: "));
    }
}

TEST_F(TrainingFeedTest, APictureThatNeedsMoreMemoryThanThereIsFails) {
    TrainingFeedOptions options = plain();
    options.decode_memory = 500;
    TrainingFeed feed(pictures(1), options);
    feed.start(0);
    EXPECT_THROW(feed.next(), Error);
    ASSERT_THAT(feed.failed(), SizeIs(1));
    EXPECT_EQ(feed.failed()[0].failure.kind, "too-large");
}

TEST_F(TrainingFeedTest, WhatCannotBeAFeedIsRefused) {
    const auto list = pictures(2);
    const auto message_of = [&](const std::vector<LabelledPicture>& what,
                                const std::function<void(TrainingFeedOptions&)>& change) -> std::string {
        TrainingFeedOptions options = plain();
        change(options);
        try {
            const TrainingFeed feed(what, options);
            return "accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::usage);
            return error.what();
        }
    };
    EXPECT_EQ(message_of(list, [](auto&) {}), "accepted");
    EXPECT_THAT(message_of({}, [](auto&) {}), HasSubstr("found 0 pictures to learn from"));
    EXPECT_THAT(message_of({{"x.png", -1}}, [](auto&) {}), HasSubstr("x.png has the label -1"));
    EXPECT_THAT(message_of(list,
                           [](auto& o) {
                               o.preprocess.resize = {image::ResizeMode::shorter_side, 9, {}};
                           }),
                HasSubstr("resize shorter-side and no crop"));
    EXPECT_THAT(message_of(list, [](auto& o) { o.batch = 0; }), HasSubstr("the batch of a training feed is 0"));
    EXPECT_THAT(message_of(list, [](auto& o) { o.jobs = 0; }), HasSubstr("the number of jobs"));
    EXPECT_THAT(message_of(list, [](auto& o) { o.augmentation.flip = 2; }), HasSubstr("chance of a flip"));
}

// ---- its threads

TEST_F(TrainingFeedTest, NoMoreBatchesAreMadeAheadThanWasAsked) {
    const auto list = pictures(40);
    TrainingFeedOptions options = plain();
    options.jobs = 3;
    options.batch = 2;
    options.batches_ahead = 2;
    TrainingFeed feed(list, options);
    feed.start(0);
    feed.next();
    // Three batches at most are begun now: of the others, the files are still wanted.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (std::size_t i = 2 * 3; i < list.size(); ++i) std::filesystem::remove(list[i].path);
    while (feed.next()) {
    }
    EXPECT_THAT(feed.failed(), SizeIs(34));
}

TEST_F(TrainingFeedTest, AFeedMayBeGivenUpAtAnyTime) {
    const auto list = pictures(12);
    for (int taken = 0; taken < 4; ++taken) {
        TrainingFeedOptions options = augmented();
        options.jobs = 3;
        TrainingFeed feed(list, options);
        if (taken == 0) continue;
        feed.start(0);
        for (int i = 1; i < taken; ++i) EXPECT_TRUE(feed.next());
        feed.start(1);
        feed.start(2);
        for (int i = 1; i < taken; ++i) EXPECT_TRUE(feed.next());
    }
}

TEST_F(TrainingFeedTest, AStopEndsTheEpochForWhoeverWaits) {
    Cancellation cancellation;
    TrainingFeedOptions options = augmented();
    options.jobs = 2;
    options.cancellation = &cancellation;
    TrainingFeed feed(pictures(12), options);
    feed.start(0);
    EXPECT_TRUE(feed.next());
    std::jthread stops([&] { cancellation.request(); });
    int more = 0;
    while (feed.next()) ++more;
    EXPECT_THAT(more, Le(2));
    stops.join();
    feed.start(1);
    EXPECT_FALSE(feed.next());
}

} // namespace
} // namespace openset::flow
