#include "openset/flow/runner.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include "openset/base/error.hpp"
#include "openset/io/row_writer.hpp"
#include "temporary_folder.hpp"
#include "unit/made_images.hpp"

namespace openset::flow {
namespace {

using ::testing::Each;
using ::testing::Le;

using cascade::Stage;

/// Logits are the brightness (0..1) of the first pixel's three channels, times a factor: the picture says the verdict.
class FakeNetwork : public model::Network {
public:
    explicit FakeNetwork(float factor = 10) : factor_(factor) {
        info_.preprocess.mean = {0, 0, 0};
        info_.preprocess.std = {1, 1, 1};
    }

    const model::ModelInfo& info() const override { return info_; }
    const model::Head* head() const override { return nullptr; }

    model::Outputs run(const model::Batch& batch) override {
        {
            const std::scoped_lock lock(mutex_);
            batches.push_back(batch.count);
            sizes.insert({batch.height, batch.width});
        }
        if (batch.count > most_that_fits) throw Error(ErrorKind::out_of_memory, "no room");
        model::Outputs outputs;
        outputs.logits = {batch.count, 3, {}};
        const std::size_t plane = static_cast<std::size_t>(batch.height) * static_cast<std::size_t>(batch.width);
        for (std::size_t i = 0; i < static_cast<std::size_t>(batch.count); ++i) {
            const float* picture = &batch.data[i * 3 * plane];
            if (picture[0] == refused_red) throw Error(ErrorKind::model, "cannot look at this");
            for (std::size_t c = 0; c < 3; ++c) {
                outputs.logits.values.push_back(picture[0] == nan_red ? std::numeric_limits<float>::quiet_NaN()
                                                                      : factor_ * picture[c * plane]);
            }
        }
        return outputs;
    }

    int most_that_fits = 1000;
    float refused_red = -1, nan_red = -1;
    std::vector<int> batches;
    std::set<std::pair<int, int>> sizes;

private:
    model::ModelInfo info_;
    float factor_;
    std::mutex mutex_;
};

class ListedInputs : public InputSource {
public:
    explicit ListedInputs(std::vector<Input> inputs) : inputs_(std::move(inputs)) {}
    std::optional<Input> next() override {
        if (index_ == inputs_.size()) return std::nullopt;
        ++handed_out;
        return inputs_[index_++];
    }
    std::size_t handed_out = 0;

private:
    std::vector<Input> inputs_;
    std::size_t index_ = 0;
};

/// A picture of one colour.
Input picture(const std::string& name, std::uint8_t red, std::uint8_t green, std::uint8_t blue, int width = 2,
              int height = 2) {
    made::Bytes line;
    for (int i = 0; i < width; ++i) made::append(line, made::Bytes{red, green, blue});
    const std::vector<made::Bytes> lines(static_cast<std::size_t>(height), line);
    const auto header = made::png_header(static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height));
    return {name, made::png_of_chunks({header, made::png_data(lines), {"IEND", {}}}), std::nullopt};
}

cascade::StageLabels labels() { return {{"red", "green", "blue"}, model::Activation::softmax}; }

/// Gate: red or green must be likeliest; species: green must be likeliest; the classifier takes all.
cascade::Pipeline pipeline() {
    cascade::Pipeline result;
    result.gate = cascade::Gate{labels(), {0, 1}, cascade::GateRule::top_k, 1, 0.5};
    result.species = cascade::Species{labels(), {1}, std::nullopt};
    result.classifier = {labels(), {0, 0, 0}, true};
    return result;
}

const Input red = picture("red", 255, 0, 0), green = picture("green", 0, 255, 0), blue = picture("blue", 0, 0, 255);

class RunnerTest : public ::testing::Test {
protected:
    std::vector<io::Row> run(std::vector<Input> list, const cascade::Pipeline& which = pipeline()) {
        inputs = std::make_unique<ListedInputs>(std::move(list));
        std::vector<StageNetwork> networks;
        for (const Stage stage : cascade::stages(which)) {
            FakeNetwork& network = stage == Stage::gate ? gate : stage == Stage::species ? species : classifier;
            networks.push_back({stage, &network, network.info().preprocess});
        }
        std::vector<io::Row> rows;
        flow::run(
            which, networks, *inputs,
            [&](const Delivery& delivery) {
                rows.push_back(delivery.row);
                activations.emplace_back(delivery.activations.logits.row(0).begin(),
                                         delivery.activations.logits.row(0).end());
                return !stop_after || rows.size() < *stop_after;
            },
            options, cancellation);
        return rows;
    }

