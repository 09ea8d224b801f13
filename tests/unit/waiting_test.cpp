// Goal: who waits in a store's queue is woken by its message, loses nothing but time where messages
// are lost, late or forged, and leaves nothing behind. Method: waits of other threads on a clock
// that stands still, so that nothing but a message can wake them; a store that loses messages, and
// is interrupted where it is hard to.
#include <gtest/gtest.h>

#include <leaselock/testing/detail/granted.hpp>

#include "core/acquire_machine.hpp"
#include "core/hold_machine.hpp"
#include "support/poll_until.hpp"
#include "unit/waiting_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using detail::safety_margin;
using Kind = QueueStore::Kind;

const LockOptions patient{.ttl = 10s, .wait_timeout = forever, .retry_delay = 100ms};

// The store has neither the lock nor an entry for anybody.
void expect_all_free(WaitingWorld& world) {
    EXPECT_TRUE(support::poll_until([&] { return granted(world.other.try_acquire("key")); }));
}

TEST(Waiting, IsEndedByARelease) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{world, world.manager, "key", patient};
    const auto polled_at = world.clock->now();
    world.clock->advance(50ms);
    EXPECT_EQ(holder->release(), ReleaseResult::released);
    const auto lock = call.get();
    ASSERT_TRUE(lock) << call.error();
    EXPECT_EQ(world.polls(), 1U) << "the message is enough";
    EXPECT_GT(lock->fencing_token(), holder->fencing_token());
    EXPECT_EQ(world.other.inspect("key").fencing_token, lock->fencing_token());
    EXPECT_EQ(world.clock->now() + lock->remaining(), polled_at + 10s - safety_margin(10s));
}

TEST(Waiting, TakesAnEntryWithEachPollAndOnlyThen) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    EXPECT_FALSE(granted(world.manager.try_acquire("key")));
    WaitingCall call{world, world.manager, "key", patient};
    const auto records = world.backend->records();
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[0].entry_life, 0ms);
    EXPECT_EQ(records[1].entry_life, 0ms);
    EXPECT_EQ(records[2].entry_life, detail::entry_life);
    holder->release();
    (void)call.get();
}

TEST(Waiting, FindsALockWhoseMessageWasLost) {
    WaitingWorld world;
    world.backend->lose_messages();
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{world, world.manager, "key", patient};
    holder->release();
    EXPECT_TRUE(call.waits());
    EXPECT_LE(world.pass_time_until_done(call.call()), 1s);
    const auto lock = call.get();
    ASSERT_TRUE(lock);
    EXPECT_EQ(world.polls(), 2U);
    EXPECT_TRUE(lock->owns_lock());
}

TEST(Waiting, DoesNotBelieveTheLateMessageOfAGrantThatIsOver) {
    WaitingWorld world;
    world.backend->lose_messages();
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{
        world, world.manager, "key", {.ttl = 20ms, .wait_timeout = forever, .retry_delay = 100ms}};
    holder->release();
    const std::uint64_t missed = world.other.inspect("key").fencing_token;
    ASSERT_GT(missed, holder->fencing_token());
    world.clock->advance(30ms);  // the hand-off is over, and its waiter does not know
    auto next = world.other.acquire("key", {.ttl = 1h});
    ASSERT_TRUE(next);
    world.clock->advance(100ms);
    ASSERT_TRUE(support::poll_until([&] { return world.polls() == 2; }));
    world.clock->wait_for_sleepers();
    world.store->waiter().handed_over({.fencing_token = missed, .ttl = 1h});
    ASSERT_TRUE(support::poll_until([&] { return world.polls() == 3; })) << "it polls at once";
    world.clock->wait_for_sleepers();
    EXPECT_TRUE(call.waits());
    world.backend->lose_messages(false);
    EXPECT_EQ(next->release(), ReleaseResult::released);
    world.pass_time_until_done(call.call());
    EXPECT_TRUE(call.get());
}

