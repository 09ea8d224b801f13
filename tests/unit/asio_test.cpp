// Goal: each of asio's completion tokens gets what a blocking call gets, refusals with their type
// and text; a handler runs where it says, never before the call returns, and its context waits for
// it. Method: an io_context that the test runs, on a memory store. Built for asio and for
// Boost.Asio.
#include <string>
#include <thread>
#include <vector>

#include "unit/asio_world.hpp"

#ifdef LEASELOCK_ASIO_HAS_SLOTS
#if LEASELOCK_ASIO_USES_BOOST
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/deferred.hpp>
#else
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/deferred.hpp>

#include <leaselock/testing/detail/granted.hpp>
#endif
#endif

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using net::use_awaitable;
using net::use_future;

using Asio = AsioWorld;

std::string text_of(const std::exception_ptr& thrown) {
    try {
        if (thrown) std::rethrow_exception(thrown);
    } catch (const LockError& error) {
        return error.what();
    }
    return {};
}

// What the blocking call says of it.
std::string refusal(LockManager& locks, const LockOptions& options) {
    try {
        (void)locks.acquire("key", options);
    } catch (const LockError& error) {
        return error.what();
    }
    return "not refused";
}

TEST_F(Asio, AwaitableGivesTheLockAndWhatItsReleaseCameTo) {
    bool held = false;
    std::vector<ReleaseResult> released;
    run([&]() -> net::awaitable<void> {
        auto lock = co_await async_acquire(locks_, "key", {}, use_awaitable);
        held = lock && lock->owns_lock() && !granted(locks_.acquire("key"));
        released.push_back(co_await async_release(*lock, use_awaitable));
        held = held && !lock->owns_lock();
        released.push_back(co_await async_release(*lock, use_awaitable));
    });
    EXPECT_TRUE(held);
    EXPECT_EQ(released, (std::vector{ReleaseResult::released, ReleaseResult::not_held}));
    EXPECT_TRUE(locks_.acquire("key"));
}

TEST_F(Asio, AwaitableOfAHeldLockGivesNothing) {
    const auto held = locks_.acquire("key");
    std::optional<bool> got;
    run([&]() -> net::awaitable<void> {
        const auto lock = co_await async_acquire(locks_, "key", {}, use_awaitable);
        got = lock.has_value();
    });
    EXPECT_EQ(got, false);
}

TEST_F(Asio, AwaitableOfARefusedCallThrowsWhatTheBlockingOneThrows) {
    const LockOptions wrong{.ttl = 1ms};
    std::string text;
    run([&]() -> net::awaitable<void> {
        try {
            (void)co_await async_acquire(locks_, "key", wrong, use_awaitable);
        } catch (const LockError& error) {
            text = error.what();
        }
    });
    EXPECT_EQ(text, refusal(locks_, wrong));
    EXPECT_NE(text.find("ttl"), std::string::npos) << text;
}

TEST_F(Asio, AwaitableOfALatchTellsWhetherItIsOpen) {
    CountDownLatch latch{locks_, "latch", 1, {.wait_timeout = 1ms}};
    CountDownLatch other{locks_, "latch", 2};
    std::vector<bool> open;
    std::error_code refused;
    run([&]() -> net::awaitable<void> {
        open.push_back(co_await async_wait(latch, use_awaitable));
        latch.count_down();
        open.push_back(co_await async_wait(latch, use_awaitable));
        try {
            (void)co_await async_wait(other, use_awaitable);
        } catch (const LockError& error) {
            refused = error.code();
        }
    });
    EXPECT_EQ(open, (std::vector{false, true}));
    EXPECT_EQ(refused, Errc::conflicting_use);
    EXPECT_EQ(locks_.stats().held_now, 0U);
}

TEST_F(Asio, StopTokenEndsTheWaitForALatch) {
    CountDownLatch latch{locks_, "latch", 1};
    std::stop_source stop;
    auto open = async_wait(latch, stop.get_token(), use_future);
    stop.request_stop();
    EXPECT_FALSE(open.get());
    EXPECT_NO_THROW(latch.reset()) << "nobody is left in its queue";
}

