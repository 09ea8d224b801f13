// Goal: a command is asked to end a grace before its lease ends and killed at that end, and one
// whose lease is renewed is left alone. Method: the machine gets times, and no clock runs.
#include "cli/lease_watch.hpp"

#include <chrono>
#include <gtest/gtest.h>

namespace leaselock::cli {
namespace {

using namespace std::chrono_literals;

constexpr bool time_is_up = true;
constexpr bool rung = false;

TEST(LeaseWatch, LeavesACommandAloneWhoseLeaseIsRenewed) {
    LeaseWatch watch{5s, 30s};
    for (const auto left : {29'900ms, 20'000ms, 29'700ms, 5'001ms}) {
        const LeaseWatch::Next next = watch.check(left, time_is_up);
        EXPECT_EQ(next.step, LeaseWatch::Measure::nothing);
        EXPECT_EQ(next.alarm, left - 5s);
    }
    EXPECT_FALSE(watch.has_told());
}

TEST(LeaseWatch, AsksAGraceBeforeTheEndAndKillsAtIt) {
    LeaseWatch watch{5s, 30s};
    const LeaseWatch::Next next = watch.check(5s, time_is_up);
    EXPECT_EQ(next.step, LeaseWatch::Measure::terminate);
    EXPECT_EQ(next.alarm, 5s);
    EXPECT_TRUE(watch.has_told());
    EXPECT_EQ(watch.check(3s, rung).step, LeaseWatch::Measure::nothing) << "once";
    EXPECT_EQ(watch.check(0ms, rung).step, LeaseWatch::Measure::kill);
    EXPECT_EQ(watch.check(0ms, time_is_up).step, LeaseWatch::Measure::nothing) << "once";
}

TEST(LeaseWatch, KillsAtOnceIfNothingIsLeft) {
    LeaseWatch watch{5s, 30s};
    EXPECT_EQ(watch.check(0ms, rung).step, LeaseWatch::Measure::kill);
    EXPECT_TRUE(watch.has_told());
}

TEST(LeaseWatch, KillsWhoWasAskedThoughTheLeaseIsRenewedMeanwhile) {
    LeaseWatch watch{5s, 30s};
    EXPECT_EQ(watch.check(4s, time_is_up).step, LeaseWatch::Measure::terminate);
    EXPECT_EQ(watch.check(29s, rung).step, LeaseWatch::Measure::nothing);
    EXPECT_EQ(watch.check(25s, time_is_up).step, LeaseWatch::Measure::kill);
}

TEST(LeaseWatch, HasAGraceOfAThirdOfTheTtlAtMost) {
    LeaseWatch watch{5s, 9s};
    EXPECT_EQ(watch.check(3'001ms, rung).step, LeaseWatch::Measure::nothing);
    EXPECT_EQ(watch.check(3s, rung).step, LeaseWatch::Measure::terminate);
}

TEST(LeaseWatch, KillsWithoutAskingIfThereIsNoGrace) {
    LeaseWatch watch{0s, 9s};
    EXPECT_EQ(watch.check(1ms, rung).alarm, 1ms);
    EXPECT_EQ(watch.check(0ms, time_is_up).step, LeaseWatch::Measure::kill);
}

}  // namespace
}  // namespace leaselock::cli
