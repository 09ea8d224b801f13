// Goal: DistributedMutex is a standard TimedLockable, for the threads of a process and against
// other holders, and answers for the calling thread alone. Method: the standard's own algorithms on
// it, and threads that ask while another one holds it; where a wait has to end by itself, a memory
// backend on the real clock with short times, which are bounded by ten times their value.
#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <latch>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

TEST(Mutex, LocksAndUnlocks) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key"};
    mutex.lock();
    EXPECT_TRUE(world.other.inspect("key").held);
    EXPECT_NO_THROW(mutex.ensure());
    EXPECT_EQ(mutex.fencing_token(), world.other.inspect("key").fencing_token);
    mutex.unlock();
    EXPECT_FALSE(world.other.inspect("key").held);
    EXPECT_EQ(mutex.fencing_token(), 0U);
    EXPECT_THROW(mutex.ensure(), LockLost);
}

TEST(Mutex, GivesItsFenceAsFencedLocksDo) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key"};
    DistributedMutex other{world.other, "key"};
    const std::uint64_t first = mutex.lock_and_get_fence();
    EXPECT_GT(first, 0U);
    EXPECT_EQ(first, mutex.fencing_token());
    EXPECT_EQ(other.try_lock_and_get_fence(), 0U);
    mutex.unlock();
    EXPECT_GT(other.try_lock_and_get_fence(), first);
    const std::unique_lock held{other, std::adopt_lock};
}

TEST(Mutex, SaysForHowLongAndWhoseItIs) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key", {.ttl = 10s, .renewal = Renewal::off}};
    EXPECT_EQ(mutex.key(), "key");
    EXPECT_EQ(mutex.remaining(), 0ms);
    EXPECT_FALSE(mutex.is_locked());
    EXPECT_TRUE(mutex.lost().stop_requested());
    mutex.lock();
    EXPECT_GT(mutex.remaining(), 9s);
    EXPECT_TRUE(mutex.is_locked());
    EXPECT_FALSE(mutex.lost().stop_requested());
    std::thread{[&] {
        EXPECT_EQ(mutex.remaining(), 0ms);
        EXPECT_TRUE(mutex.lost().stop_requested());
        EXPECT_TRUE(mutex.is_locked());
    }}.join();
    world.clock->advance(10s);
    EXPECT_EQ(mutex.remaining(), 0ms);
    EXPECT_TRUE(support::poll_until([&] { return mutex.lost().stop_requested(); }));
    mutex.unlock();
}

// On a clock that moves as callers sleep: an hour takes no time, among threads and among objects.
TEST(Mutex, ThreadsTakeTurnsOnTheClockOfTheManager) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key", {.ttl = 24h}};
    DistributedMutex other{world.manager, "key"};
    mutex.lock();
    for (DistributedMutex* const waited : {&mutex, &other}) {
        const auto begin = world.clock->now();
        std::thread{[&] { EXPECT_FALSE(waited->try_lock_for(1h)); }}.join();
        EXPECT_GE(world.clock->now() - begin, 1h);
        EXPECT_LT(world.clock->now() - begin, 2h);
    }
    auto turn = std::async(std::launch::async, [&] {
        const std::scoped_lock lock{mutex};
        return world.clock->now();
    });
    world.clock->wait_for_sleepers();
    const auto before = world.clock->now();
    mutex.unlock();
    EXPECT_EQ(turn.get(), before) << "one that waits for ever moves no clock";
}

TEST(Mutex, StopEndsTheWaitForAnotherHolderAndForAnotherThread) {
    LockManager locks;
    DistributedMutex mutex{locks, "key"};
    DistributedMutex other{locks, "key"};
    mutex.lock();
    for (DistributedMutex* const waited : {&mutex, &other}) {
        std::stop_source stop;
        std::latch waits{1};
        auto got = std::async(std::launch::async, [&] {
            waits.count_down();
            return waited->lock(stop.get_token());
        });
        waits.wait();
        stop.request_stop();
        EXPECT_FALSE(got.get());
    }
    mutex.unlock();
    std::stop_source never;
    ASSERT_TRUE(other.lock(never.get_token()));
    const std::unique_lock held{other, std::adopt_lock};
}

TEST(Mutex, TryLockIsFalseWhileAnotherHolds) {
    ManagerWorld world;
    DistributedMutex first{world.manager, "key"};
    DistributedMutex second{world.other, "key"};
    std::unique_lock held{first};
    std::unique_lock tried{second, std::try_to_lock};
    EXPECT_FALSE(tried.owns_lock());
    held.unlock();
    EXPECT_TRUE(tried.try_lock());
}

