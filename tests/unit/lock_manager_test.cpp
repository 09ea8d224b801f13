// Goal: the manager's registry of backends, and what it tells about a lock that is held. Method: a
// memory backend that keeps a record, on a clock that the tests move.
#include <atomic>
#include <barrier>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

TEST(Registry, HasMemoryAndItIsTheDefault) {
    LockManager manager;
    EXPECT_TRUE(manager.acquire("key"));
    EXPECT_TRUE(manager.acquire("other key", {.backend = "memory"}));
}

TEST(Registry, ACallMayNameItsBackend) {
    ManagerWorld world;
    const auto here = world.manager.acquire("key");
    EXPECT_TRUE(world.manager.acquire("key", {.backend = "memory"}));
    EXPECT_FALSE(granted(world.manager.acquire("key", {.backend = "store"})));
    EXPECT_TRUE(world.manager.inspect("key", "store").held);
    EXPECT_FALSE(world.manager.inspect("key", "memory").held);
}

TEST(Registry, TheManagersOptionsMayNameTheDefault) {
    ManagerWorld world;
    LockManager manager{{.backend = "store", .clock = world.clock}};
    std::error_code ec;
    EXPECT_FALSE(granted(manager.acquire("key", {}, ec)));
    EXPECT_EQ(ec, Errc::unknown_backend);
    manager.register_backend("store", world.backend);
    EXPECT_TRUE(manager.acquire("key"));
    EXPECT_EQ(world.backend->records().front().verb, Verb::acquire);
}

TEST(Registry, IsFixedFromTheFirstUseOn) {
    const auto backend = std::make_shared<MemoryBackend>();
    LockManager acquired;
    (void)acquired.try_acquire("key");
    LockManager inspected;
    (void)inspected.inspect("key");
    for (LockManager* manager : {&acquired, &inspected}) {
        std::error_code ec;
        manager->register_backend("late", backend, ec);
        EXPECT_EQ(ec, Errc::registry_frozen);
        manager->set_default_backend("memory", ec);
        EXPECT_EQ(ec, Errc::registry_frozen);
        EXPECT_THROW(manager->register_backend("late", backend), LockError);
        EXPECT_THROW(manager->set_default_backend("memory"), LockError);
    }
}

TEST(Registry, RefusesNamesThatCannotBeRight) {
    LockManager manager;
    const auto backend = std::make_shared<MemoryBackend>();
    std::error_code ec;
    manager.register_backend("", backend, ec);
    EXPECT_EQ(ec, Errc::invalid_option);
    manager.register_backend("memory", backend, ec);
    EXPECT_EQ(ec, Errc::invalid_option);
    manager.register_backend("null", nullptr, ec);
    EXPECT_EQ(ec, Errc::invalid_option);
    manager.set_default_backend("nowhere", ec);
    EXPECT_EQ(ec, Errc::unknown_backend);
    EXPECT_THROW(manager.set_default_backend("nowhere"), LockError);
    manager.register_backend("good", backend, ec);
    EXPECT_FALSE(ec);
    manager.set_default_backend("good", ec);
    EXPECT_FALSE(ec);
}

TEST(Registry, MayBeUsedByManyThreadsFirst) {
    for (int round = 0; round < 50; ++round) {
        LockManager manager;
        std::barrier start{4};
        std::atomic<int> granted{0};
        {
            std::vector<std::jthread> threads;
            for (int i = 0; i < 4; ++i) {
                threads.emplace_back([&] {
                    start.arrive_and_wait();
                    if (auto lock = manager.try_acquire("key", {.min_hold = 1h})) ++granted;
                });
            }
        }
        ASSERT_EQ(granted, 1);
    }
}

TEST(LockNotAcquired, TellsKeyOwnerAndRemaining) {
    ManagerWorld world;
    const auto held = world.other.acquire("invoice:7", {.ttl = 20s});
    world.clock->advance(5s);
    try {
        const ScopedDistributedLock guard{world.manager, "invoice:7"};
        ADD_FAILURE() << "nothing was thrown";
    } catch (const LockNotAcquired& error) {
        EXPECT_EQ(error.key(), "invoice:7");
        EXPECT_EQ(error.owner(), "other:2");
        EXPECT_EQ(error.remaining(), 15s);
        EXPECT_EQ(error.reason(), LockNotAcquired::Reason::held);
        EXPECT_EQ(error.code(), Errc::held);
        EXPECT_EQ(error.code(), std::errc::device_or_resource_busy);
        const std::string text = error.what();
        for (const char* word : {"'invoice:7'", "other:2", "15000 ms"}) {
            EXPECT_NE(text.find(word), std::string::npos) << text;
        }
    }
}

