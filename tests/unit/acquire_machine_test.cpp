// Goal: one acquisition decides rightly after every event. Method: the machine alone, without I/O
// and without a clock; each test hands it replies, wake-ups and times, and looks at its next step.
#include "core/acquire_machine.hpp"

#include <gtest/gtest.h>
#include <set>

#include "unit/machine_steps.hpp"

namespace leaselock::detail {
namespace {

TEST(AcquireMachine, PollsAtOnceAndLeavesTheTimeOutToTheBackend) {
    AcquireMachine machine{no_wait};
    expect_decision(machine.start(outset), Decision::acquire, never);
}

TEST(AcquireMachine, PollsNoLongerThanTheGraceBehindTheDeadlineOfTheWait) {
    AcquireMachine machine{patient};
    expect_decision(machine.start(outset), Decision::acquire, outset + 5s + grace);
}

TEST(AcquireMachine, EndsWithAGrant) {
    AcquireMachine machine{no_wait};
    (void)machine.start(outset);
    expect_decision(machine.replied(granted(), outset, outset + 1ms), Decision::done);
    EXPECT_TRUE(machine.grant().has_value());
}

TEST(AcquireMachine, BelievesAGrantUntilTheLeaseLessItsMargin) {
    const auto end = outset + 10s - safety_margin(10s);
    AcquireMachine in_time{no_wait};
    (void)in_time.start(outset);
    expect_decision(in_time.replied(granted(), outset, end - 1ns), Decision::done);
    EXPECT_TRUE(in_time.grant().has_value());
    AcquireMachine late{no_wait};
    (void)late.start(outset);
    expect_end_owing(late, late.replied(granted(), outset, end), Errc::granted_too_late);
}

TEST(AcquireMachine, BelievesAGrantForLessOnlySoLong) {
    Reply reply = granted();
    reply.ttl = 4s;
    const auto end = outset + 4s - safety_margin(4s);
    AcquireMachine in_time{no_wait};
    (void)in_time.start(outset);
    expect_decision(in_time.replied(reply, outset, end - 1ns), Decision::done);
    ASSERT_TRUE(in_time.grant().has_value());
    EXPECT_EQ(in_time.grant()->ttl, 4s);
    AcquireMachine late{no_wait};
    (void)late.start(outset);
    expect_end_owing(late, late.replied(reply, outset, end), Errc::granted_too_late);
}

TEST(AcquireMachine, BelievesAGrantForMoreAsLongAsItAsked) {
    Reply reply = granted();
    reply.ttl = 1h;
    AcquireMachine machine{no_wait};
    (void)machine.start(outset);
    expect_decision(machine.replied(reply, outset, outset + 1ms), Decision::done);
    ASSERT_TRUE(machine.grant().has_value());
    EXPECT_EQ(machine.grant()->ttl, 10s);
}

TEST(AcquireMachine, CountsALeaseFromTheSendOfTheAnsweredTry) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    (void)machine.replied(held(), outset, outset + 1ms);
    (void)machine.woke(outset + 4s);
    (void)machine.replied(granted(), outset + 4s, outset + 13s);
    EXPECT_TRUE(machine.grant().has_value());
}

TEST(AcquireMachine, HeldAndNotWaitingIsTheEnd) {
    AcquireMachine machine{no_wait};
    (void)machine.start(outset);
    expect_end(machine, machine.replied(held(), outset, outset), Errc::held);
}

TEST(AcquireMachine, SleepsARetryDelayWithAQuarterOfJitter) {
    std::set<Clock::rep> lengths;
    for (std::uint32_t seed = 0; seed < 1000; ++seed) {
        auto plan = patient;
        plan.seed = seed * 2654435761U;
        AcquireMachine machine{plan};
        (void)machine.start(outset);
        const auto action = machine.replied(held(), outset, outset);
        expect_decision(action, Decision::sleep);
        ASSERT_GE(action.until, outset + 75ms);
        ASSERT_LE(action.until, outset + 125ms);
        lengths.insert((action.until - outset).count());
    }
    EXPECT_GT(lengths.size(), 40U);
    EXPECT_LT(*lengths.begin(), Clock::duration{80ms}.count());
    EXPECT_GT(*lengths.rbegin(), Clock::duration{120ms}.count());
}

TEST(AcquireMachine, SleepsNoLongerThanTheLeaseOfTheHolder) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    expect_decision(machine.replied(held(20ms), outset, outset), Decision::sleep, outset + 20ms);
    (void)machine.woke(outset + 20ms);
    // A lease that is over by now may still take a moment to be gone.
    expect_decision(machine.replied(held(0ms), outset, outset + 20ms), Decision::sleep,
                    outset + 21ms);
}