    std::vector<std::vector<float>> activations; ///< logits by row, empty where there are none
    FakeNetwork gate, species, classifier;
    RunnerOptions options;
    Cancellation cancellation;
    std::optional<std::size_t> stop_after;
    std::unique_ptr<ListedInputs> inputs;
};

std::string text_of(const std::vector<io::Row>& rows) {
    std::string text;
    for (const io::Row& row : rows) text += io::to_json_line(row) + "\n";
    return text;
}

TEST_F(RunnerTest, OnlyWhatAStageLetsPassGoesOn) {
    const auto rows = run({blue, red, green});
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[0].verdict.decided_by, Stage::gate);
    EXPECT_EQ(rows[1].verdict.decided_by, Stage::species);
    EXPECT_EQ(rows[2].verdict.label, "green");
    EXPECT_FALSE(rows[0].species || rows[0].classifier || rows[1].classifier);
    EXPECT_EQ(std::accumulate(species.batches.begin(), species.batches.end(), 0), 2);
    EXPECT_EQ(std::accumulate(classifier.batches.begin(), classifier.batches.end(), 0), 1);
}

TEST_F(RunnerTest, AGateThatFailsKeepsTheLaterNetworksFromRunning) {
    run({blue, blue, blue});
    EXPECT_TRUE(species.batches.empty());
    EXPECT_TRUE(classifier.batches.empty());
}

TEST_F(RunnerTest, AllStagesRunsThemAllAndKeepsTheVerdict) {
    options.all_stages = true;
    const auto rows = run({blue, red, green});
    EXPECT_EQ(rows[0].verdict.decided_by, Stage::gate);
    EXPECT_EQ(rows[0].verdict.outcome, io::Outcome::unknown);
    for (const io::Row& row : rows) EXPECT_TRUE(row.gate && row.species && row.classifier) << row.path;
}

TEST_F(RunnerTest, EveryInputHasItsRowInInputOrderWhateverTheThreadsAndBatches) {
    std::vector<Input> list;
    for (int i = 0; i < 500; ++i) {
        const auto shade = static_cast<std::uint8_t>(i % 256);
        list.push_back(picture("p" + std::to_string(i), shade, static_cast<std::uint8_t>((i * 7) % 256),
                               static_cast<std::uint8_t>((i * 13) % 256), 1 + i % 3, 2));
        if (i % 50 == 7) list.push_back({"broken" + std::to_string(i), made::Bytes{0xFF, 0xD8, 0xFF}, std::nullopt});
        if (i % 60 == 9) list.push_back({"missing" + std::to_string(i), std::nullopt, std::nullopt});
    }
    const std::string expected = text_of(run(list));
    for (const int batch : {1, 5, 64}) {
        for (const int threads : {1, 3}) {
            for (const int jobs : {1, 4}) {
                options.batch = batch;
                options.threads = threads;
                options.jobs = jobs;
                EXPECT_EQ(text_of(run(list)), expected) << batch << " " << threads << " " << jobs;
            }
        }
    }
}

TEST_F(RunnerTest, PicturesOfDifferentSizesNeverShareABatch) {
    options.batch = 64;
    const auto rows =
        run({picture("a", 0, 255, 0, 2, 2), picture("b", 0, 255, 0, 3, 2), picture("c", 0, 255, 0, 2, 2)});
    EXPECT_EQ(rows.size(), 3U);
    EXPECT_EQ(gate.sizes, (std::set<std::pair<int, int>>{{2, 2}, {2, 3}}));
}

