// Goal: a lock is renewed in time though the library's thread is without memory for a moment.
// Method: each allocation of that thread at a renewal fails once, the n-th for each n that is
// reached; a clock that is moved by hand.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <thread>

#include <leaselock/leaselock.hpp>
#include <leaselock/testing/manual_clock.hpp>

namespace {

const std::thread::id test_thread = std::this_thread::get_id();
std::atomic<long> allocations_left{-1};  // of the other threads; -1: as many as wanted

bool may_allocate() noexcept {
    if (allocations_left < 0 || std::this_thread::get_id() == test_thread) return true;
    return allocations_left.fetch_sub(1) > 0;
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

}  // namespace
}  // namespace leaselock