TEST(Mutex, RelockByTheSameThreadIsADeadlockThatIsRefused) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key"};
    const std::unique_lock held{mutex};
    std::unique_lock again{mutex, std::defer_lock};
    for (const auto& relock : {std::function<void()>{[&] { again.lock(); }},
                               std::function<void()>{[&] { (void)again.try_lock_for(1h); }}}) {
        try {
            relock();
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::resource_deadlock_would_occur);
        }
    }
    EXPECT_FALSE(again.try_lock());
    EXPECT_TRUE(world.other.inspect("key").held);
}

TEST(Mutex, SecondThreadBlocksUntilTheFirstUnlocks) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key"};
    std::unique_lock held{mutex};
    auto second = std::async(std::launch::async, [&] {
        const std::scoped_lock lock{mutex};
        return mutex.fencing_token();
    });
    EXPECT_EQ(second.wait_for(50ms), std::future_status::timeout);
    const auto fence = mutex.fencing_token();
    held.unlock();
    EXPECT_GT(second.get(), fence);
}

// On a thread of its own, which has ended when this returns.
template <class Function>
void on_another_thread(Function function) {
    std::jthread{std::move(function)}.join();
}

TEST(Mutex, AnswersAThreadThatDoesNotHoldItByLockLostAndZero) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key"};
    const std::unique_lock held{mutex};
    on_another_thread([&] {
        EXPECT_THROW(mutex.ensure(), LockLost);
        EXPECT_EQ(mutex.fencing_token(), 0U);
    });
    EXPECT_NO_THROW(mutex.ensure());
    EXPECT_GT(mutex.fencing_token(), 0U);
}

// What clang cannot follow: it holds nothing.
void unlock_without_lock(DistributedMutex& mutex) LEASELOCK_UNCHECKED { mutex.unlock(); }

TEST(Mutex, UnlockByAnotherThreadFreesNothing) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key"};
    unlock_without_lock(mutex);
    std::unique_lock held{mutex};
    on_another_thread([&] {
        unlock_without_lock(mutex);
        EXPECT_FALSE(mutex.try_lock()) << "its turn is not over";
    });
    EXPECT_TRUE(world.other.inspect("key").held);
    EXPECT_NO_THROW(mutex.ensure());
    held.unlock();
    EXPECT_FALSE(world.other.inspect("key").held);
}

TEST(Mutex, LateWriterThatAsksForItsTokenIsFencedOff) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key"};
    FenceGuard resource;
    { const std::unique_lock early{mutex}; }
    std::latch written{1};
    std::latch checked{1};
    std::jthread later{[&] {
        const std::unique_lock held{mutex};
        EXPECT_TRUE(resource.admit(mutex.fencing_token()));
        written.count_down();
        checked.wait();
    }};
    written.wait();
    EXPECT_FALSE(resource.admit(mutex.fencing_token())) << "this thread's section is over";
    checked.count_down();
}

// For TSan: the holder writes what the others must not read.
TEST(Mutex, ThreadsMayAskWhileOthersLockAndUnlock) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key"};
    std::atomic<bool> over{false};
    std::atomic<int> believed{0};
    std::jthread asking{[&] {
        while (!over) {
            if (mutex.fencing_token() != 0) ++believed;
            try {
                mutex.ensure();
                ++believed;
            } catch (const LockLost&) {
            }
            unlock_without_lock(mutex);
        }
    }};
    for (int i = 0; i < 500; ++i) {
        const std::unique_lock held{mutex};
        EXPECT_NO_THROW(mutex.ensure());
    }
    over = true;
    asking.join();
    EXPECT_EQ(believed, 0);
}

TEST(Mutex, ThreadsTakeTurnsAndOneOfThemContends) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key"};
    constexpr int threads = 8;
    constexpr int entries = 100;
    int counter = 0;  // guarded by nothing else
    {
        std::vector<std::jthread> workers;
        for (int i = 0; i < threads; ++i) {
            workers.emplace_back([&] {
                for (int n = 0; n < entries; ++n) {
                    const std::scoped_lock lock{mutex};
                    ++counter;
                }
            });
        }
    }
    EXPECT_EQ(counter, threads * entries);
    EXPECT_EQ(world.backend->count(), 2U * threads * entries) << "nobody polled in vain";
}

TEST(Mutex, StdLockTakesManyWithoutDeadlock) {
    ManagerWorld world;
    DistributedMutex a{world.manager, "a"};
    DistributedMutex b{world.manager, "b"};
    DistributedMutex c{world.manager, "c"};
    int counter = 0;
    {
        std::jthread one{[&] {
            for (int i = 0; i < 100; ++i) {
                const std::scoped_lock all{a, b, c};
                ++counter;
            }
        }};
        std::jthread two{[&] {
            for (int i = 0; i < 100; ++i) {
                std::unique_lock first{c, std::defer_lock};
                std::unique_lock second{b, std::defer_lock};
                std::unique_lock third{a, std::defer_lock};
                std::lock(first, second, third);
                ++counter;
            }
        }};
    }
    EXPECT_EQ(counter, 200);
}

