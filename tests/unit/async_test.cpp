// Goal: a coroutine and a callback get what a blocking call gets, and no thread waits for it; they
// go on where they are asked to; nothing is left of one that is stopped, or destroyed. Method:
// coroutines that begin at once and say when they are done, on a memory store that fails as it is
// told.
#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/coroutines.hpp"
#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::Detached;
using support::Loop;
using support::Owned;
using support::poll_until;

class Async : public ::testing::Test {
  protected:
    // A call with real time, on which others wait.
    std::shared_ptr<testing::FaultBackend> store_ =
        std::make_shared<testing::FaultBackend>(std::make_shared<MemoryBackend>());
    LockManager locks_ = make();
    std::atomic<int> done_{0};

    LockManager make() {
        LockManager locks{{.owner = "tester:1"}};
        locks.register_backend("store", store_);
        locks.set_default_backend("store");
        return locks;
    }
    [[nodiscard]] bool all_done(int count) {
        return poll_until([&] { return done_ == count; });
    }
    [[nodiscard]] std::size_t asked(Verb verb) const {
        const auto records = store_->records();
        return static_cast<std::size_t>(std::count_if(
            records.begin(), records.end(), [&](const auto& each) { return each.verb == verb; }));
    }
};

TEST_F(Async, FreeLockIsGivenAndReleased) {
    ReleaseResult released{};
    bool held = false;
    auto run = [&]() -> Detached {
        auto lock = co_await locks_.async_acquire("key");
        held = lock && lock->owns_lock() && !granted(locks_.acquire("key"));
        released = co_await lock->async_release();
        held = held && !lock->owns_lock();
        ++done_;
    };
    run();
    ASSERT_TRUE(all_done(1));
    EXPECT_TRUE(held);
    EXPECT_EQ(released, ReleaseResult::released);
    EXPECT_TRUE(locks_.acquire("key"));
}

TEST_F(Async, HeldLockIsNothingWithoutAWaitAndTheCodeSaysWhy) {
    const auto held = locks_.acquire("key");
    std::error_code ec;
    std::optional<bool> got;
    std::optional<bool> got_with_code;
    auto run = [&]() -> Detached {
        got = granted(co_await locks_.async_acquire("key"));
        got_with_code = granted(co_await locks_.async_acquire("key", {}, {}, ec));
        ++done_;
    };
    run();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(got, false);
    EXPECT_EQ(got_with_code, false);
    EXPECT_EQ(ec, Errc::held);
}

TEST_F(Async, RefusedCallThrowsWithoutASuspension) {
    bool thrown = false;
    auto run = [&]() -> Detached {
        try {
            (void)co_await locks_.async_acquire("");
        } catch (const LockError& error) {
            thrown = error.code() == Errc::invalid_key;
        }
        ++done_;
    };
    run();
    EXPECT_EQ(done_, 1);
    EXPECT_TRUE(thrown);
    EXPECT_EQ(store_->count(), 0U);
}

TEST_F(Async, FailureOfTheStoreIsThrown) {
    store_->fail_all({Errc::out_of_memory});
    std::error_code seen;
    auto run = [&]() -> Detached {
        try {
            (void)co_await locks_.async_acquire("key");
        } catch (const LockError& error) {
            seen = error.code();
        }
        ++done_;
    };
    run();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(seen, Errc::out_of_memory);
    store_->heal();
}

TEST_F(Async, AnswerThatIsLostIsCleanedUp) {
    store_->fail_next({Errc::command_timed_out, true});
    std::error_code ec;
    auto run = [&]() -> Detached {
        (void)co_await locks_.async_acquire("key", {}, {}, ec);
        ++done_;
    };
    run();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(ec, Errc::command_timed_out);
    EXPECT_TRUE(poll_until([&] { return granted(locks_.acquire("key")); }));
}

TEST_F(Async, ReleaseThatFailsIsUnknownAndRepeated) {
    ReleaseResult released{};
    std::error_code ec;
    auto run = [&]() -> Detached {
        auto lock = co_await locks_.async_acquire("key");
        store_->fail_next({Errc::command_timed_out});
        released = co_await lock->async_release(ec);
        ++done_;
    };
    run();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(released, ReleaseResult::unknown);
    EXPECT_EQ(ec, Errc::command_timed_out);
    EXPECT_TRUE(poll_until([&] { return granted(locks_.acquire("key")); }));
}

