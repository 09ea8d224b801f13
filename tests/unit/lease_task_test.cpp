// Goal: what is held is renewed and nothing else is; a loss is reported once; a release that is
// owed is delivered. Method: a clock that stands still until it is moved, a store that fails on
// demand, and questions that are asked when the manager's threads have done all there was to do.
#include <atomic>
#include <gtest/gtest.h>
#include <stop_token>
#include <sys/wait.h>
#include <unistd.h>

#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using Sleep = testing::ManualClock::Sleep;

class LeaseTask : public ::testing::Test {
  protected:
    // What is owed is delivered at the end, and nobody waits for a time that does not come.
    void TearDown() override { world_.backend->heal(); }

    std::size_t count(Verb verb) const {
        const auto records = world_.backend->records();
        return static_cast<std::size_t>(std::count_if(
            records.begin(), records.end(), [&](const auto& each) { return each.verb == verb; }));
    }
    // Moves the time, and waits until what is due then is done.
    void pass(Clock::duration time) {
        world_.clock->wait_for_background();
        world_.clock->advance(time);
        world_.clock->wait_for_background();
    }

    ManagerWorld world_{Sleep::blocking};
};

TEST_F(LeaseTask, RenewsAtAThirdOfTheTtlAsLongAsTheGuardLives) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s});
    pass(10s - 1ms);
    EXPECT_EQ(count(Verb::renew), 0U);
    pass(1ms);
    EXPECT_EQ(count(Verb::renew), 1U);
    EXPECT_EQ(lock->remaining(), 30s - 302ms);
    for (int i = 0; i < 20; ++i) pass(10s);
    EXPECT_TRUE(lock->owns_lock()) << "seven times its ttl";
    EXPECT_FALSE(granted(world_.other.acquire("key")));
    EXPECT_EQ(world_.manager.stats().renewed, 21U);
    EXPECT_EQ(lock->release(), ReleaseResult::released);
}

TEST_F(LeaseTask, RenewsNothingBehindARelease) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s});
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    { const auto other = world_.manager.acquire("key2", {.ttl = 30s}); }
    pass(10s);
    pass(20s);
    EXPECT_EQ(count(Verb::renew), 0U);
    EXPECT_EQ(world_.manager.stats().held_now, 0U);
}

TEST_F(LeaseTask, PollsSoonerForALeaseThatIsDueSooner) {
    const auto slow = world_.manager.acquire("slow", {.ttl = 1h});
    world_.clock->wait_for_background();
    const auto quick = world_.manager.acquire("quick", {.ttl = 3s});
    pass(1s);
    EXPECT_EQ(count(Verb::renew), 1U);
    EXPECT_TRUE(quick->owns_lock());
}

TEST_F(LeaseTask, RenewalThatIsOffEndsAtItsTtl) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s, .renewal = Renewal::off});
    pass(29s);
    EXPECT_TRUE(lock->owns_lock());
    pass(1s);
    EXPECT_FALSE(lock->owns_lock());
    EXPECT_EQ(count(Verb::renew), 0U);
    EXPECT_EQ(world_.manager.stats().lost, 1U);
}

TEST_F(LeaseTask, MaxHoldEndsRenewalAndFiresTheLoss) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s, .max_hold = 65s});
    const std::stop_token lost = lock->lost();
    for (int i = 0; i < 6; ++i) pass(10s);
    EXPECT_FALSE(lost.stop_requested());
    pass(5s);
    EXPECT_TRUE(lost.stop_requested());
    EXPECT_FALSE(lock->owns_lock());
}

// Pain: one failed renewal ended all later ones.
TEST_F(LeaseTask, OneFailureNeverStopsLaterTries) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s});
    world_.backend->fail_all({.error = Errc::command_timed_out});
    for (int i = 0; i < 25; ++i) pass(1s);
    EXPECT_GT(count(Verb::renew), 5U);
    EXPECT_TRUE(lock->owns_lock());
    world_.backend->heal();
    for (int i = 0; i < 4; ++i) pass(1s);
    EXPECT_GT(lock->remaining(), 25s) << "healed in time";
    EXPECT_GT(world_.manager.stats().renewals_failed, 5U);
}

TEST_F(LeaseTask, HealedTooLateIsLostForGoodAndTheKeyIsNotMadeAgain) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s});
    world_.backend->fail_all({.error = Errc::connect_failed});
    for (int i = 0; i < 31; ++i) pass(1s);
    world_.backend->heal();
    for (int i = 0; i < 40; ++i) pass(1s);
    EXPECT_FALSE(lock->owns_lock());
    EXPECT_EQ(lock->remaining(), 0ms);
    EXPECT_FALSE(world_.other.inspect("key").held);
    std::error_code ec;
    lock->extend(30s, ec);
    EXPECT_EQ(ec, Errc::lost);
    EXPECT_TRUE(world_.manager.acquire("key"));
}

