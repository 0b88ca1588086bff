#include "bench/limit.hpp"

#include <atomic>
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/figures.hpp"
#include "error_of.hpp"
#include "openset/base/error.hpp"

namespace openset::bench {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Counts its passes; throws from the pass of `fails_at` on, or for batches larger than `most`.
class CountingNetwork : public model::Network {
public:
    const model::ModelInfo& info() const override { return info_; }
    const model::Head* head() const override { return nullptr; }
    model::Outputs run(const model::Batch& batch) override {
        const int pass = ++passes;
        if (pass >= fails_at) throw Error(ErrorKind::model, "pass " + std::to_string(fails_at) + " went wrong");
        if (batch.count > most) throw Error(ErrorKind::out_of_memory, "out of memory");
        for (const auto start = std::chrono::steady_clock::now();
             std::chrono::steady_clock::now() - start < std::chrono::milliseconds(2);) {
        }
        return {};
    }

    std::atomic<int> passes = 0;
    int fails_at = 1 << 30, most = 1 << 30;

private:
    model::ModelInfo info_;
};

PassCosts time_of(CountingNetwork& network, const Samples& samples) {
    return time_passes({cascade::Stage::gate, &network, {}}, samples, 0, 2, Cancellation());
}

void take_one(Samples& samples) { samples.take(0, {2, 2, std::vector<std::uint8_t>(12)}); }

TEST(TimePasses, EveryBatchSizeHasACostAPicture) {
    CountingNetwork network;
    Samples samples(1);
    take_one(samples);
    const PassCosts costs = time_of(network, samples);
    ASSERT_EQ(costs.size(), 6U);
    for (const auto& [size, cost] : costs) {
        EXPECT_GT(cost.cpu, 0.0) << size;
        EXPECT_GT(cost.wall, 0.0) << size;
    }
    EXPECT_GT(costs.at(1).cpu, 4 * costs.at(32).cpu); // a pass takes the same time, whatever it holds
}

TEST(TimePasses, AStageWithoutPicturesHasNone) {
    CountingNetwork network;
    EXPECT_THAT(time_of(network, Samples(1)), IsEmpty());
}

TEST(TimePasses, WhatANetworkThrowsOnAThreadComesOut) {
    CountingNetwork network;
    network.fails_at = 20; // past the two passes that are made before the threads start
    Samples samples(1);
    take_one(samples);
    EXPECT_EQ(error_of([&] { time_of(network, samples); }), "model: pass 20 went wrong");
}

TEST(TimePasses, SizesThatFindNoMemoryAreLeftOut) {
    CountingNetwork network;
    network.most = 3;
    Samples samples(1);
    take_one(samples);
    EXPECT_EQ(time_of(network, samples).size(), 2U); // 1 and 2
}

const std::vector<PassCosts> two_rounds = {{{1, {4, 8}}, {2, {3, 5}}, {4, {5, 7}}},
                                           {{1, {2, 4}}, {2, {5, 7}}, {4, {1, 9}}}};

TEST(BestPassTest, IsTheSizeOfTheLeastMedianCpuTime) {
    const BestPass best = best_pass(two_rounds);
    EXPECT_EQ(best.batch, 1); // medians of CPU time: 6, 6, 8
    EXPECT_EQ(best.picture.cpu, 6);
    EXPECT_EQ(best.picture.wall, 3);
    EXPECT_EQ(best_pass({}).batch, 0);
}

flow::RunStatistics two_stages() {
    flow::RunStatistics run;
    run.prepare_cpu_seconds = 10;
    run.stages = {{cascade::Stage::gate}, {cascade::Stage::classifier}};
    run.stages[0].passed = 100;
    run.stages[1].passed = 20;
    run.stages[1].pictures = 50; // of which an earlier pass has served 30
    return run;
}

TEST(LimitTest, IsThePassesThatPicturesNeedAndDecodingOnAllCores) {
    const Limit limit = limit_of(two_stages(), {{{{8, {0.5, 1}}}}, {{{4, {2, 4}}}}}, 2);
    EXPECT_EQ(limit.passes, 100 * 0.5 + 20 * 2);
    EXPECT_EQ(limit.decode, 10 / 2.0);
    EXPECT_EQ(limit.seconds, limit.passes + limit.decode);
    EXPECT_EQ(limit.cpu_seconds, 10 + 100 * 1 + 20 * 4);
}

Result result_on(const std::string& device) {
    Result result;
    result.record.device = device;
    TimedRun run;
    run.wall_seconds = 125;
    run.cpu_seconds = 190;
    run.statistics = two_stages();
    result.runs.push_back(run);
    result.passes = {{}, {}};
    if (device == "cpu") result.passes = {{{{8, {0.5, 1}}}}, {{{4, {2, 4}}}}};
    return result;
}

TEST(Figures, OnTheCpuTheLimitStandsBesideTheTime) {
    EXPECT_THAT(to_table(result_on("cpu")), HasSubstr("80 % of it reached; passes alone 90.000 s"));
    EXPECT_THAT(to_json(result_on("cpu")), HasSubstr("\"percent\": 80.0"));
}

TEST(Figures, OnAnotherDeviceItIsSaidThatThereIsNone) {
    EXPECT_THAT(to_table(result_on("cuda:0")), HasSubstr("limit       not known"));
    EXPECT_THAT(to_table(result_on("cuda:0")), Not(HasSubstr("of it reached")));
    EXPECT_THAT(to_json(result_on("cuda:0")), HasSubstr("\"limit\": null"));
}

} // namespace
} // namespace openset::bench