TEST(AcquireMachine, PollsOnceMoreAtTheDeadline) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    const auto almost = outset + 4990ms;
    expect_decision(machine.replied(held(), outset, almost), Decision::sleep, outset + 5s);
    expect_decision(machine.woke(outset + 5s), Decision::acquire, outset + 5s + grace);
    expect_end(machine, machine.replied(held(), outset + 5s, outset + 5s), Errc::wait_timed_out);
}

TEST(AcquireMachine, PollsOnceMoreEvenIfItWokeBehindTheDeadline) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    (void)machine.replied(held(), outset, outset);
    expect_decision(machine.woke(outset + 8s), Decision::acquire, outset + 8s + grace);
    expect_decision(machine.replied(granted(), outset + 8s, outset + 8s), Decision::done);
    EXPECT_TRUE(machine.grant().has_value());
}

TEST(AcquireMachine, WaitsForEverIfAsked) {
    auto plan = patient;
    plan.deadline = never;
    AcquireMachine machine{plan};
    expect_decision(machine.start(outset), Decision::acquire, never);
    auto now = outset;
    for (int day = 0; day < 1000; ++day, now += 24h) {
        const auto action = machine.replied(held(), now, now);
        expect_decision(action, Decision::sleep);
        ASSERT_LE(action.until, now + 125ms);
        expect_decision(machine.woke(now + 24h), Decision::acquire, never);
    }
}

TEST(AcquireMachine, StopEndsTheWaitAndOwesNothing) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    (void)machine.replied(held(), outset, outset);
    expect_end(machine, machine.stop(), Errc::cancelled);
    EXPECT_FALSE(machine.owes());
}

TEST(AcquireMachine, StopBehindAnUnknownOutcomeOwesARelease) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    expect_decision(machine.replied(failed(Errc::command_timed_out), outset, outset + 1s),
                    Decision::sleep);
    const auto action = machine.stop();
    expect_end_owing(machine, action, Errc::cancelled);
}

// What is worth another try at once, waiting or not, and only once in a row.
class CurableFailure : public ::testing::TestWithParam<Errc> {};

TEST_P(CurableFailure, IsTriedAgainAtOnce) {
    AcquireMachine machine{no_wait};
    (void)machine.start(outset);
    expect_decision(machine.replied(failed(GetParam()), outset, outset), Decision::acquire, never);
    expect_decision(machine.replied(granted(), outset, outset), Decision::done);
    EXPECT_TRUE(machine.grant().has_value());
}

TEST_P(CurableFailure, IsTheEndTheSecondTime) {
    AcquireMachine machine{no_wait};
    (void)machine.start(outset);
    (void)machine.replied(failed(GetParam()), outset, outset);
    expect_end(machine, machine.replied(failed(GetParam()), outset, outset), GetParam());
    EXPECT_EQ(machine.owes(), family(GetParam()) == Family::unknown);
}

TEST_P(CurableFailure, IsTriedAgainAtOnceAfterAnAnswer) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    (void)machine.replied(failed(GetParam()), outset, outset);
    expect_decision(machine.replied(failed(GetParam()), outset, outset), Decision::sleep);
    (void)machine.woke(outset + 1s);
    expect_decision(machine.replied(held(), outset + 1s, outset + 1s), Decision::sleep);
    (void)machine.woke(outset + 2s);
    expect_decision(machine.replied(failed(GetParam()), outset + 2s, outset + 2s),
                    Decision::acquire);
}

INSTANTIATE_TEST_SUITE_P(AcquireMachine, CurableFailure,
                         ::testing::Values(Errc::stale, Errc::connection_lost));

class UnknownOutcome : public ::testing::TestWithParam<Errc> {};

TEST_P(UnknownOutcome, OwesAReleaseWhenItGivesUp) {
    AcquireMachine machine{no_wait};
    (void)machine.start(outset);
    auto action = machine.replied(failed(GetParam()), outset, outset);
    if (action.decision == Decision::acquire)
        action = machine.replied(failed(GetParam()), outset, outset);
    expect_end_owing(machine, action, GetParam());
}