// Pain: the holder is never told that its lock is gone.
TEST_F(LeaseTask, LossThatTheStoreTellsIsToldAtOnceAndOnce) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s});
    std::atomic<int> told{0};
    const std::stop_callback callback{lock->lost(), [&] { ++told; }};
    const std::string token = world_.backend->records().back().token;
    Operation foreign{{.verb = Verb::release, .key = "hazel:lock:key", .token = token}};
    world_.backend->submit(foreign);
    ASSERT_EQ(foreign.reply.outcome, Outcome::released);
    pass(10s);
    EXPECT_TRUE(poll_until([&] { return told == 1; }));
    EXPECT_FALSE(lock->owns_lock());
    EXPECT_THROW(lock->ensure(), LockLost);
    pass(60s);
    EXPECT_EQ(told, 1);
    EXPECT_EQ(world_.manager.stats().lost, 1U);
    EXPECT_EQ(lock->release(), ReleaseResult::lost);
}

TEST_F(LeaseTask, LostDoesNotFireByARelease) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s});
    const std::stop_token lost = lock->lost();
    lock->release();
    pass(1h);
    EXPECT_FALSE(lost.stop_requested());
    EXPECT_FALSE(lock->lost().stop_requested());
}

TEST_F(LeaseTask, LostOfALossThatIsOldHasFired) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s, .renewal = Renewal::off});
    pass(31s);
    EXPECT_TRUE(lock->lost().stop_requested());
}

TEST_F(LeaseTask, CallbackThatBlocksHoldsUpNoRenewal) {
    auto doomed = world_.manager.acquire("doomed", {.ttl = 10s, .renewal = Renewal::off});
    auto lock = world_.manager.acquire("key", {.ttl = 30s});
    std::atomic<bool> blocked{false};
    std::atomic<bool> go_on{false};
    const std::stop_callback callback{doomed->lost(), [&] {
                                          blocked = true;
                                          blocked.notify_all();
                                          go_on.wait(false);
                                      }};
    world_.clock->wait_for_background();
    for (std::size_t renewed = 1; renewed <= 6; ++renewed) {
        world_.clock->advance(10s);
        EXPECT_TRUE(poll_until([&] { return count(Verb::renew) == renewed; }));
        blocked.wait(false);
    }
    EXPECT_TRUE(lock->owns_lock());
    go_on = true;
    go_on.notify_all();
}

TEST_F(LeaseTask, CallbackMayDestroyTheGuard) {
    auto lock = world_.manager.acquire("key", {.ttl = 10s, .renewal = Renewal::off});
    std::atomic<bool> done{false};
    const std::stop_token lost = lock->lost();
    const std::stop_callback callback{lost, [&] {
                                          lock.reset();
                                          done = true;
                                      }};
    pass(10s);
    EXPECT_TRUE(poll_until([&] { return done.load(); }));
}

TEST_F(LeaseTask, ExtendReplacesTheLeaseAndItsRenewal) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s});
    lock->extend(60s);
    EXPECT_EQ(lock->remaining(), 60s - 602ms);
    lock->extend(60s);
    EXPECT_EQ(lock->remaining(), 60s - 602ms) << "replaced, not added";
    EXPECT_EQ(count(Verb::renew), 1U) << "the second one had nothing to ask for";
    lock->extend(3s);
    EXPECT_EQ(lock->remaining(), 3s - 32ms);
    EXPECT_EQ(count(Verb::renew), 1U) << "nothing is shortened at the store";
    pass(1s);
    EXPECT_EQ(count(Verb::renew), 2U);
    EXPECT_EQ(lock->remaining(), 3s - 32ms);
}

TEST_F(LeaseTask, ExtendThatFailsLeavesTheLeaseAsItWas) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s});
    world_.backend->fail_next({.error = Errc::busy});
    EXPECT_THROW(lock->extend(60s), LockError);
    EXPECT_EQ(lock->remaining(), 30s - 302ms);
    std::error_code ec;
    lock->extend(1ms, ec);
    EXPECT_EQ(ec, Errc::invalid_option);
}

TEST_F(LeaseTask, ExtendThatIsToldNoIsALoss) {
    auto lock = world_.manager.acquire("key", {.ttl = 30s});
    const std::string token = world_.backend->records().back().token;
    Operation foreign{{.verb = Verb::release, .key = "hazel:lock:key", .token = token}};
    world_.backend->submit(foreign);
    EXPECT_THROW(lock->extend(60s), LockLost);
    EXPECT_FALSE(lock->owns_lock());
}

TEST_F(LeaseTask, ReleaseThatFailedIsRepeatedUntilItIsSettled) {
    {
        const auto lock = world_.manager.acquire("key", {.ttl = 1h});
        world_.backend->fail_all({.error = Errc::busy});
    }
    for (int i = 0; i < 20; ++i) pass(1s);
    EXPECT_GT(count(Verb::release), 3U);
    EXPECT_EQ(world_.manager.stats().cleanups_now, 1U);
    world_.backend->heal();
    for (int i = 0; i < 10; ++i) pass(1s);
    EXPECT_FALSE(world_.other.inspect("key").held);
    EXPECT_EQ(world_.manager.stats().cleanups_now, 0U);
    EXPECT_EQ(world_.manager.stats().cleanups, 1U);
}

