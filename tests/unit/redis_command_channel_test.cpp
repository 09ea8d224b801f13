// Goal: whatever becomes of a connection, each operation in flight on it ends once, in time, with
// its own answer or an honest failure, and the next one works. Method: a peer that refuses, closes,
// lies, is silent or answers late. Long deadlines belong to what must happen, short ones to what
// must not; a short one may be exceeded ten times on a busy machine.
#include <deque>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/testing/manual_clock.hpp>

#include "fault/channel_call.hpp"
#include "fault/lock_peer.hpp"
#include "redis/command_channel.hpp"
#include "support/free_port.hpp"
#include "support/poll_until.hpp"

namespace leaselock::redis {
namespace {

using support::Answer;
using support::Heard;
using support::LockPeer;
using support::poll_until;

class RedisCommandChannel : public ::testing::Test {
  protected:
    void fall_silent() {
        lock_peer_.on_call([](const Heard&) { return Answer::silence(); });
    }

    LockPeer lock_peer_;
    support::ScriptedPeer& peer_ = lock_peer_.peer();
};

TEST_F(RedisCommandChannel, NoscriptIsAnsweredWithTheWholeScriptInTheSameTry) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.on_call([](const Heard& call) {
        return call.whole_script ? support::yes(call)
                                 : Answer::reply("-NOSCRIPT No matching script.\r\n");
    });
    const std::vector<std::pair<Verb, Outcome>> expected{{Verb::acquire, Outcome::granted},
                                                         {Verb::renew, Outcome::renewed},
                                                         {Verb::release, Outcome::released},
                                                         {Verb::inspect, Outcome::free}};
    for (const auto& [verb, outcome] : expected) {
        Call call{7, verb};
        run(channel, call);
        EXPECT_EQ(call.reply().outcome, outcome) << call.reply().detail;
    }
    EXPECT_EQ(lock_peer_.calls().size(), 2 * expected.size());
    EXPECT_EQ(peer_.connections(), 1U);
}

// The server knows the script of an acquire and not that of a release, which was posted before.
TEST_F(RedisCommandChannel, AcquireFindsFreeWhatAReleaseBeforeItFreesInItsSecondTry) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.on_call([is_held = true](const Heard& call) mutable {
        if (call.verb == Verb::acquire) {
            return is_held ? Answer::reply(support::held_by("other/1", 1'000)) : support::yes(call);
        }
        if (!call.whole_script) return Answer::reply("-NOSCRIPT No matching script.\r\n");
        is_held = false;
        return support::yes(call);
    });
    Call release{1, Verb::release};
    release.operation.submitter = Submitter::passes_by;
    Call acquire{2};
    channel.submit(release.operation);
    run(channel, acquire);
    expect_granted(acquire);
    EXPECT_EQ(release.reply().outcome, Outcome::released);
    EXPECT_EQ(lock_peer_.calls().size(), 4U);
}

// One poll more is enough.
TEST_F(RedisCommandChannel, AcquireOfALockThatStaysHeldIsSaidToBeHeldAfterASecondTryOfARelease) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.on_call([](const Heard& call) {
        if (call.verb == Verb::acquire) return Answer::reply(support::held_by("other/1", 1'000));
        return call.whole_script ? support::yes(call) : Answer::reply("-NOSCRIPT\r\n");
    });
    Call release{1, Verb::release};
    release.operation.submitter = Submitter::passes_by;
    Call acquire{2};
    channel.submit(release.operation);
    run(channel, acquire);
    EXPECT_EQ(acquire.reply().outcome, Outcome::held);
    EXPECT_EQ(acquire.reply().holder, "other/1");
    EXPECT_EQ(lock_peer_.calls().size(), 4U);
}

TEST_F(RedisCommandChannel, NoscriptToAWholeScriptIsAnErrorAndNoLoop) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.on_call([](const Heard&) { return Answer::reply("-NOSCRIPT never\r\n"); });
    Call call{1};
    run(channel, call);
    expect_failed(call, Errc::unexpected_reply);
    EXPECT_EQ(lock_peer_.calls().size(), 2U);
}

TEST_F(RedisCommandChannel, LostReplyIsUnknownAndTheConnectionIsReplaced) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    for (const Answer& end : {Answer::close(), Answer::reset(), Answer::close("*3\r\n:1\r\n")}) {
        const std::size_t before = peer_.connections();
        lock_peer_.script({end});
        Call lost{1};
        run(channel, lost);
        expect_failed(lost, Errc::connection_lost);
        expect_granted(channel, 2);
        EXPECT_LE(peer_.connections(), before + 2);
    }
}

TEST_F(RedisCommandChannel, HalfAReplyAndSilenceTimesOutAndIsNotTheNextOnesAnswer) {
    CommandChannel channel{settings(peer_.endpoint(), 5 * soon), boot_clock()};
    const std::string whole = support::granted("1");
    lock_peer_.script({Answer::reply(whole.substr(0, whole.size() - 3))});
    Call half{1};
    const auto start = boot_clock()->now();
    run(channel, half);
    EXPECT_LT(boot_clock()->now() - start, 50 * soon);
    expect_failed(half, Errc::command_timed_out);
    expect_granted(channel, 2);
    EXPECT_EQ(peer_.connections(), 2U);
}

TEST_F(RedisCommandChannel, GarbageIsAProtocolErrorAndEndsTheConnection) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.script({Answer::reply("HTTP/1.1 200 OK\r\n")});
    Call garbage{1};
    run(channel, garbage);
    expect_failed(garbage, Errc::protocol_error);
    expect_granted(channel, 2);
    EXPECT_EQ(peer_.connections(), 2U);
}

