// Goal: a coroutine that waits for a latch gets what CountDownLatch::wait returns, and no lock;
// nothing is left of one that is stopped, or destroyed. Method: coroutines that begin at once, on a
// memory store that fails on demand.
#include <atomic>
#include <gtest/gtest.h>
#include <optional>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <leaselock/count_down_latch.hpp>
#include <leaselock/memory_backend.hpp>

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

static_assert(std::is_same_v<decltype(std::declval<LatchAwaitable&>().await_resume()), bool>);

class AsyncLatch : public ::testing::Test {
  protected:
    std::shared_ptr<testing::FaultBackend> store_ =
        std::make_shared<testing::FaultBackend>(std::make_shared<MemoryBackend>());
    LockManager locks_ = std::move(*make());
    CountDownLatch latch_{locks_, "latch", 2};
    std::atomic<int> done_{0};

    std::optional<LockManager> make() {
        std::optional<LockManager> locks{std::in_place, ManagerOptions{.owner = "tester:1"}};
        locks->register_backend("store", store_);
        locks->set_default_backend("store");
        return locks;
    }
    [[nodiscard]] bool all_done(int count) {
        return poll_until([&] { return done_ == count; });
    }
    [[nodiscard]] bool is_waited_for(int count) {
        return poll_until([&] { return locks_.inspect("latch").waiting == count; });
    }
};

TEST_F(AsyncLatch, CoroutinesGoOnWhenItOpensAndHoldNothing) {
    std::atomic<int> open{0};
    auto run = [&]() -> Detached {
        if (co_await latch_.async_wait()) ++open;
        ++done_;
    };
    for (int i = 0; i < 8; ++i) run();
    ASSERT_TRUE(is_waited_for(8));
    latch_.count_down();
    EXPECT_EQ(done_, 0);
    latch_.count_down();
    ASSERT_TRUE(all_done(8));
    EXPECT_EQ(open, 8);
    EXPECT_EQ(locks_.stats().acquired, 0U);
    EXPECT_EQ(locks_.stats().cleanups_now, 0U);
}

TEST_F(AsyncLatch, WaitThatEndsByItsTimeOrItsStopTokenIsFalseAndTheCodeSaysWhy) {
    CountDownLatch hasty{locks_, "latch", 2, {.wait_timeout = 1ms}};
    std::stop_source source;
    std::vector<bool> open;
    std::vector<std::error_code> why(2);
    auto run = [&]() -> Detached {
        open.push_back(co_await hasty.async_wait());
        open.push_back(co_await hasty.async_wait({}, why[0]));
        open.push_back(co_await latch_.async_wait(source.get_token(), why[1]));
        ++done_;
    };
    run();
    ASSERT_TRUE(is_waited_for(1));
    source.request_stop();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(open, (std::vector{false, false, false}));
    EXPECT_EQ(why, (std::vector{make_error_code(Errc::wait_timed_out),
                                make_error_code(Errc::cancelled)}));
    EXPECT_TRUE(is_waited_for(0));
}

TEST_F(AsyncLatch, RefusalIsThrownAsOfTheBlockingCall) {
    CountDownLatch other{locks_, "latch", 3};
    latch_.count_down();
    std::vector<std::error_code> refused(2);
    auto run = [&]() -> Detached {
        try {
            (void)co_await other.async_wait();
        } catch (const LockError& error) {
            refused[0] = error.code();
        }
        (void)co_await other.async_wait({}, refused[1]);
        ++done_;
    };
    run();
    ASSERT_TRUE(all_done(1));
    EXPECT_EQ(refused, std::vector(2, make_error_code(Errc::conflicting_use)));
}

TEST_F(AsyncLatch, CoroutineGoesOnWhereItIsToldTo) {
    Loop loop;
    std::thread::id where{};
    auto run = [&]() -> Detached {
        (void)co_await latch_.async_wait().resume_on(loop);
        where = std::this_thread::get_id();
        ++done_;
    };
    run();
    latch_.count_down();
    latch_.count_down();
    ASSERT_TRUE(poll_until([&] { return loop.run_one() || done_ == 1; }));
    EXPECT_EQ(where, std::this_thread::get_id());
}

TEST_F(AsyncLatch, CoroutineThatIsDestroyedLeavesNobodyInTheQueue) {
    auto run = [&]() -> Owned { (void)co_await latch_.async_wait(); };
    {
        const Owned waiting = run();
        ASSERT_TRUE(is_waited_for(1));
    }
    EXPECT_TRUE(is_waited_for(0));
    EXPECT_NO_THROW(latch_.reset());
}

TEST_F(AsyncLatch, EndOfTheManagerEndsTheWait) {
    std::error_code why;
    bool open = true;
    std::optional<LockManager> locks = make();
    std::optional<CountDownLatch> latch{std::in_place, *locks, "latch", 2};
    auto run = [&]() -> Detached {
        open = co_await latch->async_wait({}, why);
        ++done_;
    };
    run();
    ASSERT_TRUE(is_waited_for(1));
    latch.reset();
    locks.reset();
    EXPECT_EQ(done_, 1);
    EXPECT_FALSE(open);
    EXPECT_EQ(why, Errc::cancelled);
}

}  // namespace
}  // namespace leaselock
