// Goal: a lock in memory that was granted at once, and is in its thread's hands at first, is a lock
// like any other: it is renewed, lost, extended, counted and reported so, whichever thread releases
// it, and when its manager ends. And a process that does nothing is not woken. Method: a clock that
// is moved by hand and tells for when the library has asked to be woken; threads that acquire and
// release while the library comes by as often as it can; and, by real time, how often the kernel
// has switched to the library's threads.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <leaselock/leaselock.hpp>

#include "support/poll_until.hpp"
#include "unit/telling_clock.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

// A thread beyond the first ones of the process has nothing in its own hands.
constexpr int many_threads = 40;

class OwnHolds : public ::testing::Test {
  protected:
    // The first lock of a manager starts its threads, and goes another way.
    OwnHolds() { const ScopedDistributedLock first{*manager_, "first lock"}; }

    [[nodiscard]] LockManager& locks() { return *manager_; }
    [[nodiscard]] LockStats stats() const { return manager_->stats(); }

    const std::shared_ptr<TellingClock> clock_ = std::make_shared<TellingClock>();
    std::optional<LockManager> manager_{ManagerOptions{.owner = "tester:1", .clock = clock_}};
};

TEST_F(OwnHolds, IsRenewedAsLongAsItsGuardLives) {
    auto lock = locks().acquire("a long task", {.ttl = 30s});
    for (int i = 0; i < 30; ++i) clock_->advance(10s);
    EXPECT_TRUE(lock->owns_lock()) << "ten times its ttl";
    EXPECT_GE(stats().renewed, 25U);
    EXPECT_EQ(stats().held_now, 1U);
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_EQ(stats().held_now, 0U);
    EXPECT_EQ(stats().lost, 0U);
}

TEST_F(OwnHolds, ShortestLeaseIsFoundBeforeAThirdOfItIsOver) {
    const auto slow = locks().acquire("a slow one", {.ttl = 1h});
    auto quick = locks().acquire("a quick one", {.ttl = 10ms});
    for (int i = 0; i < 50; ++i) clock_->advance(1ms);
    EXPECT_TRUE(quick->owns_lock());
}

TEST_F(OwnHolds, LossIsReportedOnceWhenNobodyRenews) {
    auto lock = locks().acquire("left alone", {.ttl = 30s, .renewal = Renewal::off});
    const std::stop_token lost = lock->lost();
    clock_->advance(29s);
    EXPECT_FALSE(lost.stop_requested());
    clock_->advance(1s);
    EXPECT_TRUE(lost.stop_requested());
    EXPECT_FALSE(lock->owns_lock());
    EXPECT_EQ(lock->release(), ReleaseResult::lost);
    EXPECT_EQ(stats().lost, 1U);
    EXPECT_EQ(stats().held_now, 0U);
}

// The process stood still: its holder may come before the library does.
TEST_F(OwnHolds, ReleaseAfterTheDeadlineIsALossWhoeverComesFirst) {
    for (std::uint64_t i = 1; i <= 50; ++i) {
        auto lock = locks().acquire("stood still", {.ttl = 10ms, .renewal = Renewal::off});
        clock_->advance(0s);
        std::thread moves{[&] { clock_->advance(1h); }};
        while (lock->owns_lock()) std::this_thread::yield();
        EXPECT_NE(lock->release(), ReleaseResult::not_held);
        moves.join();
        ASSERT_EQ(stats().lost, i);
        ASSERT_EQ(stats().released, i + 1);
        ASSERT_EQ(stats().held_now, 0U);
    }
}

TEST_F(OwnHolds, AllThatIsHeldIsLostWhenTheManagerEnds) {
    std::vector<std::thread> threads;
    std::array<std::vector<ScopedDistributedLock>, 4> made;
    for (auto& some : made) {
        threads.emplace_back([&, this] {
            for (int i = 0; i < 12; ++i) {  // more than a thread has room for
                some.emplace_back(locks(), "key " + std::to_string(&some - made.data()) + "/" +
                                               std::to_string(i));
            }
        });
    }
    for (std::thread& each : threads) each.join();
    std::vector<std::stop_token> lost;
    for (auto& some : made) {
        for (auto& each : some) lost.push_back(each.lost());
    }
    manager_.reset();
    for (const std::stop_token& each : lost) EXPECT_TRUE(each.stop_requested());
    for (auto& some : made) {
        for (auto& each : some) EXPECT_FALSE(each.owns_lock());
    }
}

TEST_F(OwnHolds, GuardThatNobodyWatchesIsLostWhenTheManagerEnds) {
    auto lock = locks().acquire("without a watch");
    EXPECT_TRUE(lock->owns_lock());
    manager_.reset();
    EXPECT_FALSE(lock->owns_lock());
}

TEST_F(OwnHolds, IsExtendedAndCutShort) {
    auto lock = locks().acquire("extended", {.ttl = 30s, .renewal = Renewal::off});
    lock->extend(1h);
    clock_->advance(50min);
    EXPECT_TRUE(lock->owns_lock());
    auto brief = locks().acquire("cut short", {.ttl = 1h, .renewal = Renewal::off});
    brief->extend(10s);
    EXPECT_LE(brief->remaining(), 10s);
    clock_->advance(10s);
    EXPECT_FALSE(brief->owns_lock());
    EXPECT_EQ(stats().lost, 1U);
    lock->downgrade();
    const auto beside = locks().acquire("extended", {.share = shared});
    EXPECT_TRUE(beside);
}