// A manager on the real clock, whose key is held by another for long.
class HeldMutex : public ::testing::Test {
  protected:
    template <class Try>
    void expect_false_after(std::chrono::milliseconds time, Try attempt) {
        const auto begin = SteadyClock::now();
        EXPECT_FALSE(attempt());
        const auto took = SteadyClock::now() - begin;
        EXPECT_GE(took, time);
        EXPECT_LT(took, 10 * time + 1s);
    }

    LockManager manager_;
    ScopedDistributedLock holder_{manager_, "key", {.ttl = 24h}};
    DistributedMutex mutex_{manager_, "key", {.retry_delay = 10ms}};
    std::unique_lock<DistributedMutex> lock_{mutex_, std::defer_lock};
};

TEST_F(HeldMutex, TryLockForEndsAtItsTime) {
    expect_false_after(60ms, [&] { return lock_.try_lock_for(60ms); });
    expect_false_after(0ms, [&] { return lock_.try_lock_for(0ms); });
    expect_false_after(0ms, [&] { return lock_.try_lock_for(-1h); });
}

TEST_F(HeldMutex, TryLockUntilTakesAnyClock) {
    expect_false_after(50ms, [&] { return lock_.try_lock_until(SteadyClock::now() + 60ms); });
    expect_false_after(
        50ms, [&] { return lock_.try_lock_until(std::chrono::system_clock::now() + 60ms); });
    expect_false_after(0ms, [&] { return lock_.try_lock_until(SteadyClock::now() - 1h); });
}

TEST_F(HeldMutex, TryLockForGetsALockThatIsReleasedMeanwhile) {
    auto wait = std::async(std::launch::async, [&] {
        const std::unique_lock lock{mutex_, 1h};
        return lock.owns_lock();
    });
    EXPECT_EQ(wait.wait_for(50ms), std::future_status::timeout);
    holder_.release();
    EXPECT_TRUE(wait.get());
}

TEST_F(HeldMutex, TryLockForCountsTheTurnsOfOtherThreads) {
    holder_.release();
    const std::unique_lock held{mutex_};
    std::async(std::launch::async, [&] {
        std::unique_lock lock{mutex_, std::defer_lock};
        expect_false_after(60ms, [&] { return lock.try_lock_for(60ms); });
        expect_false_after(0ms, [&] { return lock.try_lock(); });
    }).get();
}

TEST(Mutex, ThrowsWhatTheManagerThrowsAndStaysUsable) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key"};
    std::unique_lock lock{mutex, std::defer_lock};
    world.backend->fail_next({.error = Errc::not_supported});
    EXPECT_THROW(lock.lock(), LockError);
    world.backend->fail_next({.error = Errc::loading});
    EXPECT_THROW((void)lock.try_lock(), LockError);
    world.backend->fail_next({.error = Errc::corrupt});
    EXPECT_THROW((void)lock.try_lock_for(1s), LockError);
    lock.lock();
    EXPECT_TRUE(world.other.inspect("key").held);
}

TEST(Mutex, WrongInputShowsAtTheFirstCall) {
    ManagerWorld world;
    DistributedMutex no_key{world.manager, ""};
    std::unique_lock lock{no_key, std::defer_lock};
    EXPECT_THROW(lock.lock(), LockError);
    DistributedMutex no_ttl{world.manager, "key", {.ttl = 0s}};
    std::unique_lock other{no_ttl, std::defer_lock};
    EXPECT_THROW((void)other.try_lock(), LockError);
    EXPECT_EQ(world.backend->count(), 0U);
}

TEST(Mutex, UnlockThrowsNothingWhateverTheBackendAnswers) {
    static_assert(noexcept(std::declval<DistributedMutex&>().unlock()));
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key", {.ttl = 1s}};
    std::unique_lock lock{mutex};
    world.backend->fail_all({.error = Errc::command_timed_out});
    lock.unlock();
    world.backend->heal();
    world.clock->advance(1s);
    EXPECT_TRUE(lock.try_lock());
}

TEST(Mutex, EnsureTellsThatTheLeaseEnded) {
    ManagerWorld world;
    DistributedMutex mutex{world.manager, "key", {.ttl = 1s}};
    const std::unique_lock lock{mutex};
    EXPECT_NO_THROW(mutex.ensure());
    world.clock->advance(1s);
    EXPECT_THROW(mutex.ensure(), LockLost);
}

TEST(Mutex, KeepsItsOptionsAndTheNameOfTheBackend) {
    ManagerWorld world;
    LockManager manager{{.clock = world.clock}};
    manager.register_backend("store", world.backend);
    std::string name = "store";
    DistributedMutex mutex{manager, "key", {.ttl = 3s, .min_hold = 2s, .backend = name}};
    name = "gone!";
    { const std::scoped_lock lock{mutex}; }
    const auto records = world.backend->records();
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].ttl, 3s);
    EXPECT_EQ(records[1].keep, 2s);
}

}  // namespace
}  // namespace leaselock