TEST_F(Asio, FailureOfTheStoreIsThrown) {
    store_->fail_all({Errc::out_of_memory});
    std::error_code seen;
    run([&]() -> net::awaitable<void> {
        try {
            (void)co_await async_acquire(locks_, "key", {}, use_awaitable);
        } catch (const LockError& error) {
            seen = error.code();
        }
    });
    EXPECT_EQ(seen, Errc::out_of_memory);
    store_->heal();
}

TEST_F(Asio, FutureGivesTheLockAndWhatItsReleaseCameTo) {
    auto lock = async_acquire(locks_, "key", {}, use_future).get();
    ASSERT_TRUE(lock && lock->owns_lock());
    EXPECT_FALSE(granted(async_acquire(locks_, "key", {}, use_future).get()));
    EXPECT_EQ(async_release(*lock, use_future).get(), ReleaseResult::released);
}

TEST_F(Asio, ReleaseThatFailsIsUnknown) {
    auto lock = locks_.acquire("key");
    store_->fail_next({Errc::command_timed_out});
    EXPECT_EQ(async_release(*lock, use_future).get(), ReleaseResult::unknown);
    EXPECT_TRUE(free_soon());
}

TEST_F(Asio, HandlerRunsOnItsContextWhichWaitsForIt) {
    auto held = locks_.acquire("key");
    std::thread::id where;
    bool got = false;
    async_acquire(locks_, "key", {.wait_timeout = forever},
                  here([&](const std::exception_ptr& failure, Lock lock) {
                      where = std::this_thread::get_id();
                      got = !failure && lock && lock->owns_lock();
                  }));
    std::thread releases{[&] {
        EXPECT_TRUE(asked(2));
        held->release();
    }};
    context_->run();
    EXPECT_EQ(where, std::this_thread::get_id());
    EXPECT_TRUE(got);
    releases.join();
}

TEST_F(Asio, HandlerOfAReleaseRunsOnItsContextWhichWaitsForIt) {
    auto lock = locks_.acquire("key");
    std::thread::id where;
    async_release(*lock, here([&](ReleaseResult) { where = std::this_thread::get_id(); }));
    lock.reset();
    context_->run();
    EXPECT_EQ(where, std::this_thread::get_id());
}

TEST_F(Asio, HandlerOfARefusedCallDoesNotRunInIt) {
    std::string text;
    async_acquire(locks_, "", {}, here([&](const std::exception_ptr& failure, const Lock& lock) {
                      EXPECT_FALSE(lock);
                      text = text_of(failure);
                  }));
    EXPECT_EQ(text, "");
    context_->run();
    EXPECT_NE(text.find("invalid key"), std::string::npos) << text;
}

TEST_F(Asio, HandlerWithoutAnExecutorDoesNotRunOnTheManagersThread) {
    std::atomic<int> done{0};
    std::thread::id managers;
    std::thread::id where;
    locks_.async_acquire("one", {}, {}, [&](auto, std::error_code) {
        managers = std::this_thread::get_id();
        ++done;
    });
    async_acquire(locks_, "two", {}, [&](const std::exception_ptr&, const Lock& lock) {
        EXPECT_TRUE(lock);
        where = std::this_thread::get_id();
        ++done;
    });
    ASSERT_TRUE(poll_until([&] { return done == 2; }));
    EXPECT_NE(where, managers);
    EXPECT_NE(where, std::this_thread::get_id());
}

TEST_F(Asio, HandlerRunsInItsStrand) {
    auto strand = net::make_strand(*context_);
    bool inside = false;
    async_acquire(locks_, "key", {},
                  net::bind_executor(strand, [&](const std::exception_ptr&, const Lock&) {
                      inside = strand.running_in_this_thread();
                  }));
    context_->run();
    EXPECT_TRUE(inside);
}

TEST_F(Asio, WhatAHandlerThrowsLeavesRun) {
    async_acquire(locks_, "key", {}, here([](const std::exception_ptr&, const Lock&) { throw 7; }));
    EXPECT_THROW(context_->run(), int);
    EXPECT_TRUE(free_soon());
}