TEST_F(RunnerTest, AFileThatIsNotThereOrNoPictureIsAFailedRow) {
    const auto rows = run(
        {{"/no/such/file.jpg", std::nullopt, std::nullopt}, {"text", made::to_bytes("hello"), std::nullopt}, green});
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[0].failure->kind, "not-found");
    EXPECT_EQ(rows[1].failure->kind, "not-an-image");
    EXPECT_EQ(rows[1].verdict.outcome, io::Outcome::failed);
    EXPECT_FALSE(rows[1].verdict.decided_by);
    EXPECT_EQ(rows[2].verdict.label, "green");
}

TEST_F(RunnerTest, NanFromANetworkFailsThatPictureAtThatStageOnly) {
    species.nan_red = 1.0F; // red, full
    const auto rows = run({green, red, green});
    EXPECT_EQ(rows[1].verdict.outcome, io::Outcome::failed);
    EXPECT_EQ(rows[1].verdict.decided_by, Stage::species);
    EXPECT_EQ(rows[1].failure->kind, "model");
    EXPECT_EQ(rows[0].verdict.label, "green");
    EXPECT_EQ(rows[2].verdict.label, "green");
}

TEST_F(RunnerTest, ANetworkThatRefusesABatchIsAskedPictureByPicture) {
    gate.refused_red = 1.0F;
    options.batch = 8;
    const auto rows = run({green, red, green});
    EXPECT_EQ(rows[0].verdict.label, "green");
    EXPECT_EQ(rows[1].failure->kind, "model");
    EXPECT_EQ(rows[1].failure->message, "cannot look at this");
    EXPECT_EQ(rows[2].verdict.label, "green");
}

TEST_F(RunnerTest, ANetworkOutOfMemoryIsGivenHalfTheBatchAndGoesOn) {
    gate.most_that_fits = 3;
    options.batch = 16;
    options.jobs = 4;
    const auto rows = run(std::vector<Input>(100, green));
    ASSERT_EQ(rows.size(), 100U);
    for (const io::Row& row : rows) EXPECT_EQ(row.verdict.label, "green");
    // Once it is known what fits, no larger batch is tried again.
    const std::vector<int> last(gate.batches.end() - 5, gate.batches.end());
    EXPECT_THAT(last, Each(Le(3)));
}

TEST_F(RunnerTest, APictureThatDoesNotFitAloneIsAFailedRow) {
    gate.most_that_fits = 0;
    const auto rows = run({green});
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].failure->kind, "model");
}

TEST_F(RunnerTest, APictureThatNoNetworkHasBegunWithInItsTimeIsNotRunAndTheOthersAre) {
    std::vector<Input> inputs_of_which_some_are_late;
    for (int i = 0; i < 40; ++i) {
        Input input = green;
        const auto now = std::chrono::steady_clock::now();
        if (i % 4 == 1) input.latest_start = now - std::chrono::seconds(1);
        if (i % 4 == 2) input.latest_start = now + std::chrono::hours(1);
        inputs_of_which_some_are_late.push_back(input);
    }
    for (const bool any_order : {false, true}) {
        options.any_order = any_order;
        gate.batches.clear();
        const auto rows = run(inputs_of_which_some_are_late);
        ASSERT_EQ(rows.size(), 40U);
        EXPECT_EQ(
            std::ranges::count_if(rows, [](const io::Row& row) { return row.failure && row.failure->kind == "late"; }),
            10);
        EXPECT_EQ(std::ranges::count_if(rows, [](const io::Row& row) { return row.verdict.label == "green"; }), 30);
        EXPECT_EQ(std::accumulate(gate.batches.begin(), gate.batches.end(), 0), 30);
    }
}

TEST_F(RunnerTest, WhereRowsAreTakenAsTheyComeALaterStageDoesNotWaitForItsBatchToFill) {
    // One in eight reaches the classifier: in order it waits for eight of them, else it goes before the next gate batch.
    std::vector<Input> list;
    for (int i = 0; i < 256; ++i) list.push_back(i % 8 == 0 ? green : blue);
    options.batch = 8;
    options.threads = 1;
    options.any_order = true;
    EXPECT_EQ(run(list).size(), 256U);
    EXPECT_GT(std::ssize(classifier.batches), 256 / 8 / 8);
}

