// Goal: a lock is renewed in time though the library's thread is without memory for a moment, or
// gets no large piece of it. Method: each allocation of that thread at a renewal fails once, the
// n-th for each n that is reached; or each that is larger than what a few renewals need. A clock
// that is moved by hand.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/leaselock.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "support/poll_until.hpp"

namespace {

const std::thread::id test_thread = std::this_thread::get_id();
constexpr std::size_t any_size = SIZE_MAX;
// Of the other threads:
std::atomic<long> allocations_left{-1};  // -1: as many as wanted
std::atomic<std::size_t> largest{any_size};

bool may_allocate(std::size_t size) noexcept {
    if (std::this_thread::get_id() == test_thread) return true;
    if (size > largest) return false;
    return allocations_left < 0 || allocations_left.fetch_sub(1) > 0;
}

}  // namespace

#include "support/failing_new.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

TEST(RenewalNoMemory, EachAllocationThatFailsOnceCostsNoLock) {
    const auto clock = std::make_shared<testing::ManualClock>();
    const auto pass = [&](Clock::duration time) {
        clock->wait_for_background();
        clock->advance(time);
        clock->wait_for_background();
    };
    bool has_failed = true;
    int failures = 0;
    for (long n = 0; has_failed; ++n) {
        ASSERT_LT(n, 1000) << "it allocates for ever";
        // A new one each time: what a manager once had memory for it keeps.
        LockManager locks{{.clock = clock}};
        { const ScopedDistributedLock first{locks, "it starts the thread"}; }
        const ScopedDistributedLock lock{locks, "key", {.ttl = 30s}};
        const auto renewed = locks.stats().renewed;
        pass(1s);
        allocations_left = n;
        pass(9s + 1ms);
        has_failed = allocations_left < 0;
        allocations_left = -1;
        failures += has_failed ? 1 : 0;
        pass(3s);  // it is tried again
        EXPECT_TRUE(lock.owns_lock()) << n;
        EXPECT_GT(lock.remaining(), 25s) << n;
        EXPECT_GT(locks.stats().renewed, renewed) << n;
    }
    EXPECT_GT(failures, 0);
}

// What is due of one thread's locks is found in one piece of memory, if there is one.
TEST(RenewalNoMemory, ManyLocksOfOneThreadHoldUpNoneOfAnother) {
    constexpr int many = 5000;
    const auto clock = std::make_shared<testing::ManualClock>();
    LockManager locks{{.clock = clock}};
    { const ScopedDistributedLock first{locks, "it starts the thread"}; }
    std::vector<ScopedDistributedLock> held;
    for (int i = 0; i < many; ++i) {
        held.emplace_back(locks, std::to_string(i), LockOptions{.ttl = 30s});
    }
    std::optional<ScopedDistributedLock> other;
    std::thread{[&] { other = locks.acquire("other", {.ttl = 30s}); }}.join();
    clock->wait_for_background();
    largest = 16'384;  // 3 bytes a lock
    clock->advance(10s + 1ms);
    const bool is_renewed = support::poll_until([&] { return other->remaining() > 25s; });
    EXPECT_TRUE(is_renewed);
    // The others are renewed one after the other.
    for (int i = 0; i < 60 && is_renewed; ++i) {
        clock->wait_for_background();
        clock->advance(1s);
    }
    EXPECT_EQ(locks.stats().lost, 0U);
    for (const auto& each : held) EXPECT_TRUE(each.owns_lock());
    largest = any_size;
}

}  // namespace
}  // namespace leaselock
