#include "openset/base/cancellation.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <gtest/gtest.h>
#include <pthread.h>
#include <thread>

#include "pipe.hpp"

namespace openset {
namespace {

using namespace std::chrono_literals;

constexpr auto until_it_waits = 20ms; // too short, the test passes without having tested the wait

TEST(Cancellation, IsRequestedWhereAnOuterOneIsButNotTheOtherWayRound) {
    Cancellation outer;
    Cancellation middle(&outer), inner(&middle);
    middle.request();
    EXPECT_TRUE(inner.requested());
    EXPECT_FALSE(outer.requested());
    EXPECT_FALSE(Cancellation(&outer).requested());
}

TEST(Cancellation, ADescriptorIsReadableWhenItHasBytesOrHasEnded) {
    const Cancellation never;
    Pipe pipe;
    pipe.write("x");
    EXPECT_TRUE(never.wait_readable(pipe.reader()));
    char byte = 0;
    ASSERT_EQ(::read(pipe.reader(), &byte, 1), 1);
    pipe.close_writer();
    EXPECT_TRUE(never.wait_readable(pipe.reader()));
}

TEST(Cancellation, ADescriptorThatIsClosedHasAnErrorToTell) {
    const Cancellation never;
    int closed = 0;
    { closed = Pipe().reader(); }
    EXPECT_TRUE(never.wait_readable(closed));
}

TEST(Cancellation, WakesWhoWaitsFromAnotherThread) {
    const Pipe silent;
    Cancellation outer;
    const Cancellation inner(&outer);
    std::jthread another([&outer] {
        std::this_thread::sleep_for(until_it_waits);
        outer.request();
    });
    EXPECT_FALSE(inner.wait_readable(silent.reader()));
}

TEST(Cancellation, OnceRequestedNobodyWaits) {
    Cancellation cancellation;
    cancellation.request();
    cancellation.request();
    EXPECT_FALSE(cancellation.wait_readable(Pipe().reader()));
}

Cancellation by_signal;

TEST(Cancellation, WakesWhoWaitsFromASignalHandlerAlsoWhereCallsAreRestarted) {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) {
        errno = EDOM;
        by_signal.request();
        if (errno != EDOM) std::abort();
    };
    action.sa_flags = SA_RESTART;
    ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
    const Pipe silent;
    bool readable = true;
    std::thread waiting([&] { readable = by_signal.wait_readable(silent.reader()); });
    std::this_thread::sleep_for(until_it_waits);
    ::raise(SIGUSR1); // in this thread, not in the one that waits
    waiting.join();
    EXPECT_FALSE(readable);
    ::sigaction(SIGUSR1, &before, nullptr);
}

} // namespace
} // namespace openset
