// Goal: whatever way into a lock is copied by a fork, the copy can be used and destroyed in the
// child: it holds nothing, is refused, runs no callback of the parent, and neither hangs nor
// crashes, however busy the parent's threads were. Method: at the time of the fork threads of the
// parent wait in each of them, so that a child which waits for these stands still; or they take and
// leave locks as fast as they can while children are made, so that now and then a mutex is locked
// at that moment.
#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <leaselock/leaselock.hpp>

#include "support/coroutines.hpp"
#include "support/poll_until.hpp"
#include "support/process_copy.hpp"

namespace leaselock::support {
namespace {

using namespace std::chrono_literals;

bool refuses(const std::function<void()>& call) {
    try {
        call();
    } catch (const LockError& error) {
        return error.code() == Errc::forked;
    }
    return false;
}

class CopiedFaces : public ::testing::Test {
  protected:
    // Until all of `waiting` have begun to wait for that key.
    [[nodiscard]] bool wait_for(const char* key, int waiting) {
        return poll_until([&] { return locks_.inspect(key).waiting == waiting; });
    }

    // Whether the coroutine gets its lock.
    [[nodiscard]] bool goes_on(const int& got) {
        return poll_until([&] {
            (void)loop_.run_one();
            return got == 1;
        });
    }

    LockManager locks_;
    Loop loop_;
    std::error_code ec_;
};

TEST_F(CopiedFaces, MutexIsLockedByNobody) {
    DistributedMutex mutex{locks_, "mutex"};
    auto taken = locks_.acquire("mutex");
    std::thread first{[&] { const std::lock_guard lock{mutex}; }};
    ASSERT_TRUE(wait_for("mutex", 1));
    std::atomic<bool> begun{false};
    std::thread second{[&] {
        begun = true;
        const std::lock_guard lock{mutex};
    }};
    ASSERT_TRUE(poll_until([&] { return begun.load(); }));
    std::optional<DistributedMutex> mine{std::in_place, locks_, "mine"};
    std::unique_lock holds{*mine};
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          found.expect(refuses([&] { const std::lock_guard locked{mutex}; }),
                                       "locked");
                          found.expect(refuses([&] { (void)mutex.try_lock(); }), "tried");
                          found.expect(refuses([&] { (void)mutex.try_lock_for(1h); }), "for");
                          found.expect(mine->fencing_token() == 0, "mine");
                          holds.unlock();
                          std::destroy_at(&mutex);
                          mine.reset();
                          return found.text();
                      }),
              "");
    mine->ensure();
    holds.unlock();
    taken.reset();
    first.join();
    second.join();
}

TEST_F(CopiedFaces, SharedMutexIsReadByNobody) {
    SharedDistributedMutex mutex{locks_, "shared"};
    std::shared_lock reader{mutex};
    std::thread writer{[&] { const std::lock_guard lock{mutex}; }};
    ASSERT_TRUE(wait_for("shared", 1));
    EXPECT_EQ(
        in_copy(Copying::fork,
                [&] {
                    Findings found;
                    found.expect(refuses([&] { const std::lock_guard locked{mutex}; }), "locked");
                    found.expect(refuses([&] { const std::shared_lock reads{mutex}; }), "read");
                    found.expect(refuses([&] { (void)mutex.try_lock(); }), "tried");
                    found.expect(mutex.fencing_token() == 0, "a token");
                    reader.unlock();
                    std::destroy_at(&mutex);
                    return found.text();
                }),
        "");
    mutex.ensure();
    reader.unlock();
    writer.join();
}

TEST_F(CopiedFaces, OwnerHoldsNothing) {
    std::optional<LockOwner> owner{std::in_place, locks_};
    auto taken = locks_.acquire("taken");
    auto mine = owner->acquire("mine");
    auto again = owner->acquire("mine");
    std::atomic<int> begun{0};
    std::vector<std::thread> waiting;
    for (int i = 0; i < 2; ++i) {
        waiting.emplace_back([&] {
            ++begun;
            const auto lock = owner->acquire("taken", {.wait_timeout = 1h});
        });
    }
    ASSERT_TRUE(wait_for("taken", 1));
    ASSERT_TRUE(poll_until([&] { return begun == 2; }));
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          found.expect(refuses([&] { (void)owner->acquire("mine"); }), "again");
                          found.expect(refuses([&] { (void)owner->levels("mine"); }), "levels");
                          found.expect(!mine->owns_lock(), "held");
                          found.expect(mine->lost().stop_requested(), "not lost");
                          found.expect(mine->release() == ReleaseResult::not_held, "released");
                          again.reset();
                          owner.reset();
                          mine.reset();
                          return found.text();
                      }),
              "");
    EXPECT_TRUE(mine->owns_lock());
    EXPECT_EQ(owner->levels("mine"), 2U);
    taken.reset();
    for (std::thread& each : waiting) each.join();
}

