// Goal: what fails is tried again later and later, never sooner than promised, and not by all at
// once. Method: times that the test makes up.
#include "base/backoff.hpp"

#include <gtest/gtest.h>
#include <set>

namespace leaselock::detail {
namespace {

using namespace std::chrono_literals;

constexpr Clock::time_point some_time{1h};

Clock::duration pause_after(Backoff& backoff) {
    backoff.failed(some_time);
    return backoff.next_try() - some_time;
}

TEST(Backoff, FirstTryIsAtOnce) {
    const Backoff backoff{10ms, 250ms};
    EXPECT_LE(backoff.next_try(), some_time);
}

TEST(Backoff, EachFailureDoublesThePauseUpToTheLongest) {
    Backoff backoff{10ms, 250ms};
    for (const auto least : {10ms, 20ms, 40ms, 80ms, 160ms, 250ms, 250ms}) {
        const auto pause = pause_after(backoff);
        EXPECT_GE(pause, least);
        EXPECT_LE(pause, least + least / 2);
    }
}

TEST(Backoff, SuccessBeginsItAgain) {
    Backoff backoff{10ms, 250ms};
    for (int i = 0; i < 9; ++i) backoff.failed(some_time);
    backoff.succeeded();
    EXPECT_LE(backoff.next_try(), some_time);
    EXPECT_LE(pause_after(backoff), 15ms);
}

TEST(Backoff, ManyDoNotComeAtTheSameTime) {
    std::set<Clock::duration> pauses;
    for (int i = 0; i < 50; ++i) {
        Backoff backoff{500ms, 500ms};
        pauses.insert(pause_after(backoff));
    }
    EXPECT_GT(pauses.size(), 10U);
}

}  // namespace
}  // namespace leaselock::detail
