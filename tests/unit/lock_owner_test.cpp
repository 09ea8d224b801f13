// Goal: an owner enters a key again without a command, releases it at the last level, and never
// has two levels with different leases, however many threads it has. Method: a memory backend that
// keeps a record and fails as told, on a clock that is moved by hand; threads by chance.
#include <array>
#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;

class Owner : public ::testing::Test {
  protected:
    ManagerWorld world_{testing::ManualClock::Sleep::blocking};
    LockOwner owner_{world_.manager};
    std::error_code ec_;
};

TEST_F(Owner, EntersAgainWithoutACommandAndLeavesAtTheLastLevel) {
    auto outer = owner_.acquire("key", {.ttl = 1h});
    ASSERT_TRUE(outer.has_value());
    const std::size_t commands = world_.backend->count();
    auto inner = owner_.acquire("key", {.ttl = 1min});
    ASSERT_TRUE(inner.has_value());
    EXPECT_EQ(world_.backend->count(), commands);
    EXPECT_EQ(inner->fencing_token(), outer->fencing_token());
    EXPECT_EQ(inner->remaining(), outer->remaining());
    EXPECT_EQ(inner->key(), "key");
    EXPECT_EQ(owner_.levels("key"), 2U);
    // Whichever goes first, the last one lets go.
    EXPECT_EQ(outer->release(), ReleaseResult::released);
    EXPECT_EQ(outer->release(), ReleaseResult::not_held);
    EXPECT_FALSE(outer->owns_lock());
    EXPECT_EQ(outer->fencing_token(), 0U);
    EXPECT_EQ(world_.backend->count(), commands);
    EXPECT_TRUE(inner->owns_lock());
    EXPECT_EQ(owner_.levels("key"), 1U);
    EXPECT_FALSE(granted(world_.other.acquire("key")));
    EXPECT_EQ(inner->release(), ReleaseResult::released);
    EXPECT_EQ(owner_.levels("key"), 0U);
    EXPECT_TRUE(world_.other.acquire("key"));
}

TEST_F(Owner, OwnersAndKeysAreApart) {
    LockOwner another{world_.manager};
    const auto lock = owner_.acquire("key");
    EXPECT_FALSE(granted(another.acquire("key", {}, {}, ec_)));
    EXPECT_EQ(ec_, Errc::held);
    EXPECT_FALSE(granted(another.acquire("key")));
    EXPECT_TRUE(owner_.acquire("other key"));
    // By another name it is the same backend.
    EXPECT_TRUE(owner_.acquire("key", {.backend = "store"}));
    // And this is another one.
    const auto elsewhere = owner_.acquire("key", {.backend = "memory"});
    EXPECT_EQ(owner_.levels("key", "memory"), 1U);
    EXPECT_TRUE(elsewhere.has_value());
    EXPECT_EQ(owner_.levels("key"), 1U);
}

TEST_F(Owner, LossIsALossForAllLevels) {
    auto outer = owner_.acquire("key", {.ttl = 10s, .renewal = Renewal::off});
    auto inner = owner_.acquire("key");
    const std::stop_token outer_lost = outer->lost();
    const std::stop_token inner_lost = inner->lost();
    world_.clock->advance(10s);
    EXPECT_FALSE(outer->owns_lock());
    EXPECT_FALSE(inner->owns_lock());
    EXPECT_EQ(inner->remaining(), 0ms);
    EXPECT_THROW(inner->ensure(), LockLost);
    inner->ensure(ec_);
    EXPECT_EQ(ec_, Errc::lost);
    EXPECT_TRUE(poll_until([&] { return outer_lost.stop_requested(); }));
    EXPECT_TRUE(inner_lost.stop_requested());
    // The key is free, and the owner does not get it while levels of the lost lease are left.
    EXPECT_FALSE(granted(owner_.acquire("key", {}, {}, ec_)));
    EXPECT_EQ(ec_, Errc::lost);
    EXPECT_THROW((void)owner_.acquire("key", {.wait_timeout = forever}), LockLost);
    EXPECT_EQ(inner->release(), ReleaseResult::lost);
    EXPECT_THROW((void)owner_.acquire("key"), LockLost);
    EXPECT_EQ(outer->release(), ReleaseResult::lost);
    EXPECT_TRUE(owner_.acquire("key"));
}

TEST_F(Owner, GuardsOutliveOwnerAndManager) {
    std::optional<OwnedLock> lock;
    {
        LockManager brief = world_.make("brief:3");
        LockOwner owner{brief};
        lock = owner.acquire("key", {.ttl = 1h});
    }
    EXPECT_FALSE(lock->owns_lock()) << "the manager is gone";
    EXPECT_FALSE(granted(world_.other.acquire("key")));
    lock.reset();
    EXPECT_TRUE(world_.other.acquire("key"));
}