// The library takes out of the threads' hands what they are just about to release.
TEST_F(OwnHolds, NoneIsLostOrLeftBehindHoweverOftenTheLibraryComesBy) {
    constexpr int threads = 3;
    constexpr std::uint64_t rounds = 3'000;
    std::atomic<int> at_work{threads};
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i) {
        workers.emplace_back([&, i] {
            for (std::uint64_t round = 0; round < rounds; ++round) {
                ScopedDistributedLock a{locks(), "key a of " + std::to_string(i), {.ttl = 24h}};
                const ScopedDistributedLock b{
                    locks(), "key b of " + std::to_string(i), {.ttl = 24h}};
                EXPECT_EQ(a.release(), ReleaseResult::released);
                EXPECT_EQ(a.release(), ReleaseResult::not_held);
            }
            --at_work;
        });
    }
    std::uint64_t ticks = 0;
    for (; at_work > 0 && ticks < 100'000; ++ticks) {
        { const ScopedDistributedLock tick{locks(), "a tick", {.ttl = 10ms}}; }
        clock_->advance(4ms);
    }
    for (std::thread& each : workers) each.join();
    const LockStats all = stats();
    EXPECT_EQ(all.acquired, 1 + rounds * 2 * threads + ticks);
    EXPECT_EQ(all.released, all.acquired);
    EXPECT_EQ(all.held_now, 0U);
    EXPECT_EQ(all.lost, 0U);
}

TEST_F(OwnHolds, NobodyIsWokenBeforeAThirdOfTheTtlIsOver) {
    const Clock::time_point begin = clock_->now();
    clock_->advance(1s);  // what follows the start of the manager is over
    const auto lock = locks().acquire("held", {.ttl = 30s});
    EXPECT_GE(clock_->alarm(), begin + 10s);
    const int before = clock_->alarms();
    for (int i = 0; i < 1'000; ++i) {
        { const ScopedDistributedLock moment{locks(), "for a moment", {.ttl = 30s}}; }
        clock_->advance(8ms);
    }
    EXPECT_EQ(clock_->alarms(), before) << "no step of the library";
}

TEST_F(OwnHolds, IdleProcessIsNotWoken) {
    for (int i = 0; i < 100; ++i) {
        const auto lock = locks().acquire("for a moment", {.ttl = 30s});
        clock_->advance(1s);
    }
    int steps = 0;
    for (; clock_->alarm() != Clock::time_point::max() && steps < 10; ++steps) {
        clock_->advance(clock_->alarm() - clock_->now());
    }
    EXPECT_LT(steps, 10) << "nothing is held, and the library asks to be woken";
    const int before = clock_->alarms();
    clock_->advance(24h);
    EXPECT_EQ(clock_->alarms(), before);
}

// Each thread of more than have room of their own releases what another one has acquired.
TEST_F(OwnHolds, AreCountedWhicheverThreadsAcquireAndRelease) {
    std::array<std::optional<ScopedDistributedLock>, many_threads> guards;
    const auto by_each = [&](const auto& work) {
        for (std::size_t i = 0; i < guards.size(); ++i) std::thread{work, i}.join();
    };
    by_each([&](std::size_t i) {
        guards.at(i).emplace(locks(), "key " + std::to_string(i),
                             LockOptions{.key_template = i % 2 == 0 ? "even" : "odd"});
    });
    EXPECT_EQ(stats().acquired, 1U + many_threads);
    EXPECT_EQ(stats().held_now, std::uint64_t{many_threads});
    clock_->advance(5ms);
    by_each([&](std::size_t i) {
        EXPECT_EQ(guards.at((i + 1) % guards.size())->release(), ReleaseResult::released);
    });
    const LockStats all = stats();
    EXPECT_EQ(all.released, 1U + many_threads);
    EXPECT_EQ(all.held_now, 0U);
    EXPECT_EQ(all.hold.counts[Histogram::bucket_of(5ms)], std::uint64_t{many_threads});
    EXPECT_EQ(all.hold.total, many_threads * 5ms);
    for (const TemplateStats& each : manager_->stats_by_template()) {
        if (each.key_template.empty()) continue;
        EXPECT_EQ(each.stats.acquired, std::uint64_t{many_threads} / 2) << each.key_template;
        EXPECT_EQ(each.stats.released, std::uint64_t{many_threads} / 2) << each.key_template;
    }
}

// How often the kernel has switched to each thread of this process.
using Switches = std::map<std::string, std::string>;

Switches switches() {
    Switches found;
    for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
        std::ifstream status{task.path() / "status"};
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("voluntary_ctxt_switches")) found[task.path()] = line;
        }
    }
    return found;
}

// By real time: something that came by now and then would be seen however long this looks. Threads
// that were there before the library's are those of the test and of what it runs under.
TEST(IdleProcess, LibrarysThreadsSleepWhetherNothingIsHeldOrALongLease) {
    std::thread{[] {}}.join();
    const Switches at_first = switches();
    const auto of_library = [&] {
        Switches found = switches();
        for (const auto& [thread, count] : at_first) found.erase(thread);
        return found;
    };
    LockManager locks;
    { const auto moment = locks.acquire("for a moment"); }
    const auto held = locks.acquire("held for long", {.ttl = 24h});
    Switches before = of_library();
    EXPECT_FALSE(before.empty()) << "the engine's";
    auto since = std::chrono::steady_clock::now();
    EXPECT_TRUE(support::poll_until(
        [&] {
            Switches now = of_library();
            if (now != before) {
                before = std::move(now);
                since = std::chrono::steady_clock::now();
            }
            return std::chrono::steady_clock::now() - since > 500ms;
        },
        60s));
}

}  // namespace
}  // namespace leaselock
