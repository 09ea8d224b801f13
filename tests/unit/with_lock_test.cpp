// Goal: with_lock and synchronized run a function under the lock, hand on what it gives or throws,
// and say when it may not have run alone. Method: functions of each kind, on a memory backend and a
// clock that the tests move.
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

TEST(WithLock, RunsTheFunctionUnderTheLockAndGivesItsValue) {
    ManagerWorld world;
    const int answer = with_lock(world.manager, "key", {.wait = true}, [&] {
        EXPECT_TRUE(world.other.inspect("key").held);
        return 42;
    });
    EXPECT_EQ(answer, 42);
    EXPECT_FALSE(world.other.inspect("key").held);
}

TEST(WithLock, NeedsNoOptions) {
    ManagerWorld world;
    EXPECT_EQ(with_lock(world.manager, "key", [] { return 1; }), 1);
}

TEST(WithLock, GivesNothingIfTheFunctionDoes) {
    ManagerWorld world;
    bool ran = false;
    static_assert(std::is_void_v<decltype(with_lock(world.manager, "key", [&] { ran = true; }))>);
    with_lock(world.manager, "key", [&] { ran = true; });
    EXPECT_TRUE(ran);
}

TEST(WithLock, HandsOnReferencesAsThemselves) {
    ManagerWorld world;
    int value = 1;
    const auto run = [&]() -> int& { return value; };
    int& same = with_lock(world.manager, "key", run);
    EXPECT_EQ(&same, &value);
    const auto moving = [&]() -> std::string&& {
        static std::string text = "moved";
        return std::move(text);
    };
    static_assert(std::is_same_v<decltype(with_lock(world.manager, "key", moving)), std::string&&>);
    EXPECT_EQ(with_lock(world.manager, "key", moving), "moved");
}

TEST(WithLock, HandsOnWhatCanOnlyBeMoved) {
    ManagerWorld world;
    const auto made =
        with_lock(world.manager, "key", [] { return std::make_unique<std::string>("text"); });
    EXPECT_EQ(*made, "text");
}

TEST(WithLock, HandsTheGuardToAFunctionThatTakesIt) {
    ManagerWorld world;
    const auto fence = with_lock(world.manager, "key", [&](ScopedDistributedLock& guard) {
        EXPECT_TRUE(guard.owns_lock());
        EXPECT_EQ(guard.key(), "key");
        return guard.fencing_token();
    });
    EXPECT_GT(fence, 0U);
}

TEST(WithLock, LetsExceptionsPassAndReleases) {
    ManagerWorld world;
    EXPECT_THROW(with_lock(world.manager, "key", [] { throw std::runtime_error("failed"); }),
                 std::runtime_error);
    EXPECT_FALSE(world.other.inspect("key").held);
}

TEST(WithLock, SaysThatTheLeaseEndedMeanwhile) {
    ManagerWorld world;
    bool ran = false;
    EXPECT_THROW(with_lock(world.manager, "key", {.ttl = 1s},
                           [&] {
                               ran = true;
                               world.clock->advance(1s);
                           }),
                 LockLost);
    EXPECT_TRUE(ran);
    EXPECT_THROW((void)with_lock(world.manager, "key", {.ttl = 1s},
                                 [&] {
                                     world.clock->advance(1s);
                                     return 42;
                                 }),
                 LockLost);
}

TEST(WithLock, DoesNotRunTheFunctionWithoutTheLock) {
    ManagerWorld world;
    const auto held = world.other.acquire("key");
    const auto run = [] { ADD_FAILURE() << "it ran"; };
    EXPECT_THROW(with_lock(world.manager, "key", run), LockNotAcquired);
    EXPECT_THROW(with_lock(world.manager, "", run), LockError);
}

TEST(Synchronized, RunsEachCallUnderTheLock) {
    ManagerWorld world;
    int calls = 0;
    auto add = synchronized(world.manager, "sum", {}, [&](int a, int b) {
        EXPECT_TRUE(world.other.inspect("sum").held);
        ++calls;
        return a + b;
    });
    EXPECT_EQ(add(1, 2), 3);
    EXPECT_EQ(add(3, 4), 7);
    EXPECT_EQ(calls, 2);
    EXPECT_FALSE(world.other.inspect("sum").held);
}

TEST(Synchronized, TakesTheKeyFromTheArguments) {
    ManagerWorld world;
    auto work = synchronized(
        world.manager, [](int id, const std::string&) { return "task:" + std::to_string(id); }, {},
        [&](int id, std::string text) {
            EXPECT_TRUE(world.other.inspect("task:" + std::to_string(id)).held);
            return text;
        });
    EXPECT_EQ(work(1, "one"), "one");
    EXPECT_EQ(work(2, "two"), "two");
}

TEST(Synchronized, HandsArgumentsAndResultsOnAsTheyAre) {
    ManagerWorld world;
    auto append =
        synchronized(world.manager, std::string("list"), {},
                     [](std::vector<int>& list, std::unique_ptr<int> item) -> std::vector<int>& {
                         list.push_back(*item);
                         return list;
                     });
    std::vector<int> list;
    EXPECT_EQ(&append(list, std::make_unique<int>(7)), &list);
    EXPECT_EQ(list, std::vector<int>{7});
}

struct Counter {
    int value = 0;
    int add(int n) { return value += n; }
};

TEST(Synchronized, TakesMemberFunctions) {
    ManagerWorld world;
    Counter counter;
    auto add = synchronized(world.manager, "counter", {}, &Counter::add);
    EXPECT_EQ(add(counter, 2), 2);
    EXPECT_EQ(add(&counter, 3), 5);
}

TEST(Synchronized, KeepsTheOptionsOfItsMaking) {
    ManagerWorld world;
    LockManager manager{{.clock = world.clock}};
    manager.register_backend("store", world.backend);
    std::string name = "store";
    auto run = synchronized(manager, "key", {.ttl = 3s, .backend = name}, [] {});
    name = "gone!";
    auto copy = run;
    run();
    copy();
    const auto records = world.backend->records();
    ASSERT_EQ(records.size(), 4U);
    EXPECT_EQ(records[0].ttl, 3s);
    EXPECT_EQ(records[2].ttl, 3s);
}

TEST(Synchronized, ThrowsWhatAGuardThrows) {
    ManagerWorld world;
    const auto held = world.other.acquire("key");
    auto run = synchronized(world.manager, "key", {}, [] { ADD_FAILURE() << "it ran"; });
    EXPECT_THROW(run(), LockNotAcquired);
}

}  // namespace
}  // namespace leaselock