// Not in the child, nor because of it.
TEST_F(CopiedFaces, LeadershipAndSetOfLocksAreOverAndNoCallbackRuns) {
    LeaderElection election{locks_, "leader"};
    auto lead = election.campaign();
    LeaderElection other{locks_, "other leader"};
    auto second = other.campaign();
    auto all = acquire_all(locks_, {"a", "b"});
    auto lock = locks_.acquire("c");
    std::atomic<int> calls{0};
    const auto count = [&] { ++calls; };
    std::optional<std::stop_callback<decltype(count)>> on_end{std::in_place, lead->ended(), count};
    std::optional<std::stop_callback<decltype(count)>> on_second{std::in_place, second->ended(),
                                                                 count};
    std::optional<std::stop_callback<decltype(count)>> on_loss{std::in_place, all->lost(), count};
    std::optional<std::stop_callback<decltype(count)>> on_lost{std::in_place, lock->lost(), count};
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          found.expect(!lead->leads(), "leads");
                          found.expect(lead->ended().stop_requested(), "not ended");
                          found.expect(lead->resign() == ReleaseResult::not_held, "resigned");
                          found.expect(!all->owns_lock(), "all are held");
                          found.expect(all->lost().stop_requested(), "not lost");
                          found.expect(all->release() == ReleaseResult::not_held, "released");
                          found.expect(lock->lost().stop_requested(), "not lost");
                          found.expect(refuses([&] { (void)election.campaign(); }), "campaign");
                          found.expect(refuses([&] { (void)election.leader(); }), "leader");
                          lead.reset();
                          second.reset();
                          all.reset();
                          lock.reset();
                          locks_ = LockManager{};
                          found.expect(calls == 0, "a callback ran");
                          return found.text();
                      }),
              "");
    EXPECT_TRUE(lead->leads());
    EXPECT_TRUE(second->leads());
    EXPECT_TRUE(all->owns_lock());
    EXPECT_EQ(calls, 0);
}

TEST_F(CopiedFaces, SemaphoreLatchAndWrappersAreRefused) {
    DistributedSemaphore permits{locks_, "permits", 3};
    CountDownLatch latch{locks_, "latch", 2};
    auto permit = permits.acquire(2);
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          found.expect(refuses([&] { (void)permits.acquire(); }), "permit");
                          found.expect(refuses([&] { (void)permits.available(); }), "available");
                          found.expect(refuses([&] { latch.count_down(); }), "count_down");
                          found.expect(refuses([&] { (void)latch.wait(); }), "wait");
                          found.expect(refuses([&] { (void)latch.count(); }), "count");
                          found.expect(refuses([&] { latch.reset(); }), "reset");
                          found.expect(refuses([&] { (void)with_lock(locks_, "k", [] {}); }),
                                       "with_lock");
                          found.expect(refuses([&] { (void)acquire_all(locks_, {"k"}); }), "all");
                          found.expect(permit->release() == ReleaseResult::not_held, "released");
                          return found.text();
                      }),
              "");
    EXPECT_EQ(permits.available(), 1);
    EXPECT_EQ(latch.count(), 2);
}

// It goes on where the test runs its loop.
Owned hold(LockManager& locks, const char* key, Loop& loop, int& got) {
    const auto lock = co_await locks.async_acquire(key, {.wait_timeout = 1h}).resume_on(loop);
    if (lock) ++got;
}

Owned let_go(ScopedDistributedLock& lock, std::optional<ReleaseResult>& result) {
    result = co_await lock.async_release();
}

TEST_F(CopiedFaces, CoroutineThatWaitsMayBeDestroyedAndStartsNothing) {
    int got = 0;
    auto taken = locks_.acquire("key");
    {
        Owned waiting = hold(locks_, "key", loop_, got);
        ASSERT_TRUE(wait_for("key", 1));
        EXPECT_EQ(in_copy(Copying::fork,
                          [&] {
                              Findings found;
                              waiting.destroy();
                              std::optional<ReleaseResult> result;
                              Owned release = let_go(*taken, result);
                              found.expect(result == ReleaseResult::not_held, "released");
                              found.expect(
                                  refuses([&] { (void)locks_.async_acquire("k").await_resume(); }),
                                  "acquired");
                              return found.text();
                          }),
                  "");
        taken.reset();
        EXPECT_TRUE(goes_on(got));
    }
}

// Does something when a certain thread asks for the time, once.
class WatchedClock final : public Clock {
  public:
    time_point now() const noexcept override {
        if (std::this_thread::get_id() == thread_.load() && !done_.exchange(true)) work_();
        return real_->now();
    }
    void sleep_until(time_point until, Waker& waker) override { real_->sleep_until(until, waker); }

