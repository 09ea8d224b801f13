// Goal: the time that a machine is suspended counts, for a holder and for the store in memory.
// Method: a clock_gettime of our own, by which the boot clock is ahead of the steady one, as it is
// after a suspend. It is the whole program's, and no clock goes back: so this test has a process to
// itself, and no other test one in which the boot clock has jumped.
#include <atomic>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <leaselock/lock_manager.hpp>

namespace {

std::atomic<int> suspended_seconds{0};

}  // namespace

// Instead of the C library's, for the whole program.
extern "C" int clock_gettime(clockid_t clock, timespec* ts) noexcept {
    const long result = ::syscall(SYS_clock_gettime, clock, ts);
    if (clock == CLOCK_BOOTTIME) ts->tv_sec += suspended_seconds;
    return static_cast<int>(result);
}

namespace leaselock {
namespace {

using namespace std::chrono_literals;

TEST(Suspend, EndsALeaseThatItOutlasts) {
    LockManager locks;
    auto lock = locks.acquire("key", {.ttl = 30s, .renewal = Renewal::off});
    ASSERT_TRUE(lock);
    EXPECT_TRUE(lock->owns_lock());
    suspended_seconds += 20;
    EXPECT_TRUE(lock->owns_lock());
    suspended_seconds += 10;
    EXPECT_FALSE(lock->owns_lock());
    const auto next = locks.try_acquire("key");
    EXPECT_TRUE(next) << "the store has slept, too";
}

}  // namespace
}  // namespace leaselock
