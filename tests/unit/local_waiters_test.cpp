// Goal: threads of one manager that wait for one lock are served in the order in which they came,
// one of them at the store at a time, whatever becomes of the others. Method: threads that wait on
// a clock that stands still, and the record of what came to the store.
#include <deque>
#include <gtest/gtest.h>
#include <latch>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "unit/waiting_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using Kind = QueueStore::Kind;

const LockOptions patient{.ttl = 1h, .wait_timeout = forever, .retry_delay = 100ms};

// Threads that take the lock one after the other, and note in which order they had it.
class Line {
  public:
    Line(WaitingWorld& world, int count) {
        for (int i = 0; i < count; ++i) {
            threads_.emplace_back([&world, i, this] {
                auto lock = world.manager.acquire("key", patient);
                const std::lock_guard guard{mutex_};
                EXPECT_TRUE(lock.has_value());
                order_.push_back(i);
            });
            world.clock->wait_for_sleepers(i + 1);
        }
    }
    // The order in which all had it.
    std::vector<int> order() {
        threads_.clear();
        return order_;
    }

  private:
    std::mutex mutex_;  // guards order_
    std::vector<int> order_;
    std::vector<std::jthread> threads_;  // the last: they use the others
};

std::vector<int> in_order(int count) {
    std::vector<int> order;
    for (int i = 0; i < count; ++i) order.push_back(i);
    return order;
}

TEST(LocalWaiters, AreServedInOrderOfArrivalWithOnePollEach) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    Line line{world, 64};
    EXPECT_EQ(world.polls(), 1U) << "one contends";
    holder->release();
    EXPECT_EQ(line.order(), in_order(64));
    EXPECT_EQ(world.polls(), 64U);
}

TEST(LocalWaiters, AreServedInOrderWhereNothingIsTold) {
    WaitingWorld world{Kind::queueless};
    auto holder = world.manager.acquire("key", {.ttl = 1h});
    Line line{world, 16};
    EXPECT_EQ(world.polls(), 2U);
    holder->release();
    EXPECT_EQ(line.order(), in_order(16)) << "releases of the own manager need no time to be seen";
}

TEST(LocalWaiters, ReleaseByADestructorWakesWhereNothingIsTold) {
    WaitingWorld world{Kind::queueless};
    auto holder = world.manager.acquire("key", {.ttl = 1h});
    Line line{world, 2};
    holder.reset();
    EXPECT_EQ(line.order(), in_order(2));
}

TEST(LocalWaiters, StandBehindThoseOfOtherManagersWhoCameBeforeTheyContended) {
    WaitingWorld world;
    LockManager third = world.make("third:3");
    auto holder = world.manager.acquire("key", {.ttl = 1h});
    WaitingCall first{world, world.other, "key", patient, 1};
    WaitingCall second{world, world.other, "key", patient, 2};
    WaitingCall elsewhere{world, third, "key", patient, 3};
    holder->release();
    auto had = first.get();
    ASSERT_TRUE(had.has_value());
    world.clock->wait_for_sleepers(2);
    ASSERT_TRUE(support::poll_until([&] { return world.polls("other:2") == 2; }))
        << "the second contends while the first one works";
    world.clock->wait_for_sleepers(2);
    had->release();
    auto next = elsewhere.get();
    ASSERT_TRUE(next.has_value());
    EXPECT_TRUE(second.waits());
    next->release();
    EXPECT_TRUE(granted(second.get()));
}

// Two threads that poll for the first time at the same moment: the one that is first at the store
// is second in the local queue.
class Crossed {
  public:
    Crossed(WaitingWorld& world, const LockOptions& options) {
        world.store->after_next_poll(
            [&] { second_.emplace(world, world.manager, "key", options, 1); });
        first_.emplace(world, world.manager, "key", options, 2);
        EXPECT_EQ(world.polls(), 2U);
        EXPECT_EQ(world.other.inspect("key").waiting, 2);
    }
    WaitingCall& first() { return *first_; }
    WaitingCall& second() { return *second_; }