TEST_F(RunnerTest, AReceiverThatSaysStopGetsNoFurtherRow) {
    stop_after = 2;
    EXPECT_EQ(run(std::vector<Input>(300, green)).size(), 2U);
    EXPECT_LT(inputs->handed_out, 300U);
}

TEST_F(RunnerTest, AnExceptionOfTheReceiverEndsTheRunAndComesBack) {
    ListedInputs list(std::vector<Input>(300, green));
    const std::vector<StageNetwork> networks = {{Stage::classifier, &classifier, classifier.info().preprocess}};
    const auto receive = [](const Delivery&) -> bool { throw Error(ErrorKind::output, "disk full"); };
    EXPECT_THROW(flow::run(cascade::closed_set(pipeline()), networks, list, receive, options, cancellation), Error);
}

TEST_F(RunnerTest, OnCancellationThePicturesThatANetworkHasBegunWithAreStillDelivered) {
    options.threads = 2;
    std::vector<io::Row> rows;
    ListedInputs list(std::vector<Input>(10'000, green));
    const std::vector<StageNetwork> networks = {{Stage::classifier, &classifier, classifier.info().preprocess}};
    flow::run(
        cascade::closed_set(pipeline()), networks, list,
        [&](const Delivery& delivery) {
            rows.push_back(delivery.row);
            if (rows.size() == 10) cancellation.request();
            return true;
        },
        options, cancellation);
    EXPECT_EQ(rows.size(),
              static_cast<std::size_t>(std::accumulate(classifier.batches.begin(), classifier.batches.end(), 0)));
    EXPECT_LE(rows.size(), 100U) << "of some 256 that were decoded";
    EXPECT_LT(list.handed_out, 1000U);
}

// ---- a run in two steps

/// Inputs that come one by one and never end; how many were taken so far can be waited for.
class EndlessInputs : public InputSource {
public:
    explicit EndlessInputs(Input each, std::size_t most = 1'000'000) : each_(std::move(each)), most_(most) {}

    std::optional<Input> next() override {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopped_ || taken_ < most_; });
        if (stopped_) return std::nullopt;
        ++taken_;
        changed_.notify_all();
        return each_;
    }

    void stop() noexcept override {
        const std::scoped_lock lock(mutex_);
        stopped_ = true;
        changed_.notify_all();
    }

    void wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return taken_ >= count; });
    }

    std::size_t taken() {
        const std::scoped_lock lock(mutex_);
        return taken_;
    }

private:
    Input each_;
    std::size_t most_, taken_ = 0;
    bool stopped_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
};

TEST_F(RunnerTest, PicturesAreReadBeforeThereAreNetworksButNotWithoutEnd) {
    options.jobs = 3;
    const std::size_t window = Runner::least_window;
    EndlessInputs endless(green);
    Runner runner({classifier.info().preprocess}, endless, options, cancellation);
    endless.wait_for(window);
    std::this_thread::sleep_for(std::chrono::milliseconds(20)); // for one too many
    EXPECT_EQ(endless.taken(), window);
    EXPECT_TRUE(classifier.batches.empty());
    std::size_t rows = 0;
    const auto receive = [&](const Delivery& delivery) {
        EXPECT_EQ(delivery.row.verdict.label, "green");
        return ++rows < 400;
    };
    runner.finish(cascade::closed_set(pipeline()), {{Stage::classifier, &classifier, classifier.info().preprocess}},
                  receive);
    EXPECT_EQ(rows, 400U);
}

TEST_F(RunnerTest, OnCancellationBeforeThereAreNetworksNoneOfThemIsAskedAndTheRunEnds) {
    EndlessInputs endless(green);
    Runner runner({classifier.info().preprocess}, endless, options, cancellation);
    endless.wait_for(Runner::least_window); // decode threads wait for room
    cancellation.request();
    runner.finish(cascade::closed_set(pipeline()), {{Stage::classifier, &classifier, classifier.info().preprocess}},
                  [](const Delivery&) {
                      ADD_FAILURE() << "a row of a picture that no network has seen";
                      return true;
                  });
    EXPECT_TRUE(classifier.batches.empty());
}

