// Goal: a guard owns its lock and nothing else: it moves, ends by the clock, releases once, and
// never throws on its way out. Method: managers over one memory backend that fails as told, on a
// clock that the tests move.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <type_traits>
#include <unistd.h>
#include <utility>

#include <leaselock/memory_backend.hpp>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<ScopedDistributedLock>);
static_assert(!std::is_copy_assignable_v<ScopedDistributedLock>);
static_assert(std::is_nothrow_move_constructible_v<ScopedDistributedLock>);
static_assert(std::is_nothrow_move_assignable_v<ScopedDistributedLock>);
static_assert(std::is_nothrow_destructible_v<ScopedDistributedLock>);
static_assert(noexcept(std::declval<ScopedDistributedLock&>().release()));

TEST(Guard, HoldsTheLockForItsScope) {
    ManagerWorld world;
    {
        const ScopedDistributedLock guard{world.manager, "key"};
        EXPECT_TRUE(guard.owns_lock());
        EXPECT_TRUE(static_cast<bool>(guard));
        EXPECT_EQ(guard.key(), "key");
        EXPECT_GT(guard.fencing_token(), 0U);
        EXPECT_EQ(guard.owner_token(), world.backend->records().at(0).token);
        EXPECT_TRUE(world.other.inspect("key").held);
    }
    EXPECT_FALSE(world.other.inspect("key").held);
}

TEST(Guard, ReleasesWhenAnExceptionLeavesItsScope) {
    ManagerWorld world;
    try {
        const ScopedDistributedLock guard{world.manager, "key"};
        throw std::runtime_error("the work failed");
    } catch (const std::runtime_error&) {
        EXPECT_FALSE(world.other.inspect("key").held);
    }
}

TEST(Guard, ThrowsIfTheLockIsHeld) {
    ManagerWorld world;
    const ScopedDistributedLock guard{world.other, "key"};
    EXPECT_THROW((void)ScopedDistributedLock(world.manager, "key"), LockNotAcquired);
    EXPECT_THROW((void)ScopedDistributedLock(world.manager, "key", LockOptions{.wait = true}),
                 LockNotAcquired);
}

TEST(Guard, HoldsNothingIfACodeSaysWhy) {
    ManagerWorld world;
    const ScopedDistributedLock held{world.other, "key"};
    std::error_code ec;
    ScopedDistributedLock guard{world.manager, "key", {}, ec};
    EXPECT_EQ(ec, Errc::held);
    EXPECT_FALSE(guard.owns_lock());
    EXPECT_EQ(guard.remaining(), 0ms);
    EXPECT_EQ(guard.fencing_token(), 0U);
    EXPECT_EQ(guard.owner_token(), "");
    EXPECT_EQ(guard.key(), "");
    EXPECT_EQ(guard.release(), ReleaseResult::not_held);
    EXPECT_THROW(guard.ensure(), LockLost);
    const ScopedDistributedLock other{world.manager, "free", {}, std::stop_token{}, ec};
    EXPECT_FALSE(ec);
    EXPECT_TRUE(other.owns_lock());
}

TEST(Guard, MoveTakesTheLockAlong) {
    ManagerWorld world;
    ScopedDistributedLock from{world.manager, "key"};
    const auto fence = from.fencing_token();
    const ScopedDistributedLock to{std::move(from)};
    EXPECT_TRUE(to.owns_lock());
    EXPECT_EQ(to.fencing_token(), fence);
    EXPECT_EQ(to.key(), "key");
    // NOLINTBEGIN(bugprone-use-after-move): what is left is what is tested.
    EXPECT_FALSE(from.owns_lock());
    EXPECT_EQ(from.fencing_token(), 0U);
    EXPECT_EQ(from.key(), "");
    EXPECT_EQ(from.release(), ReleaseResult::not_held);
    EXPECT_THROW(from.ensure(), LockLost);
    // NOLINTEND(bugprone-use-after-move)
    EXPECT_TRUE(world.other.inspect("key").held);
}

TEST(Guard, MoveAssignmentReleasesWhatItHeld) {
    ManagerWorld world;
    ScopedDistributedLock guard{world.manager, "old"};
    guard = ScopedDistributedLock{world.manager, "new"};
    EXPECT_EQ(guard.key(), "new");
    EXPECT_TRUE(guard.owns_lock());
    EXPECT_FALSE(world.other.inspect("old").held);
    EXPECT_TRUE(world.other.inspect("new").held);
}

TEST(Guard, SelfMoveChangesNothing) {
    ManagerWorld world;
    ScopedDistributedLock guard{world.manager, "key"};
    ScopedDistributedLock& same = guard;
    guard = std::move(same);
    EXPECT_TRUE(guard.owns_lock());
    EXPECT_TRUE(world.other.inspect("key").held);
}

TEST(Guard, SecondReleaseIsNotHeld) {
    ManagerWorld world;
    ScopedDistributedLock guard{world.manager, "key"};
    const auto fence = guard.fencing_token();
    EXPECT_EQ(guard.release(), ReleaseResult::released);
    EXPECT_EQ(guard.release(), ReleaseResult::not_held);
    EXPECT_EQ(world.manager.release(guard), ReleaseResult::not_held);
    EXPECT_FALSE(guard.owns_lock());
    EXPECT_EQ(guard.remaining(), 0ms);
    EXPECT_EQ(guard.fencing_token(), fence) << "stays what it was";
    EXPECT_EQ(guard.key(), "key");
    EXPECT_EQ(world.backend->count(), 2U);
}

