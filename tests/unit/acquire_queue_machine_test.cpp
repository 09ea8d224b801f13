// Goal: a waiter in a queue polls as seldom as it may, believes a hand-off exactly when nothing
// speaks against it, and knows what it owes. Method: the machine alone, without I/O and without a
// clock; each test hands it replies, messages and times, and looks at its next step.
#include <gtest/gtest.h>
#include <set>

#include "unit/machine_steps.hpp"

namespace leaselock::detail {
namespace {

constexpr std::uint64_t last_fence = 100;

Reply queued(bool first = true, bool told = true) {
    Reply reply = held();
    reply.queued = true;
    reply.first = first;
    reply.told = told;
    reply.fencing_token = last_fence;
    return reply;
}
// The key is free, and it is somebody else's turn.
Reply not_his_turn() {
    Reply reply = queued(false);
    reply.holder.clear();
    reply.remaining = 0ms;
    return reply;
}
HandOff message(std::uint64_t fence = last_fence + 1, std::chrono::milliseconds ttl = 3s) {
    return {.fencing_token = fence, .ttl = ttl};
}

// One that has looked at `outset` and was answered so.
AcquireMachine waiting(const Reply& reply = queued(), const AcquireMachine::Plan& plan = patient) {
    AcquireMachine machine{plan};
    (void)machine.start(outset);
    (void)machine.replied(reply, outset, outset);
    return machine;
}
// What it does about a message that comes at `now`.
AcquireMachine::Action heard(AcquireMachine& machine, const HandOff& what, Clock::time_point now) {
    machine.handed_over(what);
    return machine.woke(now);
}
void expect_grant(const AcquireMachine& machine, AcquireMachine::Action action,
                  Clock::time_point sent, Clock::time_point since) {
    expect_decision(action, Decision::done);
    ASSERT_TRUE(machine.grant().has_value());
    EXPECT_EQ(machine.grant()->fencing_token, last_fence + 1);
    EXPECT_EQ(machine.grant()->ttl, 3s);
    EXPECT_EQ(machine.grant()->sent, sent);
    EXPECT_EQ(machine.grant()->since, since);
}
void expect_poll(const AcquireMachine& machine, AcquireMachine::Action action) {
    expect_decision(action, Decision::acquire);
    EXPECT_FALSE(machine.grant().has_value());
}

// The shortest and the longest pause after a reply, over many machines.
std::pair<Clock::duration, Clock::duration> pauses(const Reply& reply, AcquireMachine::Plan plan) {
    std::set<Clock::duration> lengths;
    for (std::uint32_t seed = 0; seed < 1000; ++seed) {
        plan.seed = seed * 2654435761U;
        AcquireMachine machine{plan};
        (void)machine.start(outset);
        lengths.insert(machine.replied(reply, outset, outset).until - outset);
    }
    EXPECT_GT(lengths.size(), 1U) << "no jitter";
    return {*lengths.begin(), *lengths.rbegin()};
}
AcquireMachine::Plan with_delay(std::chrono::milliseconds delay) {
    auto plan = patient;
    plan.retry_delay = delay;
    return plan;
}

TEST(AcquireQueueMachine, TakesAnEntryOnlyIfItWaits) {
    EXPECT_FALSE(AcquireMachine{no_wait}.start(outset).queues);
    EXPECT_TRUE(AcquireMachine{patient}.start(outset).queues);
}

TEST(AcquireQueueMachine, TakesNoEntryThatItWouldHaveToLeaveAtOnce) {
    AcquireMachine hasty{patient};
    EXPECT_FALSE(hasty.start(patient.deadline).queues);
    AcquireMachine polling{patient};
    (void)polling.start(outset);
    (void)polling.replied(held(), outset, outset);
    EXPECT_FALSE(polling.woke(patient.deadline).queues);
    // Who has one keeps it.
    EXPECT_TRUE(waiting().woke(patient.deadline).queues);
}

TEST(AcquireQueueMachine, FirstPollsAtTheRetryDelay) {
    const auto [shortest, longest] = pauses(queued(), with_delay(100ms));
    EXPECT_GE(shortest, 75ms);
    EXPECT_LE(longest, 125ms);
}

TEST(AcquireQueueMachine, OthersWhoAreToldPollOnceASecond) {
    for (const auto delay : {1ms, 100ms, 10'000ms}) {
        const auto [shortest, longest] = pauses(queued(false), with_delay(delay));
        EXPECT_GE(shortest, 500ms);
        EXPECT_LE(longest, 1s);
    }
}

TEST(AcquireQueueMachine, OthersWhoAreNotToldPollAtTheRetryDelay) {
    const auto [shortest, longest] = pauses(queued(false, false), with_delay(100ms));
    EXPECT_GE(shortest, 75ms);
    EXPECT_LE(longest, 125ms);
}

TEST(AcquireQueueMachine, NoQueueEntryExpiresWhileItsWaiterWaits) {
    for (const bool first : {true, false}) {
        for (const bool told : {true, false}) {
            const auto action = waiting(queued(first, told), with_delay(1h)).woke(outset);
            expect_decision(action, Decision::acquire);
            AcquireMachine machine{with_delay(1h)};
            (void)machine.start(outset);
            EXPECT_LE(machine.replied(queued(first, told), outset, outset).until, outset + 1s);
        }
    }
}

TEST(AcquireQueueMachine, PollsWhenTheLeaseOfTheHolderEnds) {
    for (const bool first : {true, false}) {
        AcquireMachine machine{with_delay(1h)};
        (void)machine.start(outset);
        Reply reply = queued(first);
        reply.remaining = 20ms;
        expect_decision(machine.replied(reply, outset, outset), Decision::sleep, outset + 20ms);
    }
}

TEST(AcquireQueueMachine, SomebodyElsesTurnIsNoReasonToPollAtOnce) {
    EXPECT_GE(pauses(not_his_turn(), patient).first, 500ms);
    Reply untold = not_his_turn();
    untold.told = false;
    EXPECT_GE(pauses(untold, patient).first, 75ms);
}

TEST(AcquireQueueMachine, BelievesAHandOffBehindItsNewestPollFromThatPollOn) {
    AcquireMachine machine = waiting();
    (void)machine.woke(outset + 1s);
    (void)machine.replied(queued(), outset + 1s, outset + 1100ms);
    const auto action = heard(machine, message(), outset + 2s);
    expect_grant(machine, action, outset + 1s, outset + 2s);
}

TEST(AcquireQueueMachine, PollsForAMessageThatIsNotAboveTheNewestFence) {
    for (const std::uint64_t fence : {last_fence - 1, last_fence}) {
        AcquireMachine machine = waiting();
        expect_poll(machine, heard(machine, message(fence), outset + 10ms));
    }
}

TEST(AcquireQueueMachine, MessageOfAnOlderGrantIsNotBelievedAfterAPollThatSawALaterOne) {
    AcquireMachine machine = waiting();
    (void)machine.woke(outset + 1s);
    Reply later = queued();
    later.fencing_token = last_fence + 5;
    (void)machine.replied(later, outset + 1s, outset + 1s);
    expect_poll(machine, heard(machine, message(last_fence + 1), outset + 1010ms));
}

TEST(AcquireQueueMachine, MessageIsForgottenOnceItWasLookedAt) {
    AcquireMachine machine = waiting();
    expect_poll(machine, heard(machine, message(last_fence), outset + 10ms));
    expect_decision(machine.replied(queued(), outset + 10ms, outset + 10ms), Decision::sleep);
}

TEST(AcquireQueueMachine, MessageBeforeTheFirstAnswerWaitsForIt) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    machine.handed_over(message());
    expect_grant(machine, machine.replied(queued(), outset, outset + 10ms), outset, outset + 10ms);
}

TEST(AcquireQueueMachine, MessageInAPollIsJudgedByItsAnswer) {
    AcquireMachine machine = waiting();
    (void)machine.woke(outset + 1s);
    machine.handed_over(message());
    Reply later = queued();
    later.fencing_token = last_fence + 1;
    expect_poll(machine, machine.replied(later, outset + 1s, outset + 1s));
}

TEST(AcquireQueueMachine, MessageInAPollThatFailsIsJudgedByTheOneBefore) {
    AcquireMachine machine = waiting();
    (void)machine.woke(outset + 1s);
    machine.handed_over(message());
    const auto action =
        machine.replied(failed(Errc::command_timed_out), outset + 1s, outset + 1400ms);
    expect_grant(machine, action, outset, outset + 1400ms);
}

TEST(AcquireQueueMachine, MessageCountsForNothingWhereNoPollToldAFence) {
    for (Reply reply : {held(), failed(Errc::loading), queued()}) {
        reply.fencing_token = 0;
        AcquireMachine machine = waiting(reply);
        expect_poll(machine, heard(machine, message(), outset + 10ms));
    }
    // Not even if an earlier one did.
    AcquireMachine machine = waiting();
    (void)machine.woke(outset + 1s);
    (void)machine.replied(held(), outset + 1s, outset + 1s);
    expect_poll(machine, heard(machine, message(), outset + 1010ms));
}

TEST(AcquireQueueMachine, GrantThatItPollsForIsTheWholeLease) {
    auto plan = patient;
    plan.prolongs = true;
    AcquireMachine machine = waiting(queued(), plan);
    expect_poll(machine, heard(machine, message(), outset + 10ms));
    expect_decision(machine.replied(granted(), outset + 10ms, outset + 20ms), Decision::done);
    ASSERT_TRUE(machine.grant().has_value());
    EXPECT_EQ(machine.grant()->ttl, patient.ttl);
    EXPECT_EQ(machine.grant()->sent, outset + 10ms);
    EXPECT_EQ(machine.grant()->since, outset + 10ms);
}

TEST(AcquireQueueMachine, PollsWhereLessThanHalfOfTheHandOffIsLeft) {
    AcquireMachine in_time = waiting();
    expect_grant(in_time, heard(in_time, message(), outset + 1500ms - 1ns), outset,
                 outset + 1500ms - 1ns);
    AcquireMachine late = waiting();
    expect_poll(late, heard(late, message(), outset + 1500ms));
}

TEST(AcquireQueueMachine, NewestMessageCounts) {
    AcquireMachine machine = waiting();
    machine.handed_over(message());
    machine.handed_over(message(last_fence - 1));
    expect_grant(machine, machine.woke(outset + 10ms), outset, outset + 10ms);
}

TEST(AcquireQueueMachine, EveryEndWithoutAGrantOwesTheReleaseOfAnEntry) {
    AcquireMachine cancelled = waiting();
    expect_end_owing(cancelled, cancelled.stop(), Errc::cancelled);
    AcquireMachine late = waiting();
    (void)late.woke(outset + 5s);
    expect_end_owing(late, late.replied(queued(), outset + 5s, outset + 5s), Errc::wait_timed_out);
    AcquireMachine refused = waiting();
    (void)refused.woke(outset + 1s);
    expect_end_owing(refused, refused.replied(failed(Errc::corrupt), outset + 1s, outset + 1s),
                     Errc::corrupt);
}

TEST(AcquireQueueMachine, EntryIsOwedEvenIfTheAnswerDidNotCount) {
    AcquireMachine machine{patient};
    (void)machine.start(outset);
    expect_poll(machine, machine.poll_again(queued(), outset, outset));
    expect_end_owing(machine, machine.replied(failed(Errc::corrupt), outset, outset),
                     Errc::corrupt);
}

TEST(AcquireQueueMachine, StopBeforeTheFirstPollOwesNothing) {
    AcquireMachine machine{patient};
    expect_end(machine, machine.stop(), Errc::cancelled);
    EXPECT_FALSE(machine.owes());
}

}  // namespace
}  // namespace leaselock::detail