TEST_F(RunnerTest, ARunThatIsNotFinishedEndsAlsoWhileItsSourceKeepsItWaiting) {
    EndlessInputs waiting(green, 3);
    {
        const Runner runner({classifier.info().preprocess}, waiting, options, cancellation);
        waiting.wait_for(3);
    }
    EXPECT_EQ(waiting.taken(), 3U);
}

TEST_F(RunnerTest, WhatCannotBeReadBeforeThereAreNetworksHasItsRow) {
    ListedInputs list(std::vector<Input>(5, Input{"text", made::to_bytes("hello"), std::nullopt}));
    Runner runner({classifier.info().preprocess}, list, options, cancellation);
    std::vector<std::string> failures;
    runner.finish(cascade::closed_set(pipeline()), {{Stage::classifier, &classifier, classifier.info().preprocess}},
                  [&](const Delivery& delivery) {
                      failures.push_back(delivery.row.failure->kind);
                      return true;
                  });
    EXPECT_EQ(failures, std::vector<std::string>(5, "not-an-image"));
}

TEST_F(RunnerTest, AnErrorOfTheSourceBeforeThereAreNetworksComesWhenTheRunIsFinished) {
    class Broken : public InputSource {
    public:
        std::optional<Input> next() override { throw Error(ErrorKind::unreadable, "the list breaks off"); }
    } broken;
    Runner runner({classifier.info().preprocess}, broken, options, cancellation);
    EXPECT_THROW(runner.finish(cascade::closed_set(pipeline()),
                               {{Stage::classifier, &classifier, classifier.info().preprocess}},
                               [](const Delivery&) { return true; }),
                 Error);
}

TEST_F(RunnerTest, NetworksOfAnotherPreprocessingAreRefused) {
    ListedInputs list({green});
    image::PreprocessSpec other = classifier.info().preprocess;
    other.mean = {1, 1, 1};
    Runner runner({other}, list, options, cancellation);
    EXPECT_THROW(runner.finish(cascade::closed_set(pipeline()),
                               {{Stage::classifier, &classifier, classifier.info().preprocess}},
                               [](const Delivery&) { return true; }),
                 Error);
}

TEST_F(RunnerTest, NeverHasMoreInFlightThanItSays) {
    options.batch = 4;
    options.jobs = 3;
    options.threads = 2;
    const std::size_t window = Runner::least_window;
    std::size_t delivered = 0, most = 0;
    ListedInputs list(std::vector<Input>(2000, green));
    const std::vector<StageNetwork> networks = {{Stage::gate, &gate, gate.info().preprocess},
                                                {Stage::species, &species, species.info().preprocess},
                                                {Stage::classifier, &classifier, classifier.info().preprocess}};
    std::atomic<std::size_t> handed_out = 0;
    class Counting : public InputSource {
    public:
        Counting(InputSource& source, std::atomic<std::size_t>& count) : source_(source), count_(count) {}
        std::optional<Input> next() override {
            auto input = source_.next();
            if (input) ++count_;
            return input;
        }

    private:
        InputSource& source_;
        std::atomic<std::size_t>& count_;
    } counting(list, handed_out);
    flow::run(
        pipeline(), networks, counting,
        [&](const Delivery&) {
            most = std::max(most, handed_out.load() - delivered);
            ++delivered;
            return true;
        },
        options, cancellation);
    EXPECT_EQ(delivered, 2000U);
    EXPECT_LE(most, window);
}

TEST_F(RunnerTest, WaitsWithFurtherPicturesWhileTheWaitingOnesTakeTooMuchMemory) {
    options.batch = 64;
    options.jobs = 2;
    options.waiting_bytes = 4 * 100 * 100 * 3; // four pictures
    std::vector<Input> list(60, picture("large", 0, 255, 0, 100, 100));
    EXPECT_EQ(run(list).size(), 60U);
    // Four and those that two threads had started; without the limit batches of 64 are to be had.
    EXPECT_THAT(gate.batches, Each(Le(6)));
}