TEST_F(LeaseTask, UnknownReleaseIsRepeatedThoughTheGuardIsThere) {
    auto lock = world_.manager.acquire("key", {.ttl = 1h});
    world_.backend->fail_next({.error = Errc::command_timed_out});
    EXPECT_EQ(lock->release(), ReleaseResult::unknown);
    EXPECT_EQ(lock->release(), ReleaseResult::not_held);
    EXPECT_EQ(lock->key(), "key");
    for (int i = 0; i < 3; ++i) pass(1s);
    EXPECT_FALSE(world_.other.inspect("key").held);
}

TEST_F(LeaseTask, RepeatedReleaseKeepsTheMinHold) {
    {
        const auto job = world_.manager.acquire("key", {.ttl = 1h, .min_hold = 1min});
        world_.backend->fail_next({.error = Errc::busy});
    }
    for (int i = 0; i < 3; ++i) pass(1s);
    EXPECT_TRUE(world_.other.inspect("key").kept);
    const auto keep = world_.backend->records().back();
    pass(57s);
    EXPECT_FALSE(world_.other.inspect("key").held) << "and no longer than it was promised";
}

TEST_F(LeaseTask, AcquireOfUnknownOutcomeLeavesNoLock) {
    world_.backend->fail_next({.error = Errc::command_timed_out, .runs = true});
    std::error_code ec;
    EXPECT_FALSE(granted(world_.manager.acquire("key", {}, ec)));
    EXPECT_EQ(ec, Errc::command_timed_out);
    EXPECT_TRUE(poll_until([&] { return !world_.other.inspect("key").held; }));
}

// The release is posted and waits for its turn; the next acquire must not find it in its way.
TEST_F(LeaseTask, OwnReleaseThatIsUnderWayIsNoReasonToBeSentAway) {
    for (int i = 0; i < 100; ++i) {
        {
            const auto lock = world_.manager.acquire("key", {.ttl = 1h});
            ASSERT_TRUE(lock.has_value()) << i;
            world_.backend->fail_next({.error = Errc::busy});
        }
        EXPECT_TRUE(world_.manager.acquire("key", {.ttl = 1h})) << i;
    }
}

TEST_F(LeaseTask, TooManyCleanupsAreRefusedWithAnErrorOfTheirOwn) {
    LockManager locks{{.clock = world_.clock, .max_cleanups = 2}};
    locks.register_backend("store", world_.backend);
    locks.set_default_backend("store");
    for (const char* key : {"a", "b"}) {
        const auto lock = locks.acquire(key, {.ttl = 1h});
        ASSERT_TRUE(lock.has_value());
        world_.backend->fail_next({.error = Errc::busy});
    }
    pass(20ms);  // the answer to a posted release waits no longer than this to be read
    ASSERT_TRUE(poll_until([&] { return locks.stats().cleanups_now == 2; }));
    const std::size_t before = world_.backend->count();
    std::error_code ec;
    EXPECT_FALSE(granted(locks.acquire("c", {}, ec)));
    EXPECT_EQ(ec, Errc::too_many_cleanups);
    EXPECT_EQ(world_.backend->count(), before) << "before any I/O";
    for (int i = 0; i < 3; ++i) pass(1s);
    EXPECT_TRUE(poll_until([&] { return locks.stats().cleanups_now == 0; }));
    EXPECT_TRUE(locks.acquire("c", {}, ec));
}

TEST_F(LeaseTask, ManagerOfTheParentRefusesInTheChild) {
    auto lock = world_.manager.acquire("key", {.ttl = 1h});
    const std::size_t before = world_.backend->count();
    const pid_t child = ::fork();
    if (child == 0) {
        std::error_code ec;
        const bool got = granted(world_.manager.acquire("other", {}, ec));
        const bool refused = ec == Errc::forked;
        std::error_code inspected;
        (void)world_.manager.inspect("key", {}, inspected);
        lock.reset();
        world_.manager = LockManager{};  // and may go away
        ::_exit((got ? 1 : 0) + (refused ? 0 : 2) + (inspected == Errc::forked ? 0 : 4) +
                (world_.backend->count() == before ? 0 : 8));
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(lock->owns_lock());
}

// A clock as programs have it: two functions, and no alarm.
class ClockOfTwoFunctions final : public Clock {
  public:
    using Clock::sleep_until;

    [[nodiscard]] time_point now() const noexcept override {
        return time_point{std::chrono::hours{1} + passed_.load()};
    }
    void sleep_until(time_point until, Waker& waker) override {
        while (now() < until && !waker.wait(1ms)) {
        }
    }
    void advance(duration d) { passed_ = passed_.load() + d; }

  private:
    std::atomic<duration> passed_{duration{0}};
};

TEST(LeaseTaskClock, ThatCannotRingIsAskedAgain) {
    const auto clock = std::make_shared<ClockOfTwoFunctions>();
    LockManager locks{{.clock = clock}};
    const auto lock = locks.acquire("key", {.ttl = 1h});
    ASSERT_TRUE(lock.has_value());
    clock->advance(20min);
    EXPECT_TRUE(poll_until([&] { return locks.stats().renewed == 1; }));
}

}  // namespace
}  // namespace leaselock
