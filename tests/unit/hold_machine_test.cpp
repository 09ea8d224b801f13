// Goal: a holder is never wrong about holding, whatever the answers to its renewals are.
// Method: the pure machine, fed with times and replies.
#include "core/hold_machine.hpp"

#include <gtest/gtest.h>

namespace leaselock::detail {
namespace {

using namespace std::chrono_literals;
using Duty = HoldMachine::Duty;
using Verdict = HoldMachine::Verdict;

constexpr Clock::time_point at_first{std::chrono::hours{1}};
constexpr Clock::time_point end_of_30s = at_first + 30s - 302ms;

Reply renewed() { return {.outcome = Outcome::renewed}; }
Reply no() { return {.outcome = Outcome::lost}; }
Reply failed(Errc error) { return {.outcome = Outcome::failed, .error = error}; }

HoldMachine of(std::chrono::milliseconds ttl, bool renews = true,
               Clock::time_point limit = Clock::time_point::max()) {
    return HoldMachine{{.ttl = ttl, .renews = renews, .limit = limit, .seed = 7}, at_first, ttl};
}

TEST(HoldMachine, IsBelievedFromBeforeTheSendLessTheMargin) {
    EXPECT_EQ(of(30s).deadline(), end_of_30s);
}

TEST(HoldMachine, RenewsAtAThirdOfTheTtlAndAgainWhenHalfOfTheRestIsOverWithoutAnAnswer) {
    HoldMachine machine = of(30s);
    EXPECT_EQ(machine.due(), at_first + 10s);
    EXPECT_EQ(machine.next_duty(at_first + 9s), Duty::none);
    EXPECT_EQ(machine.next_duty(at_first + 10s), Duty::renew);
    EXPECT_EQ(machine.next_duty(at_first + 11s), Duty::none);
    const Clock::time_point half = at_first + 10s + (end_of_30s - at_first - 10s) / 2;
    EXPECT_EQ(machine.due(), half);
    EXPECT_EQ(machine.next_duty(half), Duty::renew);
    EXPECT_EQ(machine.due(), half + (end_of_30s - half) / 2);
}

TEST(HoldMachine, RenewsALittleEarlyWithOthersButNoLateAnswerAndNoEndComesEarly) {
    HoldMachine machine = of(32s);
    const Clock::time_point third = at_first + std::chrono::nanoseconds{32s} / 3;
    EXPECT_EQ(machine.earliest(), third - 1s);
    EXPECT_EQ(machine.next_duty(third - 1s - 1ns), Duty::none);
    EXPECT_EQ(machine.next_duty(third - 1s), Duty::renew);
    EXPECT_EQ(machine.earliest(), machine.due()) << "the answer is not late before";
    (void)machine.replied(failed(Errc::busy), third, 32s, third);
    EXPECT_EQ(machine.earliest(), machine.due()) << "nor is it tried again before";
    EXPECT_EQ(of(32s, false).earliest(), of(32s, false).deadline()) << "and no end is";
}

TEST(HoldMachine, DoesNotRenewAgainAndAgainJustBeforeTheEnd) {
    HoldMachine machine = of(30s);
    EXPECT_EQ(machine.next_duty(end_of_30s - 15ms), Duty::renew);
    EXPECT_EQ(machine.due(), end_of_30s);
}

TEST(HoldMachine, DeadlineCountsFromBeforeTheSendOfTheRenewal) {
    HoldMachine machine = of(30s);
    (void)machine.next_duty(at_first + 10s);
    EXPECT_EQ(machine.replied(renewed(), at_first + 10s, 30s, at_first + 25s), Verdict::renewed);
    EXPECT_EQ(machine.deadline(), end_of_30s + 10s);
    EXPECT_EQ(machine.due(), at_first + 20s);
}

TEST(HoldMachine, RenewalIsOffIfAskedAndTheEndIsSeen) {
    HoldMachine machine = of(30s, false);
    EXPECT_EQ(machine.due(), end_of_30s);
    EXPECT_EQ(machine.next_duty(end_of_30s - 1ns), Duty::none);
    EXPECT_EQ(machine.next_duty(end_of_30s), Duty::lose);
}

TEST(HoldMachine, NoIsALossAtOnce) {
    HoldMachine machine = of(30s);
    (void)machine.next_duty(at_first + 10s);
    EXPECT_EQ(machine.replied(no(), at_first + 10s, 30s, at_first + 10s), Verdict::lost);
}

TEST(HoldMachine, SomethingElseUnderTheKeyIsALoss) {
    HoldMachine machine = of(30s);
    (void)machine.next_duty(at_first + 10s);
    EXPECT_EQ(machine.replied(failed(Errc::corrupt), at_first + 10s, 30s, at_first + 10s),
              Verdict::lost);
}

// Pains of other libraries: one failure ended all renewals, or was taken for a loss.
class RenewalTrouble : public ::testing::TestWithParam<Errc> {};

TEST_P(RenewalTrouble, ProvesNothingAndIsTriedAgainUntilTheDeadline) {
    HoldMachine machine = of(30s);
    Clock::time_point now = at_first + 10s;
    int tries = 0;
    for (Duty duty = machine.next_duty(now); duty != Duty::lose; duty = machine.next_duty(now)) {
        ASSERT_EQ(duty, Duty::renew);
        ++tries;
        ASSERT_EQ(machine.replied(failed(GetParam()), now, 30s, now), Verdict::unknown);
        EXPECT_EQ(machine.deadline(), end_of_30s) << "nothing was prolonged";
        ASSERT_GT(machine.due(), now);
        ASSERT_LE(machine.due(), end_of_30s);
        now = machine.due();
    }
    EXPECT_EQ(now, end_of_30s);
    EXPECT_GT(tries, 10);
    EXPECT_LT(tries, 40);
}

INSTANTIATE_TEST_SUITE_P(All, RenewalTrouble,
                         ::testing::Values(Errc::command_timed_out, Errc::connection_lost,
                                           Errc::connect_failed, Errc::loading, Errc::read_only,
                                           Errc::busy, Errc::access_denied, Errc::unexpected_reply,
                                           Errc::out_of_memory, Errc::authentication_failed));

TEST(HoldMachine, YesBehindTheDeadlineIsTooLate) {
    HoldMachine machine = of(30s);
    (void)machine.next_duty(at_first + 29s);
    EXPECT_EQ(machine.replied(renewed(), at_first + 29s, 30s, end_of_30s), Verdict::lost);
}

TEST(HoldMachine, MaxHoldCapsTheDeadlineAndEndsRenewal) {
    HoldMachine machine = of(30s, true, at_first + 35s);
    (void)machine.next_duty(at_first + 10s);
    EXPECT_EQ(machine.replied(renewed(), at_first + 10s, 30s, at_first + 10s), Verdict::renewed);
    EXPECT_EQ(machine.deadline(), at_first + 35s);
    EXPECT_EQ(machine.due(), at_first + 35s) << "renewing could prolong nothing";
    EXPECT_EQ(machine.next_duty(at_first + 35s), Duty::lose);
}

TEST(HoldMachine, MaxHoldBelowTheTtlEndsTheLeaseToo) {
    HoldMachine machine = of(30s, false, at_first + 1s);
    EXPECT_EQ(machine.deadline(), at_first + 1s);
}

TEST(HoldMachine, ShorterIsDoneWithoutTheStoreAndStaysShorter) {
    HoldMachine machine = of(30s);
    (void)machine.next_duty(at_first + 10s);
    EXPECT_TRUE(machine.shorten(5s, at_first + 10s));
    EXPECT_EQ(machine.deadline(), at_first + 15s - 52ms);
    // The renewal that was under way for the longer ttl does not bring it back.
    EXPECT_EQ(machine.replied(renewed(), at_first + 10s, 30s, at_first + 11s), Verdict::renewed);
    EXPECT_EQ(machine.deadline(), at_first + 15s - 52ms);
    EXPECT_EQ(machine.ttl(), 5s);
}

TEST(HoldMachine, LongerNeedsTheStore) {
    HoldMachine machine = of(30s);
    EXPECT_FALSE(machine.shorten(60s, at_first + 1s));
    EXPECT_EQ(machine.deadline(), end_of_30s);
    EXPECT_EQ(machine.extended(renewed(), at_first + 1s, 60s, at_first + 2s), Verdict::renewed);
    EXPECT_EQ(machine.deadline(), at_first + 61s - 602ms);
    EXPECT_EQ(machine.due(), at_first + 21s) << "and is renewed with it";
    EXPECT_EQ(machine.extended(failed(Errc::busy), at_first + 3s, 90s, at_first + 3s),
              Verdict::unknown);
    EXPECT_EQ(machine.ttl(), 60s);
}

Reply renewed_for(std::chrono::milliseconds ttl) {
    return {.outcome = Outcome::renewed, .ttl = ttl};
}

TEST(HoldMachine, RenewalForLessMovesTheDeadlineBySoMuch) {
    HoldMachine machine = of(30s);
    (void)machine.next_duty(at_first + 10s);
    EXPECT_EQ(machine.replied(renewed_for(25s), at_first + 10s, 30s, at_first + 10s),
              Verdict::renewed);
    EXPECT_EQ(machine.deadline(), at_first + 35s - safety_margin(25s));
    EXPECT_EQ(machine.due(), at_first + 10s + std::chrono::nanoseconds{25s} / 3);
    EXPECT_EQ(machine.ttl(), 30s) << "the next one asks for all of it";
}

TEST(HoldMachine, RenewalForMoreIsWhatWasAsked) {
    HoldMachine machine = of(30s);
    (void)machine.next_duty(at_first + 10s);
    EXPECT_EQ(machine.replied(renewed_for(1h), at_first + 10s, 30s, at_first + 10s),
              Verdict::renewed);
    EXPECT_EQ(machine.deadline(), end_of_30s + 10s);
}

TEST(HoldMachine, RenewalsForNextToNothingShortenNothingAndAreNoStorm) {
    HoldMachine machine = of(30s);
    int tries = 0;
    for (auto now = machine.due(); machine.next_duty(now) == Duty::renew; now = machine.due()) {
        EXPECT_EQ(machine.replied(renewed_for(1ms), now, 30s, now), Verdict::renewed);
        EXPECT_EQ(machine.deadline(), end_of_30s);
        ASSERT_LT(++tries, 10);
    }
}

TEST(HoldMachine, ExtensionForLessIsBelievedForLess) {
    HoldMachine machine = of(30s);
    EXPECT_EQ(machine.extended(renewed_for(40s), at_first + 1s, 60s, at_first + 2s),
              Verdict::renewed);
    EXPECT_EQ(machine.deadline(), at_first + 41s - safety_margin(40s));
    EXPECT_EQ(machine.ttl(), 60s);
}

// Handed over by a release: a lease of 30 s, of which 3 s are granted.
HoldMachine handed_over() { return HoldMachine{{.ttl = 30s, .seed = 7}, at_first, 3s}; }

TEST(HoldMachine, HandOffIsBelievedForItsOwnTime) {
    EXPECT_EQ(handed_over().deadline(), at_first + 3s - safety_margin(3s));
}

TEST(HoldMachine, HandOffIsRenewedAtAThirdOfItsOwnTimeForTheWholeTtl) {
    HoldMachine machine = handed_over();
    EXPECT_EQ(machine.ttl(), 30s);
    EXPECT_EQ(machine.due(), at_first + 1s);
    EXPECT_EQ(machine.next_duty(at_first + 1s), Duty::renew);
    EXPECT_EQ(machine.replied(renewed(), at_first + 1s, 30s, at_first + 1s), Verdict::renewed);
    EXPECT_EQ(machine.deadline(), end_of_30s + 1s);
    EXPECT_EQ(machine.due(), at_first + 11s);
}

TEST(HoldMachine, RenewalOfAHandOffHasTimeForSeveralTries) {
    HoldMachine machine = handed_over();
    auto now = machine.due();
    int tries = 0;
    for (; machine.next_duty(now) == Duty::renew; now = machine.due()) {
        EXPECT_EQ(machine.replied(failed(Errc::loading), now, 30s, now), Verdict::unknown);
        ++tries;
    }
    EXPECT_GE(tries, 5);
    EXPECT_EQ(now, machine.deadline());
}

}  // namespace
}  // namespace leaselock::detail