TEST_F(RedisCommandChannel, ReplyTooManyEndsTheConnection) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.script({Answer::reply(support::granted("1") + support::granted("9"))});
    expect_granted(channel, 1);
    expect_granted(channel, 2);
    EXPECT_EQ(peer_.connections(), 2U);
}

TEST_F(RedisCommandChannel, WhatNobodyAskedForEndsAnIdleConnection) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    Call first{1};
    run(channel, first);
    expect_granted(first);
    // What is pushed reaches the older connection first.
    wire::Connection witness{boot_clock()};
    std::string why;
    wire::RespValue reply;
    ASSERT_FALSE(witness.open(peer_.endpoint(), boot_clock()->now() + enough, why)) << why;
    peer_.push(support::granted("9"));
    ASSERT_EQ(witness.receive(reply, boot_clock()->now() + enough), wire::Received::reply);
    ASSERT_TRUE(
        poll_until([until = boot_clock()->now() + soon] { return boot_clock()->now() > until; }));
    expect_granted(channel, 2);
    EXPECT_EQ(peer_.connections(), 3U);
}

TEST_F(RedisCommandChannel, IdleConnectionThatWasClosedIsReplacedUnseen) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    for (int i = 1; i <= 3; ++i) {
        expect_granted(channel, i);
        peer_.drop_all();
        ASSERT_TRUE(poll_until([&] { return peer_.open_connections() == 0; }));
        ASSERT_TRUE(poll_until(
            [until = boot_clock()->now() + soon] { return boot_clock()->now() > until; }));
    }
    EXPECT_EQ(peer_.connections(), 3U);
}

// As the release of a destructor, whose answer is left to the next caller.
TEST_F(RedisCommandChannel, IdleConnectionWithAnUnreadAnswerThatWasClosedIsReplacedUnseen) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    expect_granted(channel, 1);
    Call posted{1, Verb::release};
    channel.submit(posted.operation);
    ASSERT_TRUE(poll_until([&] { return lock_peer_.calls().size() == 2; }));
    peer_.drop_all();
    ASSERT_TRUE(poll_until([&] { return peer_.open_connections() == 0; }));
    ASSERT_TRUE(
        poll_until([until = boot_clock()->now() + soon] { return boot_clock()->now() > until; }));
    expect_granted(channel, 2);
    EXPECT_TRUE(posted.operation.done());
    EXPECT_EQ(posted.reply().outcome, Outcome::released);
    EXPECT_EQ(peer_.connections(), 2U);
}