TEST(Guard, IsReleasedByTheManagerToo) {
    ManagerWorld world;
    ScopedDistributedLock guard{world.manager, "key"};
    std::error_code ec;
    EXPECT_EQ(world.manager.release(guard, ec), ReleaseResult::released);
    EXPECT_FALSE(ec);
    EXPECT_FALSE(world.other.inspect("key").held);
}

TEST(Guard, MayBeReleasedByAnotherThread) {
    ManagerWorld world;
    std::optional<ScopedDistributedLock> lock = world.manager.acquire("key");
    std::jthread{[&world, moved = std::move(*lock)]() mutable {
        EXPECT_TRUE(moved.owns_lock());
        EXPECT_EQ(moved.release(), ReleaseResult::released);
        EXPECT_FALSE(world.other.inspect("key").held);
    }}.join();
}

TEST(Guard, EndsByTheClockAlone) {
    ManagerWorld world;
    const ScopedDistributedLock guard{world.manager, "key", {.ttl = 1s}};
    std::error_code ec = Errc::held;
    guard.ensure(ec);
    EXPECT_FALSE(ec);
    EXPECT_NO_THROW(guard.ensure());
    EXPECT_EQ(guard.remaining(), 1s - 12ms);
    world.clock->advance(1s - 12ms);
    EXPECT_FALSE(guard.owns_lock());
    EXPECT_FALSE(static_cast<bool>(guard));
    EXPECT_EQ(guard.remaining(), 0ms);
    guard.ensure(ec);
    EXPECT_EQ(ec, Errc::lost);
    EXPECT_EQ(ec, Family::lost);
    try {
        guard.ensure();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const LockLost& error) {
        EXPECT_EQ(error.code(), Errc::lost);
        EXPECT_NE(std::string(error.what()).find("'key'"), std::string::npos) << error.what();
    }
}

TEST(Guard, ReleaseBehindTheEndIsLostAndFreesNobody) {
    ManagerWorld world;
    ScopedDistributedLock late{world.manager, "key", {.ttl = 1s}};
    world.clock->advance(1s);
    const ScopedDistributedLock owner{world.other, "key"};
    EXPECT_EQ(late.release(), ReleaseResult::lost);
    EXPECT_EQ(world.manager.inspect("key").owner, "other:2");
}

TEST(Guard, DestructorBehindTheEndFreesNobody) {
    ManagerWorld world;
    std::optional<ScopedDistributedLock> late = world.manager.acquire("key", {.ttl = 1s});
    world.clock->advance(1s);
    const ScopedDistributedLock owner{world.other, "key"};
    late.reset();
    EXPECT_EQ(world.manager.inspect("key").owner, "other:2");
}

TEST(Guard, ReleaseIsTriedEvenIfTheClockSaysLost) {
    ManagerWorld world;
    ScopedDistributedLock guard{world.manager, "key", {.ttl = 10s}};
    world.clock->advance(10s - 1ms);
    EXPECT_FALSE(guard.owns_lock());
    EXPECT_EQ(guard.release(), ReleaseResult::released);
}

TEST(Guard, OutlivesItsManagerAndTheBackendObject) {
    const auto store = std::make_shared<MemoryBackend>();
    std::weak_ptr<testing::FaultBackend> watched;
    LockManager witness;
    witness.register_backend("store", store);
    {
        std::optional<ScopedDistributedLock> guard;
        {
            auto backend = std::make_shared<testing::FaultBackend>(store);
            watched = backend;
            LockManager manager;
            manager.register_backend("store", std::move(backend));
            guard = manager.acquire("key", {.backend = "store"});
        }
        ASSERT_TRUE(guard.has_value());
        EXPECT_FALSE(guard->owns_lock()) << "nobody renews it any more";
        EXPECT_EQ(guard->key(), "key");
        EXPECT_TRUE(witness.inspect("key", "store").held);
        EXPECT_FALSE(watched.expired());
    }
    EXPECT_FALSE(witness.inspect("key", "store").held);
    EXPECT_TRUE(watched.expired());
}

TEST(Guard, CopyInAForkedChildHoldsAndReleasesNothing) {
    ManagerWorld world;
    std::optional<ScopedDistributedLock> guard = world.manager.acquire("key");
    const std::size_t calls = world.backend->records().size();
    const pid_t child = ::fork();
    if (child == 0) {
        const bool holds = guard->owns_lock() || guard->remaining() > 0ms;
        const bool released = guard->release() != ReleaseResult::not_held;
        guard.reset();
        const bool called = world.backend->records().size() != calls;
        ::_exit((holds ? 1 : 0) + (released ? 2 : 0) + (called ? 4 : 0));
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(guard->owns_lock());
    EXPECT_EQ(guard->release(), ReleaseResult::released);
}

TEST(Guard, DestructorThrowsNothingWhateverTheBackendAnswers) {
    for (const Errc error : {Errc::connect_failed, Errc::connection_lost, Errc::command_timed_out,
                             Errc::access_denied, Errc::corrupt, Errc::unexpected_reply}) {
        ManagerWorld world;
        std::optional<ScopedDistributedLock> guard = world.manager.acquire("key");
        world.backend->fail_all({.error = error});
        guard.reset();
        EXPECT_EQ(world.backend->records().back().verb, Verb::release);
    }
}

}  // namespace
}  // namespace leaselock
