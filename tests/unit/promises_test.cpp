// Goal: what a holder is promised of renewal, release and clean-up, where one careless line would
// break it: nothing is renewed after its release, a destructor does not wait, what is owed is
// repeated until it is answered. Method: a clock that is moved by hand and a backend that keeps a
// record; and a peer that plays the server.
#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>

#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "fault/lock_peer.hpp"
#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::Answer;
using support::Heard;
using support::LockPeer;
using support::poll_until;

// A world whose threads sleep until the test moves the time.
struct Promises : ::testing::Test {
    // Moves the time, and lets the LeaseTask do what is due then.
    void pass(std::chrono::milliseconds time) {
        world.clock->wait_for_background();
        world.clock->advance(time);
        world.clock->wait_for_background();
    }
    [[nodiscard]] long count(Verb verb) const {
        const auto records = world.backend->records();
        return std::count_if(records.begin(), records.end(),
                             [&](const auto& record) { return record.verb == verb; });
    }

    ManagerWorld world{testing::ManualClock::Sleep::blocking};
    std::error_code ec;
};

TEST_F(Promises, NothingIsRenewedOrLostAfterItsRelease) {
    auto lock = world.manager.acquire("key", {.ttl = 9s});
    pass(3s);
    EXPECT_EQ(count(Verb::renew), 1);
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    for (int i = 0; i < 10; ++i) pass(1s);
    EXPECT_EQ(count(Verb::renew), 1);
    EXPECT_EQ(world.manager.stats().held_now, 0U);
    EXPECT_EQ(world.manager.stats().lost, 0U);
}

TEST_F(Promises, RenewalGoesOnBehindAnyNumberOfFailures) {
    const auto lock = world.manager.acquire("key", {.ttl = 9s});
    world.backend->fail_all({.error = Errc::connection_lost});
    pass(3s);
    for (int i = 0; i < 4; ++i) pass(1s);
    EXPECT_GE(count(Verb::renew), 4);
    world.backend->heal();
    pass(1s);
    EXPECT_GT(lock->remaining(), 4s);
}

// A pumped command is done by the thread that waits for it.
TEST_F(Promises, DestructorLeavesTheWaitingToAnotherThread) {
    std::optional<ScopedDistributedLock> lock = world.manager.acquire("key");
    std::atomic<bool> waited_here{false};
    std::atomic<bool> waited{false};
    world.backend->on_help([&, here = std::this_thread::get_id()](const Request&) {
        if (std::this_thread::get_id() == here) waited_here = true;
        waited = true;
    });
    lock.reset();
    EXPECT_FALSE(waited_here);
    EXPECT_TRUE(poll_until([&] { return waited.load(); })) << "nobody has delivered it";
}

TEST_F(Promises, WhatIsOwedIsRepeatedUntilItIsAnswered) {
    world.backend->fail_next({.error = Errc::command_timed_out, .runs = true});
    for (int i = 0; i < 3; ++i) world.backend->fail_next({.error = Errc::command_timed_out});
    EXPECT_FALSE(granted(world.manager.acquire("key", {}, ec)));
    EXPECT_EQ(ec, Family::unknown);
    for (int i = 0; i < 10 && world.manager.stats().cleanups == 0; ++i) pass(5s);
    EXPECT_EQ(count(Verb::release), 4);
    world.backend->heal();
    EXPECT_FALSE(world.other.inspect("key").held);
    EXPECT_EQ(world.manager.stats().cleanups_now, 0U);
    EXPECT_EQ(world.manager.stats().cleanups, 1U);
}

// The answer to a posted release has no reader but the LeaseTask.
TEST(PostedRelease, IsSentAsAWholeScriptWhenTheServerHasForgottenIt) {
    LockPeer peer;
    LockManager locks = connect(support::patient(peer.peer().url()), {});
    {
        const auto lock = locks.acquire("key");
        peer.on_call([](const Heard& call) {
            return call.whole_script ? support::yes(call) : Answer::reply("-NOSCRIPT gone\r\n");
        });
    }
    const auto has_come = [&] {
        const Heard last = peer.calls().back();
        return last.verb == Verb::release && last.whole_script;
    };
    EXPECT_TRUE(poll_until(has_come, 5s));
}

// The process may end next, and a connection with unread answers would be reset.
TEST(PostedRelease, OfAGuardThatOutlivesItsManagerIsWaitedFor) {
    LockPeer peer;
    std::optional<LockManager> locks{
        connect(support::patient(peer.peer().url()), {.shutdown_timeout = 10s})};
    auto lock = locks->acquire("key");
    ASSERT_TRUE(lock.has_value());
    locks.reset();
    std::atomic<bool> is_answered{false};
    peer.on_call([&](const Heard& call) {
        const auto until = boot_clock()->now() + 100ms;
        EXPECT_TRUE(poll_until([&] { return boot_clock()->now() > until; }));
        is_answered = true;
        return support::yes(call);
    });
    lock.reset();
    EXPECT_TRUE(is_answered);
}

}  // namespace
}  // namespace leaselock