TEST_F(Async, ReleaseOverABrokenConnectionIsSentOnceMore) {
    ReleaseResult released{};
    auto run = [&]() -> Detached {
        auto lock = co_await locks_.async_acquire("key");
        store_->fail_next({Errc::connection_lost});
        released = co_await lock->async_release();
        ++done_;
    };
    run();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(released, ReleaseResult::released);
    EXPECT_EQ(asked(Verb::release), 2U);
}

TEST_F(Async, ManyWaitForOneKeyAndAreServedInTheirOrder) {
    constexpr int count = 2000;
    std::vector<int> order;
    int inside = 0;
    bool alone = true;
    auto first = locks_.acquire("key");
    auto run = [&](int number) -> Detached {
        auto lock = co_await locks_.async_acquire("key", {.wait_timeout = forever});
        alone = alone && ++inside == 1;
        order.push_back(number);
        --inside;
        (void)co_await lock->async_release();
        ++done_;
    };
    for (int i = 0; i < count; ++i) run(i);
    first->release();
    ASSERT_TRUE(all_done(count));
    EXPECT_TRUE(alone);
    std::vector<int> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(order, sorted);
    EXPECT_EQ(order.size(), std::size_t{count});
}

TEST_F(Async, WhoIsWokenInTheLinePollsOnce) {
    constexpr std::size_t count = 200;
    auto first = locks_.acquire("key");
    auto run = [&]() -> Detached {
        auto lock = co_await locks_.async_acquire("key", {.wait_timeout = forever});
        // Time for the next one to poll, and to sleep.
        auto other = co_await locks_.async_acquire("other");
        (void)co_await other->async_release();
        (void)co_await lock->async_release();
        ++done_;
    };
    run();
    ASSERT_TRUE(poll_until([&] { return asked(Verb::acquire) == 2; }));
    for (std::size_t i = 1; i < count; ++i) run();
    first->release();
    ASSERT_TRUE(all_done(count));
    // Two for each section, and once more now and then, when time passes.
    EXPECT_LT(asked(Verb::acquire), 1 + 2 * count + count / 2);
}

TEST_F(Async, CoroutinesAndThreadsShareOneQueue) {
    auto first = locks_.acquire("key");
    std::mutex mutex;
    std::string order;
    const auto note = [&](char who) {
        const std::lock_guard lock{mutex};
        order += who;
    };
    auto run = [&](char name) -> Detached {
        auto lock = co_await locks_.async_acquire("key", {.wait_timeout = forever});
        note(name);
        (void)co_await lock->async_release();
        ++done_;
    };
    run('a');
    ASSERT_TRUE(poll_until([&] { return asked(Verb::acquire) == 2; }));
    std::thread waits{[&] {
        auto lock = locks_.acquire("key", {.wait_timeout = forever});
        note('b');
    }};
    run('c');
    first->release();
    ASSERT_TRUE(all_done(2));
    waits.join();
    EXPECT_EQ(order.size(), 3U);
    EXPECT_EQ(order.front(), 'a');
}

TEST_F(Async, GoesOnWhereItIsTold) {
    Loop loop;
    std::thread::id where;
    std::thread::id where_released;
    auto run = [&]() -> Detached {
        auto lock = co_await locks_.async_acquire("key").resume_on(loop);
        where = std::this_thread::get_id();
        (void)co_await lock->async_release().resume_on(loop);
        where_released = std::this_thread::get_id();
        ++done_;
    };
    run();
    ASSERT_TRUE(poll_until([&] {
        loop.run_one();
        return done_ == 1;
    }));
    EXPECT_EQ(where, std::this_thread::get_id());
    EXPECT_EQ(where_released, std::this_thread::get_id());
}

TEST_F(Async, StopEndsTheWaitAndLeavesNoEntry) {
    auto held = locks_.acquire("key");
    std::stop_source stop;
    std::error_code ec;
    auto run = [&]() -> Detached {
        (void)co_await locks_.async_acquire("key", {.wait_timeout = forever}, stop.get_token(), ec);
        ++done_;
    };
    run();
    ASSERT_TRUE(poll_until([&] { return asked(Verb::acquire) == 2; }));
    EXPECT_EQ(done_, 0);
    stop.request_stop();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(ec, Errc::cancelled);
    held->release();
    EXPECT_TRUE(poll_until([&] { return granted(locks_.try_acquire("key")); }));
}