TEST_F(RedisCommandChannel, WhenOneTimesOutAllInFlightAreUnknownAndNoneIsMixedUp) {
    // Long enough for a slow machine to connect, and to answer the last one.
    CommandChannel channel{settings(peer_.endpoint(), 20 * soon), boot_clock()};
    expect_granted(channel, 10);
    fall_silent();
    std::deque<Call> calls;
    for (int i = 1; i <= 8; ++i) channel.submit(calls.emplace_back(i).operation);
    {
        std::vector<std::jthread> threads;
        threads.reserve(calls.size());
        for (Call& call : calls) threads.emplace_back([&] { finish(channel, call); });
    }
    for (const Call& call : calls) expect_failed(call, Errc::command_timed_out);
    lock_peer_.on_call(support::yes);
    expect_granted(channel, 9);
    EXPECT_EQ(peer_.connections(), 2U);
}

TEST_F(RedisCommandChannel, CallerInAHurryIsLetGoAndTheOthersGetTheirAnswers) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    expect_granted(channel, 1);
    fall_silent();
    Call hurried{2, Verb::acquire, boot_clock()->now() + soon};
    Call patient{3};
    channel.submit(hurried.operation);
    channel.submit(patient.operation);
    std::jthread other{[&] { finish(channel, patient); }};
    finish(channel, hurried);
    expect_failed(hurried, Errc::command_timed_out);
    peer_.push(support::granted("2") + support::granted("3"));
    other.join();
    expect_granted(patient);
    EXPECT_EQ(peer_.connections(), 1U);
}

TEST_F(RedisCommandChannel, CallerInAHurryBeforeAConnectionHasSentNothing) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    peer_.on_command([](const auto&) { return Answer::silence(); });
    Call call{1, Verb::acquire, boot_clock()->now() + soon};
    run(channel, call);
    expect_failed(call, Errc::connect_failed);
    EXPECT_TRUE(lock_peer_.calls().empty());
}

// The one for which it is made is in a hurry, the other one is not.
TEST_F(RedisCommandChannel, ConnectingGoesOnWhenTheCallerThatBeganItLeaves) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    std::atomic<bool> hurried_is_gone{false};
    peer_.on_connect([&] {
        (void)poll_until([&] { return hurried_is_gone.load(); });
        return Answer::silence();
    });
    Call hurried{1, Verb::acquire, boot_clock()->now() + soon};
    Call patient{2};
    channel.submit(hurried.operation);
    channel.submit(patient.operation);
    finish(channel, hurried);
    expect_failed(hurried, Errc::connect_failed);
    hurried_is_gone = true;
    finish(channel, patient);
    expect_granted(patient);
    EXPECT_EQ(peer_.connections(), 1U);
}

TEST_F(RedisCommandChannel, OverdueAnswerOfACallerThatLeftIsNotWaitedForOnceMore) {
    CommandChannel channel{settings(peer_.endpoint(), 10 * soon), boot_clock()};
    expect_granted(channel, 1);
    fall_silent();
    Call hurried{2, Verb::acquire, boot_clock()->now() + soon};
    run(channel, hurried);
    const auto overdue = hurried.operation.request.submitted + 10 * soon;
    ASSERT_TRUE(poll_until([&] { return boot_clock()->now() > overdue; }));
    lock_peer_.on_call(support::yes);
    expect_granted(channel, 3);
    EXPECT_EQ(peer_.connections(), 2U);
}

TEST_F(RedisCommandChannel, LateAnswerOfACallerThatLeftIsNobodyElses) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    expect_granted(channel, 1);
    fall_silent();
    Call hurried{2, Verb::acquire, boot_clock()->now() + soon};
    run(channel, hurried);
    expect_failed(hurried, Errc::command_timed_out);
    lock_peer_.on_call(support::yes);
    peer_.push(support::granted("2"));
    expect_granted(channel, 3);
    EXPECT_EQ(peer_.connections(), 1U);
}

TEST_F(RedisCommandChannel, WhatIsBeyondMaxInFlightIsNotSent) {
    ConnectionSettings few = settings(peer_.endpoint(), enough);
    few.max_in_flight = 2;
    CommandChannel channel{few, boot_clock()};
    expect_granted(channel, 1);
    fall_silent();
    Call second{2};
    Call third{3};
    Call beyond{4};
    for (Call* call : {&second, &third, &beyond}) channel.submit(call->operation);
    expect_failed(beyond, Errc::too_many_in_flight);
    EXPECT_EQ(make_error_code(beyond.reply().error), Family::unavailable);
    ASSERT_TRUE(poll_until([&] { return lock_peer_.calls().size() == 3; }));
    peer_.push(support::granted("2") + support::granted("3"));
    finish(channel, second);
    finish(channel, third);
    expect_granted(second);
    expect_granted(third);
    lock_peer_.on_call(support::yes);
    expect_granted(channel, 5);
    for (const Heard& call : lock_peer_.calls()) EXPECT_NE(call.token, "me/4");
}