    void on_now(std::thread::id thread, std::function<void()> work) {
        work_ = std::move(work);
        thread_ = thread;
    }
    [[nodiscard]] bool is_done() const noexcept { return done_; }

  private:
    const std::shared_ptr<Clock> real_ = boot_clock();
    std::function<void()> work_;
    std::atomic<std::thread::id> thread_{};
    mutable std::atomic<bool> done_{false};
};

// The thread that drives coroutines asks for the time with its mutex locked, and the child is made
// at that moment.
TEST_F(CopiedFaces, ChildDestroysCoroutinesThoughTheMutexOfTheirThreadIsLocked) {
    const auto clock = std::make_shared<WatchedClock>();
    LockManager locks{{.clock = clock}};
    auto taken = locks.acquire("key");
    int got = 0;
    Owned waiting = hold(locks, "key", loop_, got);
    std::atomic<std::thread::id> driver{};
    const auto note = [&](std::optional<ScopedDistributedLock> lock, std::error_code) {
        driver = std::this_thread::get_id();
        lock.reset();
    };
    locks.async_acquire("other", {}, {}, note);
    ASSERT_TRUE(poll_until([&] { return driver.load() != std::thread::id{}; }));
    std::string wrong = "no copy was made";
    clock->on_now(driver, [&] {
        wrong = in_copy(Copying::fork, [&] {
            Findings found;
            waiting.destroy();
            std::optional<ReleaseResult> result;
            const Owned release = let_go(*taken, result);
            found.expect(result == ReleaseResult::not_held, "released");
            return found.text();
        });
    });
    locks.async_acquire("other", {}, {}, note);
    ASSERT_TRUE(poll_until([&] { return clock->is_done(); }, 1min));
    taken.reset();
    EXPECT_TRUE(goes_on(got));
    EXPECT_EQ(wrong, "");
}

// Some of the threads hold a mutex when a child is made.
TEST_F(CopiedFaces, ChildOfABusyProcessEndsWhateverItDestroys) {
    std::optional<LockOwner> owner{std::in_place, locks_};
    std::optional<DistributedMutex> mutex{std::in_place, locks_, "mutex"};
    std::optional<SharedDistributedMutex> shared{std::in_place, locks_, "shared"};
    auto lock = locks_.acquire("mine");
    auto owned = owner->acquire("owned");
    const std::stop_token lost = lock->lost();
    std::atomic<bool> ends{false};
    std::atomic<int> pending{0};
    std::vector<std::thread> busy;
    busy.emplace_back([&] {
        while (!ends) {
            auto other = locks_.acquire("other", {.wait_timeout = 1min});
            const auto level = owner->acquire("levels", {.wait_timeout = 1min});
            (void)other->lost();
            (void)locks_.stats();
        }
    });
    busy.emplace_back([&] {
        while (!ends) {
            const std::lock_guard both{*mutex};
            const std::shared_lock reads{*shared};
            if (pending > 8) continue;
            ++pending;
            locks_.async_acquire("other", {.wait_timeout = 1min}, {},
                                 [&](std::optional<ScopedDistributedLock> got, std::error_code) {
                                     got.reset();
                                     --pending;
                                 });
        }
    });
    busy.emplace_back([&] {
        while (!ends) {
            const auto level = owner->acquire("owned");
        }
    });
    int got = 0;
    Owned waiting = hold(locks_, "mine", loop_, got);
    constexpr int children = 100;
    int done = 0;
    for (std::string wrong; done < children && wrong.empty(); done += wrong.empty() ? 1 : 0) {
        wrong = in_copy(Copying::fork, [&] {
            Findings found;
            found.expect(refuses([&] { const std::lock_guard locked{*mutex}; }), "mutex");
            found.expect(refuses([&] { const std::shared_lock reads{*shared}; }), "shared");
            found.expect(refuses([&] { (void)owner->acquire("levels"); }), "owner");
            found.expect(refuses([&] { (void)locks_.acquire("other"); }), "manager");
            found.expect(lock->lost().stop_requested(), "lost");
            found.expect(locks_.stats().acquired == 0, "stats");
            lock.reset();
            owned.reset();
            waiting.destroy();
            owner.reset();
            mutex.reset();
            shared.reset();
            locks_ = LockManager{};
            return found.text();
        });
        EXPECT_EQ(wrong, "");
    }
    ends = true;
    for (std::thread& each : busy) each.join();
    EXPECT_TRUE(poll_until([&] { return pending == 0; }));
    EXPECT_EQ(done, children);
    EXPECT_TRUE(lock->owns_lock());
    lock.reset();
    EXPECT_TRUE(goes_on(got));
}

}  // namespace
}  // namespace leaselock::support
