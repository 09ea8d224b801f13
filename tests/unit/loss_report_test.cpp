// Goal: a holder that may have lost its lock is notified, and why and since when; one that waited
// in vain learns how long and by which option. Method: a clock that the tests move, an observer
// that counts, on a memory backend that fails on demand.
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include <leaselock/acquire_all.hpp>
#include <leaselock/async.hpp>
#include <leaselock/distributed_mutex.hpp>
#include <leaselock/lock_owner.hpp>

#include "support/coroutines.hpp"
#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::Detached;
using support::poll_until;

struct Counts final : Observer {
    std::atomic<int> ended{0};
    std::atomic<int> lost{0};
    std::atomic<int> released{0};
    std::string key{};  // written before `ended`
    void on_ended_after_loss(const LockEvent& event) override {
        key = event.key;
        ++ended;
    }
    void on_lost(const LockEvent& /*event*/) override { ++lost; }
    void on_released(const LockEvent& /*event*/) override { ++released; }
};

class LossReport : public ::testing::Test {
  protected:
    LockManager make() {
        LockManager locks{{.clock = world_.clock, .observer = counts_}};
        locks.register_backend("store", world_.backend);
        locks.set_default_backend("store");
        return locks;
    }
    int charge(int id, Clock::duration work) {
        DISTRIBUTED_LOCK(locks_, "charge-{{id}}", {.ttl = 1s, .renewal = Renewal::off}, id);
        world_.clock->advance(work);
        return id;
    }
    // The store has it no more, and its holder does not know.
    ScopedDistributedLock take_away(ScopedDistributedLock lock) {
        EXPECT_TRUE(world_.other.force_release(lock.key()).held);
        return lock;
    }

    ManagerWorld world_;
    std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
    LockManager locks_ = make();
};

TEST_F(LossReport, FunctionThatEndsAfterItsLeaseWasLostTellsTheObserverOnce) {
    EXPECT_EQ(charge(7, 2s), 7);
    EXPECT_TRUE(poll_until([&] { return counts_->released == 1; }));
    EXPECT_EQ(counts_->ended, 1);
    EXPECT_EQ(counts_->key, "charge-7");
}

TEST_F(LossReport, FunctionThatEndsInTimeTellsNothing) {
    EXPECT_EQ(charge(7, 100ms), 7);
    EXPECT_TRUE(poll_until([&] { return counts_->released == 1; }));
    EXPECT_EQ(counts_->ended, 0);
}

TEST_F(LossReport, LossThatOnlyTheReleaseShowsTellsTheObserverOnce) {
    { const auto lock = take_away(locks_.acquire("key").value()); }
    EXPECT_TRUE(poll_until([&] { return counts_->lost == 1; }));
    EXPECT_EQ(take_away(locks_.acquire("key").value()).release(), ReleaseResult::lost);
    EXPECT_TRUE(poll_until([&] { return counts_->lost == 2; }));
    EXPECT_EQ(counts_->released, 2);
    EXPECT_EQ(counts_->ended, 0) << "no annotated function";
    EXPECT_EQ(locks_.stats().lost, 2U);
    EXPECT_EQ(locks_.stats().held_now, 0U);
}

TEST_F(LossReport, FunctionWhoseLossOnlyTheReleaseShowsTellsTheObserverOnce) {
    const auto charge = [&] {
        DISTRIBUTED_LOCK(locks_, "charge");
        (void)world_.other.force_release("charge");
    };
    charge();
    EXPECT_TRUE(poll_until([&] { return counts_->ended == 1; }));
    EXPECT_EQ(counts_->lost, 1);
    EXPECT_EQ(locks_.stats().lost, 1U);
}

TEST_F(LossReport, LateAnswerToAReleaseTellsOfALossOnlyWhileTheLeaseCouldStillRun) {
    const auto lose = [&](Clock::duration late) {
        auto lock = std::optional{take_away(locks_.acquire("key", {.ttl = 30s}).value())};
        world_.backend->hold_back([](const Request& what) { return what.verb == Verb::release; });
        lock.reset();
        world_.clock->advance(late);
        const auto released = counts_->released.load();
        world_.backend->let_go();
        { const auto after = locks_.acquire("after").value(); }
        EXPECT_TRUE(poll_until([&] { return counts_->released > released; }));
        world_.clock->wait_for_background();
    };
    lose(31s);
    EXPECT_EQ(locks_.stats().lost, 0U) << "it may have run out on the way";
    lose(1s);
    EXPECT_TRUE(poll_until([&] { return locks_.stats().lost == 1; }));
}

TEST_F(LossReport, ReleaseThatIsRepeatedTellsOfNoLoss) {
    for (int i = 0; i < 2; ++i) {
        auto lock = locks_.acquire("key").value();
        world_.backend->fail_next({.error = Errc::connection_lost, .runs = true});
        if (i == 0) lock.release();
    }
    EXPECT_TRUE(poll_until([&] { return locks_.stats().cleanups_now == 0; }));
    EXPECT_EQ(locks_.stats().lost, 0U) << "the first copy released it";
}

