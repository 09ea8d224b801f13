// Goal: operations that nobody waits for are completed as soon as their answers are there, or their
// time is over, whatever callers are at; each once. Method: channels to a peer that answers on
// demand, and operations with a completion and without a caller.
#include <atomic>
#include <gtest/gtest.h>

#include "fault/channel_call.hpp"
#include "fault/lock_peer.hpp"
#include "support/free_port.hpp"
#include "support/poll_until.hpp"

namespace leaselock::redis {
namespace {

using namespace std::chrono_literals;
using support::Answer;
using support::Heard;
using support::LockPeer;
using support::poll_until;

// A call whose thread goes on.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Completion
struct Posted final : Call, Completion {
    explicit Posted(int number, Verb verb = Verb::acquire, Submitter how = Submitter::goes_on)
        : Call{number, verb} {
        operation.submitter = how;
        operation.completion = this;
    }
    void completed(Operation& /*operation*/) noexcept override { ++times; }
    [[nodiscard]] bool is_completed() const {
        return poll_until([&] { return times == 1; });
    }

    std::atomic<int> times{0};
};

class RedisCommandChannelEngine : public ::testing::Test {
  protected:
    LockPeer lock_peer_;
    support::ScriptedPeer& peer_ = lock_peer_.peer();
};

TEST_F(RedisCommandChannelEngine, ConnectsAndReadsForWhoeverDoesNotWait) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    for (int i = 1; i <= 3; ++i) {
        Posted posted{i};
        channel.submit(posted.operation);
        ASSERT_TRUE(posted.is_completed());
        expect_granted(posted);
    }
    EXPECT_EQ(peer_.connections(), 1U);
}

TEST_F(RedisCommandChannelEngine, ReadsThePostedReleaseThatNoCallerReads) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    Call first{1};
    run(channel, first);
    Posted posted{1, Verb::release, Submitter::passes_by};
    channel.submit(posted.operation);
    ASSERT_TRUE(posted.is_completed());
    EXPECT_EQ(posted.reply().outcome, Outcome::released);
}

TEST_F(RedisCommandChannelEngine, CallerReadsForThoseThatDoNotWait) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    Posted before{1};
    Call call{2};
    Posted after{3};
    channel.submit(before.operation);
    channel.submit(call.operation);
    channel.submit(after.operation);
    finish(channel, call);
    expect_granted(call);
    ASSERT_TRUE(before.is_completed());
    ASSERT_TRUE(after.is_completed());
    expect_granted(before);
    expect_granted(after);
}

TEST_F(RedisCommandChannelEngine, WhatIsNotAnsweredIsUnknownAfterTheTimeOut) {
    CommandChannel channel{settings(peer_.endpoint(), soon), boot_clock()};
    lock_peer_.on_call([](const Heard&) { return Answer::silence(); });
    for (const Submitter how : {Submitter::goes_on, Submitter::passes_by}) {
        Posted posted{1, Verb::release, how};
        channel.submit(posted.operation);
        ASSERT_TRUE(posted.is_completed());
        expect_failed(posted, Errc::command_timed_out);
    }
}

TEST_F(RedisCommandChannelEngine, WhatWasNotSentWhenTheConnectionBrokeGoesOutOnTheNext) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.script({Answer::close()});
    Posted cut_off{1};
    channel.submit(cut_off.operation);
    ASSERT_TRUE(cut_off.is_completed());
    expect_failed(cut_off, Errc::connection_lost);
    lock_peer_.on_call(support::yes);
    Posted next{2};
    channel.submit(next.operation);
    ASSERT_TRUE(next.is_completed());
    expect_granted(next);
}

TEST_F(RedisCommandChannelEngine, WhatIsCancelledIsCompletedOnceWhateverComesLater) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.on_call([](const Heard&) { return Answer::silence(); });
    Posted cancelled{1};
    channel.submit(cancelled.operation);
    ASSERT_TRUE(poll_until([&] { return lock_peer_.calls().size() == 1; }));
    channel.cancel(cancelled.operation);
    ASSERT_TRUE(cancelled.is_completed());
    expect_failed(cancelled, Errc::command_timed_out);
    peer_.push(support::granted("1"));
    lock_peer_.on_call(support::yes);
    Posted next{2};
    channel.submit(next.operation);
    ASSERT_TRUE(next.is_completed());
    expect_granted(next);
    EXPECT_EQ(cancelled.times, 1);
}

TEST_F(RedisCommandChannelEngine, ServerThatCannotBeReachedRefusesThemAllInTime) {
    CommandChannel channel{settings({"127.0.0.1", support::free_port(), {}}, enough), boot_clock()};
    for (int i = 0; i < 5; ++i) {
        Posted posted{i};
        channel.submit(posted.operation);
        ASSERT_TRUE(posted.is_completed());
        expect_failed(posted, Errc::connect_failed);
    }
}

TEST_F(RedisCommandChannelEngine, LinkThatEndsWhileItConnectsLeavesNothing) {
    peer_.on_command([](const auto&) { return Answer::silence(); });
    for (int i = 0; i < 20; ++i) {
        CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
        Posted posted{i};
        channel.submit(posted.operation);
        channel.cancel(posted.operation);
        ASSERT_TRUE(posted.is_completed());
        expect_failed(posted, Errc::connect_failed);
    }
}

// At each moment of a connect, also when it has just succeeded.
TEST_F(RedisCommandChannelEngine, ChannelMayEndAtAnyMomentOfItsConnect) {
    for (std::chrono::microseconds into{0}; into < 2ms; into += 2us) {
        CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
        Posted posted{1};
        channel.submit(posted.operation);
        channel.cancel(posted.operation);
        const auto until = boot_clock()->now() + into;
        while (boot_clock()->now() < until) {
        }
    }
}

}  // namespace
}  // namespace leaselock::redis