TEST_F(Async, WaitEndsAtItsTime) {
    const auto held = locks_.acquire("key");
    std::error_code ec;
    auto run = [&]() -> Detached {
        (void)co_await locks_.async_acquire("key", {.wait_timeout = 30ms}, {}, ec);
        ++done_;
    };
    run();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(ec, Errc::wait_timed_out);
}

TEST_F(Async, WaitingCoroutineMayBeDestroyed) {
    auto held = locks_.acquire("key");
    auto run = [&]() -> Owned {
        (void)co_await locks_.async_acquire("key", {.wait_timeout = forever});
        ++done_;
    };
    {
        const Owned waits = run();
        ASSERT_TRUE(poll_until([&] { return asked(Verb::acquire) == 2; }));
    }
    held->release();
    EXPECT_TRUE(poll_until([&] { return granted(locks_.try_acquire("key")); }));
    EXPECT_EQ(done_, 0);
}

TEST_F(Async, GrantThatMeetsADestroyedCoroutineIsReleased) {
    for (int i = 0; i < 300; ++i) {
        Loop loop;  // never runs: what is granted is not taken
        auto held = locks_.acquire("key", {.wait_timeout = 20s});
        ASSERT_TRUE(held);
        auto run = [&]() -> Owned {
            (void)co_await locks_.async_acquire("key", {.wait_timeout = forever}).resume_on(loop);
        };
        Owned waits = run();
        std::thread releases{[&] { held->release(); }};
        waits.destroy();
        releases.join();
    }
    EXPECT_TRUE(locks_.acquire("key", {.wait_timeout = 20s}));
}

TEST_F(Async, AwaitableThatIsNotAwaitedDoesNothing) {
    {
        const auto awaitable = locks_.async_acquire("key");
        EXPECT_FALSE(awaitable.await_ready());
    }
    EXPECT_EQ(asked(Verb::acquire), 0U);
    auto lock = locks_.acquire("key");
    { const auto awaitable = lock->async_release(); }
    EXPECT_TRUE(lock->owns_lock());
}

TEST_F(Async, SecondReleaseIsToldThatThereIsNothing) {
    ReleaseResult second{};
    auto run = [&]() -> Detached {
        auto lock = co_await locks_.async_acquire("key");
        (void)co_await lock->async_release();
        second = co_await lock->async_release();
        ++done_;
    };
    run();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(second, ReleaseResult::not_held);
}

TEST_F(Async, ManagerThatGoesAwayEndsItsWaits) {
    const auto held = locks_.acquire("key");
    std::error_code ec;
    std::optional<LockManager> other{make()};
    auto run = [&]() -> Detached {
        (void)co_await other->async_acquire("key", {.wait_timeout = forever}, {}, ec);
        ++done_;
    };
    run();
    ASSERT_TRUE(poll_until([&] { return asked(Verb::acquire) == 2; }));
    other.reset();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(ec, Errc::cancelled);
}

TEST_F(Async, GuardThatOutlivesItsManagerIsReleasedAllTheSame) {
    std::optional<LockManager> other{make()};
    auto lock = other->acquire("key");
    other.reset();
    ReleaseResult result{};
    auto run = [&]() -> Detached {
        result = co_await lock->async_release();
        ++done_;
    };
    run();
    ASSERT_TRUE(all_done(1));
    EXPECT_TRUE(locks_.acquire("key"));
}

TEST_F(Async, CallbackIsCalledOnceWithTheLock) {
    std::optional<ScopedDistributedLock> got;
    locks_.async_acquire("key", {}, {}, [&](auto lock, std::error_code ec) {
        EXPECT_FALSE(ec);
        got = std::move(lock);
        ++done_;
    });
    ASSERT_TRUE(all_done(1));
    EXPECT_TRUE(got && got->owns_lock());
}

TEST_F(Async, CallbackMayOwnWhatCannotBeCopied) {
    auto number = std::make_unique<int>(7);
    std::atomic<int> seen{0};
    locks_.async_acquire(
        "key", {}, {}, [&, number = std::move(number)](auto, std::error_code) { seen = *number; });
    EXPECT_TRUE(poll_until([&] { return seen == 7; }));
}

TEST_F(Async, CallbackOfARefusedCallIsToldAtOnce) {
    std::error_code seen;
    locks_.async_acquire("", {}, {}, [&](auto lock, std::error_code ec) {
        EXPECT_FALSE(lock);
        seen = ec;
    });
    EXPECT_EQ(seen, Errc::invalid_key);
}

}  // namespace
}  // namespace leaselock