// As after a pause of the process: nobody looks at the time before the holder does.
TEST(LossAtTheEnd, LeaseThatRanOutWhileTheProcessStoodStillIsLost) {
    struct Unwatched final : Clock {
        std::atomic<rep> time{duration{1h}.count()};
        time_point now() const noexcept override { return time_point{duration{time}}; }
        void sleep_until(time_point /*until*/, Waker& waker) override { (void)waker.wait(50ms); }
    };
    const auto clock = std::make_shared<Unwatched>();
    const auto counts = std::make_shared<Counts>();
    LockManager locks{{.clock = clock, .observer = counts}};
    {
        DISTRIBUTED_LOCK(locks, "charge", {.ttl = 1s, .renewal = Renewal::off});
        clock->time += Clock::duration{2s}.count();
    }
    EXPECT_TRUE(poll_until([&] { return counts->released == 1; })) << "the last one";
    EXPECT_EQ(counts->lost, 1);
    EXPECT_EQ(counts->ended, 1);
    EXPECT_EQ(locks.stats().lost, 1U);
}

TEST_F(LossReport, FormWithABodyThrowsAtItsEndAndGivesItsResultElse) {
    const auto run = [&](int id, Clock::duration work) {
        return WITH_DISTRIBUTED_LOCK(locks_, "charge-{{id}}", {.ttl = 1s, .renewal = Renewal::off},
                                     id) {
            world_.clock->advance(work);
            return id * 2;
        };
    };
    EXPECT_EQ(run(7, 100ms), 14);
    EXPECT_THROW((void)run(7, 2s), LockLost);
    int ran = 0;
    WITH_DISTRIBUTED_LOCK(locks_, "other") {
        ++ran;
        EXPECT_TRUE(world_.other.inspect("other").held);
    };
    EXPECT_EQ(ran, 1);
    EXPECT_FALSE(world_.other.inspect("other").held);
}

TEST_F(LossReport, LossSaysThatTheLeaseEndedAndSinceWhen) {
    const auto lock = locks_.acquire("key", {.ttl = 1s, .renewal = Renewal::off}).value();
    const auto believed = lock.remaining();
    world_.clock->advance(believed + 5s);
    try {
        lock.ensure();
        FAIL() << "held for ever";
    } catch (const LockLost& loss) {
        EXPECT_EQ(loss.cause(), LockLost::Cause::expired);
        EXPECT_GE(loss.ago(), 5s - 2ms);
        EXPECT_LE(loss.ago(), 5s + 2ms);
        EXPECT_NE(std::string{loss.what()}.find("its lease ended"), std::string::npos);
    }
}

TEST_F(LossReport, LossSaysThatTheStoreHasItNoMore) {
    const auto lock = locks_.acquire("key", {.ttl = 30s}).value();
    world_.clock->wait_for_background();
    (void)world_.other.force_release("key");
    world_.clock->advance(15s);
    ASSERT_TRUE(poll_until([&] { return !lock.owns_lock(); }));
    try {
        lock.ensure();
        FAIL() << "held for ever";
    } catch (const LockLost& loss) {
        EXPECT_EQ(loss.cause(), LockLost::Cause::taken);
        EXPECT_LT(loss.ago(), 15s);
    }
}

TEST_F(LossReport, ReleasedGuardIsNotSaidToBeLost) {
    auto lock = locks_.acquire("key").value();
    lock.release();
    try {
        lock.ensure();
        FAIL() << "held for ever";
    } catch (const LockLost& loss) {
        EXPECT_EQ(loss.cause(), LockLost::Cause::not_held);
    }
}

TEST_F(LossReport, WaitThatEndsSaysHowLongAndByWhichOption) {
    const auto theirs = world_.other.acquire("key", {.ttl = 1h}).value();
    const auto refusal = [&](const LockOptions& options) {
        try {
            ScopedDistributedLock lock{locks_, "key", options};
        } catch (const LockNotAcquired& error) {
            EXPECT_NE(std::string{error.what()}.find(error.limit()), std::string::npos);
            return error;
        }
        throw std::logic_error{"granted twice"};
    };
    const LockNotAcquired plain = refusal({.wait = true});
    EXPECT_EQ(plain.limit(), "retry_count 3 x retry_delay 100 ms");
    EXPECT_GE(plain.waited(), 300ms);
    const LockNotAcquired timed = refusal({.wait_timeout = 2s});
    EXPECT_EQ(timed.limit(), "wait_timeout 2000 ms");
    EXPECT_GE(timed.waited(), 2s);
    EXPECT_EQ(refusal({}).limit(), "");
    std::stop_source stop;
    stop.request_stop();
    try {
        (void)locks_.acquire("key", {.wait = true}, stop.get_token()).value();
    } catch (const LockNotAcquired& error) {
        EXPECT_EQ(error.limit(), "its std::stop_token");
    }
}

