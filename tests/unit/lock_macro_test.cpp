// Goal: DISTRIBUTED_LOCK in each of its forms locks the right key until the end of the block.
// Method: functions that begin with it, on a memory backend; the default manager's own one where
// none is given.
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

struct Order {
    int id_ = 0;
    [[nodiscard]] int id() const { return id_; }
};

bool is_held(LockManager& manager, const std::string& key) { return manager.inspect(key).held; }

TEST(LockMacro, LocksUntilTheEndOfTheBlock) {
    ManagerWorld world;
    {
        DISTRIBUTED_LOCK(world.manager, "report");
        EXPECT_TRUE(is_held(world.other, "report"));
    }
    EXPECT_FALSE(is_held(world.other, "report"));
}

TEST(LockMacro, FillsTheTemplateWithItsArguments) {
    ManagerWorld world;
    const Order order{7};
    const std::string customer = "a{b";
    DISTRIBUTED_LOCK(world.manager, "order-{{order.id}}-of-{{customer}}", order.id(), customer);
    EXPECT_TRUE(is_held(world.other, "order-7-of-a%7Bb"));
}

TEST(LockMacro, TakesOptionsBeforeTheArguments) {
    ManagerWorld world;
    const int productId = 5;
    {
        DISTRIBUTED_LOCK(world.manager, "stock-{{productId}}", {.ttl = 7s, .wait = true},
                         productId);
        EXPECT_EQ(world.other.inspect("stock-5").remaining, 7s);
    }
    const LockOptions options{.ttl = 9s};
    DISTRIBUTED_LOCK(world.manager, "stock-{{productId}}", options, productId);
    EXPECT_EQ(world.other.inspect("stock-5").remaining, 9s);
}

TEST(LockMacro, TakesOptionsWithoutArguments) {
    ManagerWorld world;
    DISTRIBUTED_LOCK(world.manager, "report", {.ttl = 7s});
    EXPECT_EQ(world.other.inspect("report").remaining, 7s);
}

TEST(LockMacro, UsesTheDefaultManagerIfNoneIsGiven) {
    const int id = 3;
    LockManager& manager = default_manager();
    {
        DISTRIBUTED_LOCK("macro");
        DISTRIBUTED_LOCK("macro-{{id}}", id);
        DISTRIBUTED_LOCK("macro-brief", {.ttl = 1h});
        DISTRIBUTED_LOCK("macro-brief-{{id}}", {.ttl = 1h}, id);
        EXPECT_TRUE(is_held(manager, "macro"));
        EXPECT_TRUE(is_held(manager, "macro-3"));
        EXPECT_GT(manager.inspect("macro-brief").remaining, 59min);
        EXPECT_GT(manager.inspect("macro-brief-3").remaining, 59min);
    }
    EXPECT_FALSE(is_held(manager, "macro"));
    EXPECT_FALSE(is_held(manager, "macro-3"));
    EXPECT_FALSE(is_held(manager, "macro-brief-3"));
}

TEST(LockMacro, GuardFormGivesTheGuard) {
    ManagerWorld world;
    const int id = 3;
    auto guard = LEASELOCK_GUARD(world.manager, "job-{{id}}", id);
    EXPECT_EQ(guard.key(), "job-3");
    guard.ensure();
    EXPECT_EQ(guard.release(), ReleaseResult::released);
    EXPECT_FALSE(is_held(world.other, "job-3"));
}

int guarded(LockManager& manager, int id) {
    DISTRIBUTED_LOCK(manager, "guarded-{{id}}", id);
    if (id < 0) throw std::runtime_error("no such id");
    return id;
}

TEST(LockMacro, ReleasesByReturnAndByException) {
    ManagerWorld world;
    EXPECT_EQ(guarded(world.manager, 1), 1);
    EXPECT_FALSE(is_held(world.other, "guarded-1"));
    EXPECT_THROW(guarded(world.manager, -1), std::runtime_error);
    EXPECT_FALSE(is_held(world.other, "guarded--1"));
}

TEST(LockMacro, ThrowsIfTheLockIsHeldAndNothingOfTheFunctionRuns) {
    ManagerWorld world;
    const auto held = world.other.acquire("guarded-1");
    EXPECT_THROW(guarded(world.manager, 1), LockNotAcquired);
    EXPECT_EQ(guarded(world.manager, 2), 2);
}

}  // namespace
}  // namespace leaselock