// One that counts what its handler takes from it.
template <class T>
struct Counting {
    using value_type = T;
    std::atomic<int>* count;
    explicit Counting(std::atomic<int>* to) : count{to} {}
    template <class U>
    // NOLINTNEXTLINE(google-explicit-constructor): allocators convert.
    Counting(const Counting<U>& other) : count{other.count} {}
    T* allocate(std::size_t n) {
        ++*count;
        return std::allocator<T>{}.allocate(n);
    }
    void deallocate(T* what, std::size_t n) { std::allocator<T>{}.deallocate(what, n); }
    friend bool operator==(const Counting&, const Counting&) = default;
};

struct WithAllocator {
    using executor_type = net::io_context::executor_type;
    using allocator_type = Counting<char>;
    executor_type executor;
    allocator_type allocator;
    [[nodiscard]] executor_type get_executor() const noexcept { return executor; }
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator; }
    void operator()(const std::exception_ptr&, const Lock&) const {}
};

TEST_F(Asio, HandlerIsHandedOverInMemoryOfItsAllocator) {
    std::atomic<int> count{0};
    async_acquire(locks_, "key", {},
                  WithAllocator{context_->get_executor(), Counting<char>{&count}});
    context_->run();
    EXPECT_GT(count, 0);
}

TEST_F(Asio, StopTokenEndsTheWaitAndLeavesNoEntry) {
    auto held = locks_.acquire("key");
    std::stop_source stop;
    auto waits =
        async_acquire(locks_, "key", {.wait_timeout = forever}, stop.get_token(), use_future);
    ASSERT_TRUE(asked(2));
    stop.request_stop();
    EXPECT_FALSE(granted(waits.get()));
    held->release();
    EXPECT_TRUE(free_soon());
}

TEST_F(Asio, ManyCoroutinesOnManyThreadsAreAlone) {
    constexpr int count = 300;
    net::thread_pool pool{4};
    int inside = 0;
    int served = 0;
    auto run = [&]() -> net::awaitable<void> {
        auto lock = co_await async_acquire(locks_, "key", {.wait_timeout = forever}, use_awaitable);
        EXPECT_EQ(++inside, 1);
        ++served;
        --inside;
        EXPECT_EQ(co_await async_release(*lock, use_awaitable), ReleaseResult::released);
    };
    for (int i = 0; i < count; ++i) net::co_spawn(pool, run(), net::detached);
    pool.join();
    EXPECT_EQ(served, count);
}

#ifdef LEASELOCK_ASIO_HAS_SLOTS

TEST_F(Asio, DeferredBeginsWhenItIsCalledAndKeepsItsKey) {
    std::string key = "key";
    auto later = async_acquire(locks_, key, {}, net::experimental::deferred);
    key = "no more";
    EXPECT_EQ(store_->count(), 0U);
    std::string got;
    std::move(later)(here([&](const std::exception_ptr&, const Lock& lock) { got = lock->key(); }));
    context_->run();
    EXPECT_EQ(got, "key");
}

TEST_F(Asio, CancellationSlotEndsTheWaitAndLeavesNoEntry) {
    auto held = locks_.acquire("key");
    net::cancellation_signal signal;
    std::optional<bool> got;
    async_acquire(locks_, "key", {.wait_timeout = forever},
                  net::bind_cancellation_slot(
                      signal.slot(), here([&](const std::exception_ptr& failure, const Lock& lock) {
                          EXPECT_FALSE(failure);
                          got = lock.has_value();
                      })));
    ASSERT_TRUE(asked(2));
    signal.emit(net::cancellation_type::terminal);
    context_->run();
    EXPECT_EQ(got, false);
    signal.emit(net::cancellation_type::terminal);  // there is nothing left to end
    held->release();
    EXPECT_TRUE(free_soon());
}

TEST_F(Asio, AlternativeEndsTheWaitOfACoroutine) {
    using namespace net::experimental::awaitable_operators;
    const auto held = locks_.acquire("key");
    std::size_t first = 0;
    run([&]() -> net::awaitable<void> {
        net::steady_timer timer{*context_, 20ms};
        const auto either =
            co_await (async_acquire(locks_, "key", {.wait_timeout = forever}, use_awaitable) ||
                      timer.async_wait(use_awaitable));
        first = either.index();
    });
    EXPECT_EQ(first, 1U);
}

#endif

}  // namespace
}  // namespace leaselock