  private:
    std::optional<WaitingCall> second_;
    std::optional<WaitingCall> first_;  // the last: it uses the other
};

// An entry for which nobody polls lasts for 3 s.
const Clock::duration a_while = 10 * patient.retry_delay.value();

TEST(LocalWaiters, ThatStartTogetherDoNotLeaveTheKeyFreeWhereNothingIsTold) {
    WaitingWorld world{Kind::silent};
    auto holder = world.other.acquire("key", {.ttl = 1h});
    Crossed waiters{world, patient};
    holder->release();
    ASSERT_TRUE(world.is_done_within(a_while, waiters.first().call()));
    waiters.first().get().value().release();
    EXPECT_TRUE(world.is_done_within(a_while, waiters.second().call()));
}

TEST(LocalWaiters, ThatStartTogetherDoNotLeaveTheKeyFreeWhenItsHolderDies) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1s, .renewal = Renewal::off});
    Crossed waiters{world, patient};
    EXPECT_TRUE(world.is_done_within(1s + a_while, waiters.first().call()));
    EXPECT_FALSE(holder->owns_lock());
}

TEST(LocalWaiters, WhoseLockWasGrantedUnseenAsksForItFromTheLine) {
    WaitingWorld world;
    std::optional<WaitingCall> second;
    world.store->after_next_poll([&] { second.emplace(world, world.manager, "key", patient, 1); });
    world.backend->fail_next({.error = Errc::command_timed_out, .runs = true});
    WaitingCall first{world, world.manager, "key", patient, 2};
    EXPECT_TRUE(world.other.inspect("key").held);
    ASSERT_TRUE(world.is_done_within(10s, first.call())) << "its ttl is an hour";
    first.get().value().release();
    EXPECT_TRUE(granted(second->get()));
}

TEST(LocalWaiters, TasksThatBeginTogetherTakeOneEntryAtTheStore) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    std::latch begun{1};
    std::latch all_have_polled{1};
    const auto call = [&](const std::string& key, auto callback) {
        world.manager.async_acquire(key, patient, {}, std::move(callback));
    };
    call("first", [&](auto, std::error_code) { begun.wait(); });
    constexpr int count = 100;
    std::vector<int> order;  // of the one thread that calls back
    std::latch served{count};
    for (int i = 0; i < count; ++i) {
        call("key", [&, i](auto lock, std::error_code) {
            if (lock) order.push_back(i);
            served.count_down();
        });
    }
    call("last", [&](auto, std::error_code) { all_have_polled.count_down(); });
    begun.count_down();
    all_have_polled.wait();
    EXPECT_EQ(world.other.inspect("key").waiting, 1);
    EXPECT_EQ(world.polls(), 3U);
    holder->release();
    served.wait();
    EXPECT_EQ(order, in_order(count));
}

TEST(LocalWaiters, WhoIsCancelledInTheLineCostsTheStoreNothing) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall first{world, world.manager, "key", patient, 1};
    WaitingCall second{world, world.manager, "key", patient, 2};
    WaitingCall third{world, world.manager, "key", patient, 3};
    const std::size_t commands = world.backend->count();
    second.stop();
    EXPECT_FALSE(granted(second.get()));
    EXPECT_EQ(second.error(), Errc::cancelled);
    EXPECT_EQ(world.backend->count(), commands);
    holder->release();
    first.get().value().release();
    EXPECT_TRUE(granted(third.get()));
}

TEST(LocalWaiters, WhoTimesOutInTheLinePollsOnceAndLeavesNothing) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall first{world, world.manager, "key", patient, 1};
    WaitingCall second{world, world.manager, "key", {.wait_timeout = 50ms}, 2};
    const std::size_t commands = world.backend->count();
    world.clock->advance(50ms);
    EXPECT_FALSE(granted(second.get()));
    EXPECT_EQ(second.error(), Errc::wait_timed_out);
    EXPECT_EQ(world.backend->count(), commands + 1);
    EXPECT_EQ(world.backend->records().back().entry_life, 0ms);
    holder->release();
    EXPECT_TRUE(granted(first.get()));
}