TEST_F(RunnerTest, APictureThatNeedsMoreMemoryThanDecodingMayTakeFailsWhateverRunsBesideIt) {
    options.decode_memory = 100'000;
    options.jobs = 4;
    std::vector<Input> list(20, green);
    list.insert(list.begin() + 7, picture("large", 0, 255, 0, 300, 300)); // 270,000 bytes of pixels
    const auto rows = run(list);
    ASSERT_EQ(rows.size(), 21U);
    ASSERT_TRUE(rows[7].failure);
    EXPECT_EQ(rows[7].failure->kind, "too-large");
    EXPECT_THAT(rows[7].failure->message, ::testing::HasSubstr("raise --decode-memory"));
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].failure.has_value(), i == 7) << i;
}

TEST_F(RunnerTest, PicturesThatFitOnlyOneByOneAreDecodedOneByOne) {
    options.decode_memory = 900'000; // a picture takes 750,000
    options.jobs = 4;
    const auto rows = run(std::vector<Input>(12, picture("large", 0, 255, 0, 500, 300)));
    ASSERT_EQ(rows.size(), 12U);
    for (const io::Row& row : rows) EXPECT_EQ(row.verdict.label, "green") << (row.failure ? row.failure->message : "");
}

TEST_F(RunnerTest, AFileOfMoreBytesThanDecodingMayTakeFails) {
    options.decode_memory = 10;
    const TemporaryFolder folder;
    std::ofstream(folder / "large.png") << "more than ten bytes";
    const auto rows = run({{(folder / "large.png").string(), std::nullopt, std::nullopt}});
    ASSERT_TRUE(rows.at(0).failure);
    EXPECT_EQ(rows[0].failure->kind, "too-large");
    EXPECT_THAT(rows[0].failure->message, ::testing::HasSubstr("the file has 19 bytes, more than the 10"));
}

TEST_F(RunnerTest, TheReceiverGetsContentsOnlyWhereTheyAreKept) {
    for (const bool keep : {false, true}) {
        options.keep_bytes = keep;
        ListedInputs list({green, {"text", made::to_bytes("hello"), std::nullopt}});
        const std::vector<StageNetwork> networks = {{Stage::classifier, &classifier, classifier.info().preprocess}};
        std::vector<std::optional<made::Bytes>> contents;
        flow::run(
            cascade::closed_set(pipeline()), networks, list,
            [&](const Delivery& delivery) {
                contents.push_back(delivery.input.bytes);
                return true;
            },
            options, cancellation);
        ASSERT_EQ(contents.size(), 2U);
        EXPECT_EQ(contents[0], keep ? green.bytes : std::nullopt);
    }
}

TEST_F(RunnerTest, TheReceiverGetsWhatTheClassifiersNetworkReturnedWhereItIsKept) {
    run({green, {"text", made::to_bytes("hello"), std::nullopt}, red});
    EXPECT_THAT(activations, Each(::testing::IsEmpty()));
    activations.clear();
    options.keep_activations = true;
    run({green, {"text", made::to_bytes("hello"), std::nullopt}, red}); // red is rejected before
    const std::vector<float> of_green = {0, 10, 0};
    EXPECT_THAT(activations, ::testing::ElementsAre(of_green, ::testing::IsEmpty(), ::testing::IsEmpty()));
}

TEST_F(RunnerTest, ObserversSeeEveryStageThatAPictureReached) {
    std::mutex mutex;
    std::vector<Stage> seen;
    options.observe = [&](const StageObservation& observation) {
        const std::scoped_lock lock(mutex);
        seen.push_back(observation.stage);
        EXPECT_EQ(observation.decoded, (image::Size{2, 2}));
        EXPECT_EQ(observation.scores.probabilities.size(), 3U);
    };
    run({red});
    EXPECT_EQ(seen, (std::vector{Stage::gate, Stage::species}));
}

} // namespace
} // namespace openset::flow
