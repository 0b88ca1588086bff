#include "openset/flow/picture_service.hpp"

#include <gtest/gtest.h>

#include "openset/base/error.hpp"

namespace openset::flow {
namespace {

using namespace std::chrono_literals;

PictureService::Clock::time_point in(std::chrono::milliseconds time) { return PictureService::Clock::now() + time; }

/// A run that names every picture by the number of its bytes, two at a time and the later of them first.
void run_in_pairs(InputSource& inputs, const Receiver& receive) {
    const io::Activations none;
    while (auto first = inputs.next()) {
        auto second = inputs.next();
        for (const auto* input : {&second, &first}) {
            if (!*input) continue;
            io::Row row;
            row.path = (*input)->path;
            row.verdict.label = std::to_string((*input)->bytes->size());
            receive({row, **input, none});
        }
    }
}

TEST(PictureService, EverybodyGetsTheRowOfTheirOwnPictureWhateverTheOrder) {
    PictureService service(run_in_pairs);
    std::vector<std::future<std::optional<io::Row>>> answers;
    for (std::size_t i = 0; i < 100; ++i)
        answers.push_back(service.ask("same name", {std::vector<std::uint8_t>(i)}, in(1h)));
    for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(answers[i].get().value().verdict.label, std::to_string(i));
}

TEST(PictureService, WhatWasAskedIsAnsweredBeforeTheServiceEnds) {
    std::future<std::optional<io::Row>> answer;
    {
        PictureService service(run_in_pairs); // waits for a second picture, which never comes
        answer = service.ask("last", {1, 2, 3}, in(1h));
    }
    EXPECT_EQ(answer.get().value().verdict.label, "3");
}

TEST(PictureService, APictureThatHasWaitedTooLongIsNotRun) {
    PictureService service(run_in_pairs);
    EXPECT_FALSE(service.ask("late", {1}, in(-1ms)).get().has_value());
    EXPECT_TRUE(service.alive());
}

TEST(PictureService, WhatEndedTheRunIsToldToAllWhoWaitAndAllWhoCome) {
    PictureService service([](InputSource& inputs, const Receiver&) {
        inputs.next();
        throw Error(ErrorKind::model, "the device is gone");
    });
    EXPECT_THROW(service.ask("first", {1}, in(1h)).get(), Error);
    EXPECT_THROW(service.ask("later", {1}, in(1h)).get(), Error);
    EXPECT_FALSE(service.alive());
}

} // namespace
} // namespace openset::flow