TEST_P(UnknownOutcome, IsForgottenOnceGranted) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    auto action = machine.replied(failed(GetParam()), outset, outset);
    if (action.decision == Decision::sleep) action = machine.woke(outset + 1s);
    expect_decision(action, Decision::acquire);
    expect_decision(machine.replied(granted(), outset + 1s, outset + 1s), Decision::done);
    EXPECT_TRUE(machine.grant().has_value());
}

TEST_P(UnknownOutcome, OwesAReleaseEvenIfAnotherIsSeenToHoldTheLockLater) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    auto action = machine.replied(failed(GetParam()), outset, outset);
    if (action.decision == Decision::sleep) (void)machine.woke(outset + 1s);
    (void)machine.replied(held(), outset + 1s, outset + 1s);
    (void)machine.woke(outset + 5s);
    expect_end_owing(machine, machine.replied(held(), outset + 5s, outset + 5s),
                     Errc::wait_timed_out);
}

INSTANTIATE_TEST_SUITE_P(AcquireMachine, UnknownOutcome,
                         ::testing::Values(Errc::command_timed_out, Errc::connection_lost,
                                           Errc::protocol_error, Errc::unexpected_reply));

TEST(AcquireMachine, TakesAnAnswerToAnotherQuestionForUnknown) {
    for (const Outcome outcome : {Outcome::free, Outcome::renewed, Outcome::released}) {
        AcquireMachine machine{no_wait};
        (void)machine.start(outset);
        const Reply reply{.outcome = outcome};
        expect_end_owing(machine, machine.replied(reply, outset, outset), Errc::unexpected_reply);
    }
}

class UnavailableServer : public ::testing::TestWithParam<Errc> {};

TEST_P(UnavailableServer, IsTheEndIfNotWaitingAndOwesNothing) {
    AcquireMachine machine{no_wait};
    (void)machine.start(outset);
    expect_end(machine, machine.replied(failed(GetParam()), outset, outset), GetParam());
}

TEST_P(UnavailableServer, IsLookedAtAgainWithGrowingPauses) {
    auto plan = patient;
    plan.deadline = never;
    AcquireMachine machine{plan};
    (void)machine.start(outset);
    auto now = outset;
    for (const auto pause : {50ms, 100ms, 200ms, 400ms, 500ms, 500ms, 500ms}) {
        const auto action = machine.replied(failed(GetParam()), now, now);
        expect_decision(action, Decision::sleep);
        EXPECT_GE(action.until, now + pause * 3 / 4);
        EXPECT_LE(action.until, now + pause * 5 / 4);
        now = action.until;
        expect_decision(machine.woke(now), Decision::acquire);
    }
    (void)machine.replied(held(), now, now);
    (void)machine.woke(now);
    EXPECT_LE(machine.replied(failed(GetParam()), now, now).until, now + 50ms * 5 / 4);
}

TEST_P(UnavailableServer, IsWhatTheCallSaysAtTheDeadline) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    (void)machine.replied(failed(GetParam()), outset, outset);
    (void)machine.woke(outset + 5s);
    expect_end(machine, machine.replied(failed(GetParam()), outset + 5s, outset + 5s), GetParam());
}

INSTANTIATE_TEST_SUITE_P(AcquireMachine, UnavailableServer,
                         ::testing::Values(Errc::connect_failed, Errc::loading, Errc::read_only,
                                           Errc::out_of_memory, Errc::not_enough_replicas,
                                           Errc::busy, Errc::misconfigured, Errc::too_many_clients,
                                           Errc::cluster_down));

class RefusedRequest : public ::testing::TestWithParam<Errc> {};

TEST_P(RefusedRequest, IsTheEndEvenIfWaiting) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    expect_end(machine, machine.replied(failed(GetParam()), outset, outset), GetParam());
}

INSTANTIATE_TEST_SUITE_P(AcquireMachine, RefusedRequest,
                         ::testing::Values(Errc::invalid_key, Errc::authentication_failed,
                                           Errc::corrupt, Errc::not_supported));

TEST(AcquireMachine, ReleasesWhatAScriptMayHaveDoneBeforeItWasDeniedARight) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    Reply denied = failed(Errc::access_denied);
    denied.in_part = true;
    expect_end_owing(machine, machine.replied(denied, outset, outset), Errc::access_denied);
}

TEST(AcquireMachine, OwesNothingWhereTheScriptItselfWasDenied) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    expect_end(machine, machine.replied(failed(Errc::access_denied), outset, outset),
               Errc::access_denied);
    EXPECT_FALSE(machine.owes());
}

}  // namespace
}  // namespace leaselock::detail