TEST(LocalWaiters, WhoContendsAndIsCancelledPassesTheTurnOn) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall first{world, world.manager, "key", patient, 1};
    WaitingCall second{world, world.manager, "key", patient, 2};
    first.stop();
    EXPECT_FALSE(granted(first.get()));
    ASSERT_TRUE(support::poll_until([&] { return world.polls() == 2; }));
    world.clock->wait_for_sleepers(1);
    holder->release();
    EXPECT_TRUE(granted(second.get()));
}

TEST(LocalWaiters, WhoContendsAndFailsPassesTheTurnOn) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall first{world, world.manager, "key", patient, 1};
    WaitingCall second{world, world.manager, "key", patient, 2};
    world.backend->fail_next({.error = Errc::corrupt});
    world.clock->advance(130ms);  // the next poll of the one who contends
    EXPECT_FALSE(granted(first.get()));
    EXPECT_EQ(first.error(), Errc::corrupt);
    ASSERT_TRUE(support::poll_until([&] { return world.polls() >= 3; }));
    world.clock->wait_for_sleepers(1);
    holder->release();
    EXPECT_TRUE(granted(second.get()));
}

TEST(LocalWaiters, HandOffThatCrossesACancelGoesOnToTheNext) {
    for (int round = 0; round < 50; ++round) {
        WaitingWorld world;
        auto holder = world.other.acquire("key", {.ttl = 1h});
        WaitingCall first{world, world.manager, "key", patient, 1};
        WaitingCall second{world, world.manager, "key", patient, 2};
        std::jthread canceller{[&] { first.stop(); }};
        holder->release();
        if (auto lock = first.get()) {
            lock->release();
        } else {
            EXPECT_EQ(first.error(), Errc::cancelled);
        }
        // It may have polled before the first one's entry was left, and then polls again soon.
        world.pass_time_until_done(second.call());
        ASSERT_TRUE(granted(second.get()));
    }
}

TEST(LocalWaiters, KeysDoNotHoldEachOtherUp) {
    WaitingWorld world;
    auto a = world.other.acquire("a", {.ttl = 1h});
    auto b = world.other.acquire("b", {.ttl = 1h});
    WaitingCall for_a{world, world.manager, "a", patient, 1};
    WaitingCall for_b{world, world.manager, "b", patient, 2};
    EXPECT_EQ(world.polls(), 2U);
    b->release();
    EXPECT_TRUE(granted(for_b.get()));
    EXPECT_TRUE(for_a.waits());
    a->release();
    EXPECT_TRUE(granted(for_a.get()));
}

TEST(LocalWaiters, DoNotHoldUpThoseWhoDoNotWait) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    WaitingCall waiting{world, world.manager, "key", patient};
    std::error_code ec;
    EXPECT_FALSE(granted(world.manager.acquire("key", {}, ec)));
    EXPECT_EQ(ec, Errc::held);
    EXPECT_FALSE(granted(world.manager.acquire("key", {.wait_timeout = 0s}, ec)));
    EXPECT_EQ(ec, Errc::wait_timed_out);
    EXPECT_TRUE(world.manager.acquire("other key", patient, ec));
    EXPECT_EQ(world.polls(), 4U);
    holder->release();
    EXPECT_TRUE(granted(waiting.get()));
}

TEST(LocalWaiters, OutlastTheirManager) {
    WaitingWorld world;
    auto holder = world.other.acquire("key", {.ttl = 1h});
    auto manager = std::make_unique<LockManager>(world.make("mortal:3"));
    std::deque<WaitingCall> calls;
    for (int i = 1; i <= 3; ++i) calls.emplace_back(world, *manager, "key", patient, i);
    auto end = std::async(std::launch::async, [&] { manager.reset(); });
    world.pass_time_until_done(end);
    holder->release();
    for (WaitingCall& call : calls) {
        auto lock = call.get();
        ASSERT_TRUE(lock.has_value());
        EXPECT_EQ(lock->release(), ReleaseResult::released);
    }
}

}  // namespace
}  // namespace leaselock
