// Goal: what an acquisition gives hands out its guard, or says why there is none, whatever gave it.
// Method: a memory backend that fails as told. What must not compile is in tests/compile_fail.
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

// That value() refuses to give a guard because somebody else, `other:2`, has the key.
template <class Guard>
void expect_held_by_other(Acquired<Guard> lock) {
    ASSERT_FALSE(lock);
    try {
        (void)lock.value();
        FAIL() << "a guard of nothing";
    } catch (const LockNotAcquired& error) {
        EXPECT_EQ(error.code(), Family::contended);
        EXPECT_EQ(error.key(), "key");
        EXPECT_EQ(error.owner(), "other:2");
    }
    EXPECT_THROW((void)std::move(lock).value(), LockNotAcquired);
}

TEST(Acquired, ValueIsAGuardThatOutlivesItsTemporary) {
    ManagerWorld world;
    const ScopedDistributedLock lock = world.manager.acquire("key").value();
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_TRUE(world.manager.inspect("key").held);
}

TEST(Acquired, ValueOfNothingSaysWhoHoldsTheLock) {
    ManagerWorld world;
    const auto theirs = world.other.acquire("key").value();
    expect_held_by_other(world.manager.acquire("key"));
    std::error_code ec;
    expect_held_by_other(world.manager.acquire("key", {}, ec));
    EXPECT_EQ(ec, Errc::held);
}

TEST(Acquired, FacesSayTheSame) {
    ManagerWorld world;
    const auto theirs = world.other.acquire("key").value();
    LockOwner owner{world.manager};
    expect_held_by_other(owner.acquire("key"));
    expect_held_by_other(acquire_all(world.manager, {"key", "other key"}));
    expect_held_by_other(DistributedSemaphore{world.manager, "key", 3}.try_acquire());
    expect_held_by_other(LeaderElection{world.manager, "key", {.wait_timeout = 0s}}.campaign());
}

TEST(Acquired, ValueThrowsWhatWasGivenAsACode) {
    ManagerWorld world;
    std::error_code ec;
    world.backend->fail_next({.error = Errc::access_denied});
    auto lock = world.manager.acquire("key", {}, ec);
    EXPECT_EQ(ec, Errc::access_denied);
    EXPECT_THROW((void)lock.value(), LockError);
    world.backend->fail_next({.error = Errc::access_denied});
    EXPECT_THROW((void)acquire_all(world.manager, {"key"}, {}, {}, ec).value(), LockError);
}

TEST(Acquired, TemporaryBecomesAnOptionalGuard) {
    ManagerWorld world;
    std::optional<ScopedDistributedLock> lock = world.manager.acquire("key");
    ASSERT_TRUE(lock);
    EXPECT_TRUE(lock->owns_lock());
    lock = world.manager.try_acquire("key");
    EXPECT_FALSE(lock) << "the former guard held it until now";
    EXPECT_FALSE(world.manager.inspect("key").held);
}

TEST(Acquired, NothingWithoutACauseThrowsToo) {
    Acquired<ScopedDistributedLock> nothing = std::nullopt;
    EXPECT_EQ(nothing, std::nullopt);
    EXPECT_THROW((void)nothing.value(), LockNotAcquired);
}

TEST(Acquired, ResetReleases) {
    ManagerWorld world;
    auto lock = world.manager.acquire("key");
    lock.reset();
    EXPECT_FALSE(lock.has_value());
    EXPECT_FALSE(world.manager.inspect("key").held);
}

}  // namespace
}  // namespace leaselock