TEST_F(RedisCommandChannel, MaxInFlightBoundsWhatWaitsForAConnectionToo) {
    ConnectionSettings few = settings({"127.0.0.1", support::free_port(), {}}, enough);
    few.max_in_flight = 1;
    CommandChannel channel{few, boot_clock()};
    Call first{1};
    Call beyond{2};
    channel.submit(first.operation);
    channel.submit(beyond.operation);
    expect_failed(beyond, Errc::too_many_in_flight);
    finish(channel, first);
    expect_failed(first, Errc::connect_failed);
}

TEST_F(RedisCommandChannel, CallerThatLooksBeforeItSleepsGetsItsAnswerAndKeepsItsDeadline) {
    ConnectionSettings spinning = settings(peer_.endpoint(), enough);
    spinning.spin = 1ms;
    CommandChannel channel{spinning, boot_clock()};
    for (int i = 1; i <= 50; ++i) {
        expect_granted(channel, i);
    }
    fall_silent();
    Call hurried{51, Verb::acquire, boot_clock()->now() + soon};
    run(channel, hurried);
    expect_failed(hurried, Errc::command_timed_out);
    EXPECT_GE(boot_clock()->now(), hurried.operation.request.deadline);
}

TEST_F(RedisCommandChannel, RefusedIsUnavailable) {
    CommandChannel channel{settings({"127.0.0.1", support::free_port(), {}}, enough), boot_clock()};
    Call call{1};
    run(channel, call);
    expect_failed(call, Errc::connect_failed);
}

const std::string read_only = "-READONLY You can't write against a read only replica.\r\n";

// Its time is over when the server's no comes, and the no is for all the same: who comes next must
// not say the wrong password at once again.
TEST_F(RedisCommandChannel, RefusedLoginOfACallerInAHurryCounts) {
    const auto clock =
        std::make_shared<testing::ManualClock>(testing::ManualClock::Sleep::self_advancing);
    peer_.on_command([&](const auto&) {
        clock->advance(enough / 2);
        return Answer::reply("-WRONGPASS no\r\n");
    });
    ConnectionSettings who = settings(peer_.endpoint(), enough);
    who.credentials.password = "wrong";
    CommandChannel channel{std::move(who), clock};
    const auto now = clock->now();
    Operation operation{{.verb = Verb::inspect,
                         .key = "key",
                         .token = {},
                         .submitted = now,
                         .deadline = now + enough / 4}};
    channel.submit(operation);
    ASSERT_TRUE(poll_until([&] { return operation.done(); }));
    EXPECT_EQ(operation.reply.error, Errc::authentication_failed) << operation.reply.detail;
}

TEST_F(RedisCommandChannel, ReadonlyDropsTheConnection) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.script({Answer::reply(read_only)});
    Call refused{1};
    run(channel, refused);
    expect_failed(refused, Errc::read_only);
    expect_granted(channel, 2);
    EXPECT_EQ(peer_.connections(), 2U);
}

TEST_F(RedisCommandChannel, ReadonlyDropsTheConnectionAlsoIfItIsNeverIdle) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.script({Answer::reply(read_only), Answer::silence()});
    Call refused{1};
    Call in_flight{2};
    channel.submit(refused.operation);
    channel.submit(in_flight.operation);
    finish(channel, refused);
    Call next{3};
    channel.submit(next.operation);
    ASSERT_TRUE(poll_until([&] { return lock_peer_.calls().size() == 2; }));
    peer_.push(support::granted("2"));
    finish(channel, in_flight);
    expect_granted(in_flight);
    finish(channel, next);
    expect_granted(next);
    EXPECT_EQ(peer_.connections(), 2U);
}

}  // namespace
}  // namespace leaselock::redis