// An owner waits for its other threads first, and a set for one key after another.
TEST_F(LossReport, WaitInStepsIsSaidInTermsOfTheCall) {
    const auto theirs = world_.other.acquire("key", {.ttl = 1h}).value();
    LockOwner owner{locks_};
    const auto refusal = [](const auto& call) {
        try {
            call();
        } catch (const LockNotAcquired& error) {
            return error;
        }
        throw std::logic_error{"granted twice"};
    };
    const auto owned = [&](const LockOptions& options) {
        return refusal([&] { const auto lock = owner.acquire("key", options).value(); });
    };
    const auto both = [&](const LockOptions& options) {
        return refusal([&] { const ScopedLockSet set{locks_, {"free", "key"}, options}; });
    };
    EXPECT_EQ(owned({.wait = true}).limit(), "retry_count 3 x retry_delay 100 ms");
    EXPECT_EQ(both({.wait = true}).limit(), "retry_count 3 x retry_delay 100 ms");
    EXPECT_EQ(both({.wait_timeout = 2s}).limit(), "wait_timeout 2000 ms");
    EXPECT_GE(both({.wait_timeout = 2s}).waited(), 2s);
    EXPECT_EQ(owned({}).limit(), "");
    EXPECT_EQ(both({}).waited(), 0s);
}

TEST_F(LossReport, MinHoldAboveTheTtlIsRefused) {
    for (const LockOptions& options :
         {LockOptions{.ttl = 59s, .min_hold = 1min}, LockOptions{.max_hold = 59s, .min_hold = 1min},
          LockOptions{.min_hold = 25h}}) {
        EXPECT_THROW((void)locks_.acquire("key", options), LockError);
    }
    const auto lock = locks_.acquire("key", {.min_hold = 10min}).value();
    EXPECT_GT(lock.remaining(), 9min) << "the ttl that nobody gave covers it";
}

// Real time: a coroutine that waits does so on a thread of its own.
TEST(AsyncGuard, GivesTheGuardOrThrows) {
    LockManager locks;
    std::atomic<int> done{0};
    const auto run = [&](int id) -> Detached {
        const ScopedDistributedLock guard =
            co_await LEASELOCK_ASYNC_GUARD(locks, "job-{{id}}", {.wait_timeout = 10s}, id);
        EXPECT_EQ(guard.key(), "job-7");
        bool refused = false;
        try {
            const auto again = co_await LEASELOCK_ASYNC_GUARD(locks, "job-{{id}}", id);
        } catch (const LockNotAcquired&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        ++done;
    };
    run(7);
    EXPECT_TRUE(poll_until([&] { return done == 1; }));
}

TEST(AsyncGuard, CallThatWaitsIsRefusedOnTheThreadOfCoroutines) {
    LockManager locks;
    std::atomic<int> done{0};
    const auto run = [&]() -> Detached {
        auto lock = co_await locks.async_acquire("key");
        std::error_code ec;
        const auto waiting = locks.acquire("other", {.wait_timeout = 1s}, ec);
        EXPECT_EQ(ec, Errc::would_deadlock);
        EXPECT_THROW((void)ScopedDistributedLock(locks, "other", {.wait = true}), LockError);
        const auto at_once = locks.try_acquire("other");
        EXPECT_TRUE(at_once);
        ++done;
    };
    run();
    EXPECT_TRUE(poll_until([&] { return done == 1; }));
}

// They take turns in this process before they ask the store.
TEST(AsyncGuard, TurnAmongThreadsIsRefusedOnTheThreadOfCoroutines) {
    LockManager locks;
    LockOwner owner{locks};
    DistributedMutex mutex{locks, "mutex"};
    const std::unique_lock turn{mutex};
    const auto holder = locks.acquire("owned").value();
    std::jthread first{[&](const std::stop_token& stop) {
        (void)owner.acquire("owned", {.wait_timeout = forever}, stop);
    }};
    ASSERT_TRUE(poll_until([&] { return locks.inspect("owned").waiting == 1; }));
    std::atomic<int> done{0};
    const auto run = [&]() -> Detached {
        const auto lock = co_await locks.async_acquire("key");
        const auto code_of = [](const auto& call) {
            try {
                call();
            } catch (const LockError& error) {
                return error.code();
            }
            return std::error_code{};
        };
        EXPECT_EQ(code_of([&] { const std::scoped_lock other{mutex}; }), Errc::would_deadlock);
        EXPECT_EQ(code_of([&] { const std::unique_lock other{mutex, 1s}; }), Errc::would_deadlock);
        const std::unique_lock at_once{mutex, std::try_to_lock};
        EXPECT_FALSE(at_once.owns_lock());
        EXPECT_EQ(code_of([&] { (void)owner.acquire("owned", {.wait_timeout = 10s}); }),
                  Errc::would_deadlock);
        const auto none = locks.acquire("owned", {.wait_timeout = 0ms});
        EXPECT_FALSE(none) << "waits for nothing, so it may";
        ++done;
    };
    run();
    EXPECT_TRUE(poll_until([&] { return done == 1; }));
}

}  // namespace
}  // namespace leaselock