TEST(LockNotAcquired, SaysHowTheWaitEnded) {
    ManagerWorld world;
    const auto held = world.other.acquire("key", {.ttl = 1h});
    const auto reason_of = [&](const LockOptions& options, const std::stop_token& stop) {
        try {
            const ScopedDistributedLock guard{world.manager, "key", options, stop};
        } catch (const LockNotAcquired& error) {
            return error.reason();
        }
        throw std::runtime_error("the lock was acquired");
    };
    std::stop_source source;
    source.request_stop();
    using Reason = LockNotAcquired::Reason;
    EXPECT_EQ(reason_of({}, {}), Reason::held);
    EXPECT_EQ(reason_of({.wait = true}, {}), Reason::timed_out);
    EXPECT_EQ(reason_of({.wait = true}, source.get_token()), Reason::cancelled);
}

TEST(LockNotAcquired, OwnerIsEmptyIfOtherSoftwareHolds) {
    ManagerWorld world;
    for (const std::string token :
         {"a-foreign-token", "x", "/0123", "no digits/ghijklmnopqrstuv"}) {
        Operation foreign{{.verb = Verb::acquire,
                           .key = "hazel:lock:key",
                           .token = token,
                           .ttl = 1s,
                           .submitted = world.clock->now()}};
        world.backend->submit(foreign);
        ASSERT_EQ(foreign.reply.outcome, Outcome::granted);
        try {
            const ScopedDistributedLock guard{world.manager, "key"};
            ADD_FAILURE() << "nothing was thrown";
        } catch (const LockNotAcquired& error) {
            EXPECT_EQ(error.owner(), "");
            EXPECT_EQ(error.remaining(), 1s);
            EXPECT_EQ(std::string(error.what()).find(token), std::string::npos) << error.what();
        }
        EXPECT_EQ(world.manager.inspect("key").owner, "");
        world.clock->advance(1s);
    }
}

TEST(Inspect, TellsWhoForHowLongAndWithWhichFence) {
    ManagerWorld world;
    EXPECT_FALSE(world.manager.inspect("key").held);
    const auto lock = world.other.acquire("key", {.ttl = 20s});
    world.clock->advance(5s);
    const LockInfo info = world.manager.inspect("key");
    EXPECT_TRUE(info.held);
    EXPECT_FALSE(info.kept);
    EXPECT_EQ(info.owner, "other:2");
    EXPECT_EQ(info.remaining, 15s);
    EXPECT_EQ(info.fencing_token, lock->fencing_token());
}

TEST(Inspect, RefusesWrongKeysBeforeAnyIo) {
    ManagerWorld world;
    std::error_code ec;
    (void)world.manager.inspect("", {}, ec);
    EXPECT_EQ(ec, Errc::invalid_key);
    (void)world.manager.inspect("key", "nowhere", ec);
    EXPECT_EQ(ec, Errc::unknown_backend);
    EXPECT_EQ(world.backend->count(), 0U);
}

TEST(LockManager, MayBeMoved) {
    ManagerWorld world;
    LockManager moved{std::move(world.manager)};
    const auto lock = moved.acquire("key");
    world.manager = std::move(moved);
    EXPECT_TRUE(world.manager.inspect("key").held);
    EXPECT_TRUE(lock->owns_lock());
}

TEST(LockManager, DefaultIsOneForTheWholeProcess) {
    LockManager& manager = default_manager();
    EXPECT_EQ(&manager, &default_manager());
    const auto lock = manager.acquire("key of the default manager");
    EXPECT_TRUE(lock.has_value());
    EXPECT_FALSE(granted(default_manager().acquire("key of the default manager")));
}

}  // namespace
}  // namespace leaselock