TEST(Waiting, DoesNotBelieveAMessageThatIsNotAboveTheFence) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{world, world.manager, "key", patient};
    world.store->waiter().handed_over({.fencing_token = holder->fencing_token(), .ttl = 1h});
    ASSERT_TRUE(support::poll_until([&] { return world.polls() == 2; }));
    world.clock->wait_for_sleepers();
    EXPECT_TRUE(call.waits());
    EXPECT_TRUE(holder->owns_lock());
    holder->release();
    EXPECT_TRUE(call.get());
}

TEST(Waiting, HearsAMessageThatComesBeforeTheAnswerToItsPoll) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    world.store->after_next_poll([&] { holder->release(); });
    const auto lock = world.manager.acquire("key", patient);
    ASSERT_TRUE(lock);
    EXPECT_EQ(world.polls(), 1U);
    EXPECT_EQ(world.other.inspect("key").fencing_token, lock->fencing_token());
}

TEST(Waiting, HandOffThatCrossesACancelIsReleased) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{world, world.manager, "key", patient};
    world.store->before_forget([&] { holder->release(); });
    call.stop();
    EXPECT_FALSE(granted(call.get()));
    EXPECT_EQ(call.error(), Errc::cancelled);
    expect_all_free(world);
}

TEST(Waiting, EndsWithoutLeavingAnEntry) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall stopped{world, world.manager, "key", patient};
    stopped.stop();
    EXPECT_FALSE(granted(stopped.get()));
    WaitingCall late{world, world.manager, "key", {.wait_timeout = 150ms}};
    world.pass_time_until_done(late.call());
    EXPECT_FALSE(granted(late.get()));
    EXPECT_EQ(late.error(), Errc::wait_timed_out);
    const auto last = world.backend->records().back();
    EXPECT_EQ(last.verb, Verb::release);
    EXPECT_TRUE(last.token.starts_with("tester:1"));
    holder->release();
    EXPECT_FALSE(world.other.inspect("key").held);
    expect_all_free(world);
}

TEST(Waiting, OfNoTimeTakesNoEntry) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    EXPECT_FALSE(granted(world.manager.acquire("key", {.wait_timeout = 0s})));
    const auto records = world.backend->records();
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[1].entry_life, 0ms);
}

// A hand-off is short at other stores, and a holder who may not rely on renewals needs all of it.
class WinnerWhoProlongs : public ::testing::TestWithParam<int> {};

TEST_P(WinnerWhoProlongs, AcquiresOnceMoreAtOnce) {
    WaitingWorld world;
    auto options = patient;
    if (GetParam() == 0) options.renewal = Renewal::off;
    if (GetParam() == 1) options.min_hold = 5s;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{world, world.manager, "key", options};
    world.clock->advance(50ms);
    holder->release();
    const auto lock = call.get();
    ASSERT_TRUE(lock);
    EXPECT_EQ(world.polls(), 2U);
    EXPECT_EQ(lock->remaining(), 10s - safety_margin(10s)) << "counted from the second poll";
    EXPECT_EQ(world.other.inspect("key").fencing_token, lock->fencing_token());
}

INSTANTIATE_TEST_SUITE_P(Waiting, WinnerWhoProlongs, ::testing::Values(0, 1));

TEST(Waiting, ShortHandOffIsRenewedInTimeForTheWholeTtl) {
    WaitingWorld world;
    world.backend->lose_messages();
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{world, world.manager, "key", patient};
    holder->release();
    // The same message, from a store that hands over for 3 s.
    const std::uint64_t fence = world.other.inspect("key").fencing_token;
    const auto granted_at = world.clock->now();
    world.store->waiter().handed_over({.fencing_token = fence, .ttl = 3s});
    auto lock = call.get();
    ASSERT_TRUE(lock);
    EXPECT_EQ(lock->remaining(), 3s - safety_margin(3s));
    world.clock->set(granted_at + 1s);
    ASSERT_TRUE(support::poll_until([&] { return lock->remaining() > 9s; }));
    const auto renewal = world.backend->records().back();
    EXPECT_EQ(renewal.verb, Verb::renew);
    EXPECT_EQ(renewal.ttl, 10s);
    EXPECT_EQ(renewal.submitted, granted_at + 1s);
}