TEST_F(Owner, MoveAssignmentLetsGo) {
    auto a = owner_.acquire("a");
    auto b = owner_.acquire("b");
    *a = std::move(*b);
    EXPECT_EQ(a->key(), "b");
    EXPECT_EQ(owner_.levels("a"), 0U);
    EXPECT_EQ(owner_.levels("b"), 1U);
}

// While one thread waits for the lock, another one of the same owner comes.
class SecondThread : public Owner {
  protected:
    std::future<Acquired<OwnedLock>> start(const LockOptions& options) {
        return std::async(std::launch::async, [this, options] {
            return owner_.acquire("key", options, stop_.get_token(), ec_);
        });
    }
    void first_waits() {
        held_ = world_.other.acquire("key", {.ttl = 1h});
        first_ = std::async(std::launch::async, [this] {
            return owner_.acquire("key", {.wait_timeout = forever, .retry_delay = 1h},
                                  first_stop_.get_token());
        });
        world_.clock->wait_for_background();
    }

    std::stop_source stop_;
    std::stop_source first_stop_;
    std::optional<ScopedDistributedLock> held_;
    std::future<Acquired<OwnedLock>> first_;
};

TEST_F(SecondThread, GetsTheSameLease) {
    first_waits();
    auto second = start({.wait_timeout = forever});
    held_->release();
    const auto a = first_.get();
    const auto b = second.get();
    ASSERT_TRUE(a && b);
    EXPECT_EQ(a->fencing_token(), b->fencing_token());
    EXPECT_EQ(owner_.levels("key"), 2U);
}

TEST_F(SecondThread, DoesNotWaitIfItDoesNotWait) {
    first_waits();
    EXPECT_FALSE(granted(start({}).get()));
    EXPECT_EQ(ec_, Errc::held);
    EXPECT_FALSE(granted(start({.wait_timeout = 0ms}).get()));
    EXPECT_EQ(ec_, Errc::wait_timed_out);
    first_stop_.request_stop();
    EXPECT_FALSE(granted(first_.get()));
}

TEST_F(SecondThread, IsStoppedByItsToken) {
    first_waits();
    auto second = start({.wait_timeout = forever});
    stop_.request_stop();
    EXPECT_FALSE(granted(second.get()));
    EXPECT_EQ(ec_, Errc::cancelled);
    first_stop_.request_stop();
    EXPECT_FALSE(granted(first_.get()));
}

TEST_F(SecondThread, GoesOnWhereTheFirstGaveUp) {
    first_waits();
    auto second = start({.wait_timeout = forever, .retry_delay = 1h});
    first_stop_.request_stop();
    EXPECT_FALSE(granted(first_.get()));
    held_->release();
    EXPECT_TRUE(granted(second.get())) << ec_.message();
}

TEST_F(Owner, BadInputIsRefusedBeforeIo) {
    EXPECT_FALSE(granted(owner_.acquire("", {}, {}, ec_)));
    EXPECT_EQ(ec_, Errc::invalid_key);
    EXPECT_FALSE(granted(owner_.acquire("key", {.ttl = 0ms}, {}, ec_)));
    EXPECT_EQ(ec_, Errc::invalid_option);
    EXPECT_FALSE(granted(owner_.acquire("key", {.backend = "nowhere"}, {}, ec_)));
    EXPECT_EQ(ec_, Errc::unknown_backend);
    EXPECT_THROW((void)owner_.levels("key", "nowhere"), LockError);
    EXPECT_EQ(world_.backend->count(), 0U);
    world_.backend->fail_next({.error = Errc::access_denied});
    EXPECT_THROW((void)owner_.acquire("key"), LockError);
    EXPECT_EQ(owner_.levels("key"), 0U);
    EXPECT_TRUE(owner_.acquire("key")) << "a failure leaves nothing behind";
}

// Two owners with two threads each: threads of one owner are in together, those of two never.
TEST(OwnerThreads, LevelsOfOneOwnerShareALeaseAndTwoOwnersExclude) {
    LockManager locks;
    std::array<LockOwner, 2> owners{LockOwner{locks}, LockOwner{locks}};
    std::array<std::atomic<int>, 2> inside{};
    std::atomic<int> wrong = 0;
    std::atomic<int> entered = 0;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            LockOwner& owner = owners[i % 2];
            for (int round = 0; round < 300; ++round) {
                auto lock = owner.acquire("key", {.wait_timeout = forever});
                ++inside[i % 2];
                auto again = owner.acquire("key");
                if (!again || again->fencing_token() != lock->fencing_token()) ++wrong;
                if (inside[1 - i % 2] != 0) ++wrong;
                ++entered;
                if (round % 2 == 0) (void)again->release();
                --inside[i % 2];
            }
        });
    }
    threads.clear();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(entered, 1200);
    EXPECT_EQ(locks.stats().held_now, 0U);
}

}  // namespace
}  // namespace leaselock