TEST(Waiting, MaxHoldCountsFromWhenTheHandOffIsBelieved) {
    WaitingWorld world;
    auto options = patient;
    options.max_hold = 5s;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{world, world.manager, "key", options};
    world.clock->advance(50ms);
    holder->release();
    const auto lock = call.get();
    ASSERT_TRUE(lock);
    EXPECT_EQ(lock->remaining(), 5s);
}

TEST(Waiting, PollsOnceHandOffsAreToldWhereTheyWereNot) {
    WaitingWorld world{Kind::subscribing};
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{world, world.manager, "key", patient};
    ASSERT_TRUE(support::poll_until([&] { return world.polls() == 2; }));
    world.clock->wait_for_sleepers();
    holder->release();
    EXPECT_TRUE(call.get());
    EXPECT_EQ(world.polls(), 2U);
}

// What it is notified of may be read by itself, but not by the time of a clock that stands still.
TEST(Waiting, ThreadThatIsNotifiedSleepsInTheStoreByRealTimeAlone) {
    struct Case {
        Kind kind;
        std::shared_ptr<Clock> clock;
        bool sleeps_there;
    };
    const auto stands_still = std::make_shared<testing::ManualClock>();
    for (const Case& each :
         {Case{Kind::telling, boot_clock(), true}, Case{Kind::silent, boot_clock(), false},
          Case{Kind::telling, stands_still, false}}) {
        const auto store = std::make_shared<QueueStore>(each.kind);
        LockManager manager{{.backend = "store", .clock = each.clock}};
        manager.register_backend("store", store);
        auto holder = manager.acquire("key", {.ttl = 1h});
        std::stop_source stop;
        std::atomic<bool> is_silent{false};
        store->before_silence([&] { is_silent = true; });
        auto call = std::async(std::launch::async, [&] {
            std::error_code ec;
            auto lock = manager.acquire("key", patient, stop.get_token(), ec);
            return lock.has_value();
        });
        ASSERT_TRUE(support::poll_until([&] {
            return is_silent || store->sleeps() > 0 || manager.inspect("key").waiting == 1;
        }));
        if (each.clock == stands_still) stands_still->wait_for_sleepers();
        const bool sleeps_there =
            each.sleeps_there && support::poll_until([&] { return store->sleeps() > 0; });
        stop.request_stop();
        EXPECT_FALSE(call.get());
        EXPECT_EQ(store->sleeps() > 0, each.sleeps_there);
        EXPECT_EQ(sleeps_there, each.sleeps_there);
    }
}

TEST(Waiting, PollsAtTheRetryDelayWhereThereIsNoQueue) {
    WaitingWorld world{Kind::queueless};
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{world, world.manager, "key", patient};
    holder->release();
    EXPECT_TRUE(call.waits());
    world.clock->advance(125ms);
    EXPECT_TRUE(call.get());
    EXPECT_EQ(world.polls(), 2U);
}

TEST(Waiting, PollThatIsDueIsDoneAtOnce) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall call{world, world.manager, "key", patient};
    world.store->waiter().poll();
    EXPECT_TRUE(support::poll_until([&] { return world.polls() == 2; }));
    world.clock->wait_for_sleepers();
    holder->release();
    EXPECT_TRUE(call.get());
}

TEST(Waiting, MayOutlastItsManager) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    auto manager = std::make_unique<LockManager>(world.make("mortal:3"));
    WaitingCall call{world, *manager, "key", patient};
    // The end of a manager takes the time that its clock says, or less.
    auto end = std::async(std::launch::async, [&] { manager.reset(); });
    world.pass_time_until_done(end);
    EXPECT_TRUE(call.waits());
    holder->release();
    auto lock = call.get();
    ASSERT_TRUE(lock);
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    expect_all_free(world);
}

}  // namespace
}  // namespace leaselock
