// Goal: the manager's calls do what they say: the registry, acquiring with and without waiting,
// looking, and telling what went wrong in both forms. Method: a memory backend that fails as told,
// on a clock that the tests move.
#include <atomic>
#include <barrier>
#include <future>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using testing::ManualClock;

std::size_t acquires_of(const testing::FaultBackend& backend) {
    std::size_t count = 0;
    for (const auto& record : backend.records()) count += record.verb == Verb::acquire ? 1 : 0;
    return count;
}

// --- the registry ---

TEST(Registry, HasMemoryAndItIsTheDefault) {
    LockManager manager;
    EXPECT_TRUE(manager.acquire("key").has_value());
    EXPECT_TRUE(manager.acquire("other key", {.backend = "memory"}).has_value());
}

TEST(Registry, ACallMayNameItsBackend) {
    ManagerWorld world;
    const auto here = world.manager.acquire("key");
    EXPECT_TRUE(world.manager.acquire("key", {.backend = "memory"}).has_value());
    EXPECT_FALSE(world.manager.acquire("key", {.backend = "store"}).has_value());
    EXPECT_TRUE(world.manager.inspect("key", "store").held);
    EXPECT_FALSE(world.manager.inspect("key", "memory").held);
}

TEST(Registry, TheManagersOptionsMayNameTheDefault) {
    ManagerWorld world;
    LockManager manager{{.backend = "store", .clock = world.clock}};
    std::error_code ec;
    EXPECT_FALSE(manager.acquire("key", {}, ec).has_value());
    EXPECT_EQ(ec, Errc::unknown_backend);
    manager.register_backend("store", world.backend);
    EXPECT_TRUE(manager.acquire("key").has_value());
    EXPECT_EQ(acquires_of(*world.backend), 1U);
}

TEST(Registry, IsFixedFromTheFirstUseOn) {
    const auto backend = std::make_shared<MemoryBackend>();
    LockManager acquired;
    (void)acquired.try_acquire("key");
    LockManager looked;
    (void)looked.inspect("key");
    for (LockManager* manager : {&acquired, &looked}) {
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

// --- acquiring ---

TEST(Acquire, SendsPrefixedKeyAndOwnerToken) {
    ManagerWorld world;
    const auto lock = world.manager.acquire("task:42");
    const auto records = world.backend->records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].key, "hazel:lock:task:42");
    EXPECT_EQ(records[0].token.size(), std::string("tester:1/").size() + 32);
    EXPECT_TRUE(records[0].token.starts_with("tester:1/"));
    EXPECT_EQ(lock->key(), "task:42");
}

TEST(Acquire, PrefixIsTheManagersAndMayBeEmpty) {
    ManagerWorld world;
    LockManager bare{{.prefix = "", .clock = world.clock}};
    bare.register_backend("store", world.backend);
    (void)bare.acquire("key", {.backend = "store"});
    EXPECT_EQ(world.backend->records().front().key, "key");
}

TEST(Acquire, EachAcquisitionHasATokenOfItsOwn) {
    ManagerWorld world;
    (void)world.manager.acquire("key");
    (void)world.manager.acquire("key");
    const auto records = world.backend->records();
    ASSERT_EQ(records.size(), 4U);  // two pairs of acquire and release
    EXPECT_EQ(records[0].token, records[1].token);
    EXPECT_EQ(records[2].token, records[3].token);
    EXPECT_NE(records[0].token, records[2].token);
}

TEST(Acquire, WithoutWaitingLooksOnce) {
    ManagerWorld world;
    const auto held = world.other.acquire("key");
    std::error_code ec;
    EXPECT_FALSE(world.manager.acquire("key", {}, ec).has_value());
    EXPECT_EQ(ec, Errc::held);
    EXPECT_EQ(acquires_of(*world.backend), 2U);
    EXPECT_EQ(world.manager.acquire("key"), std::nullopt);
}

TEST(Acquire, TryAcquireDoesNotWaitWhateverTheOptionsSay) {
    ManagerWorld world;
    const auto held = world.other.acquire("key");
    const auto begin = world.clock->now();
    std::error_code ec;
    const LockOptions options{.wait = true, .wait_timeout = forever};
    EXPECT_FALSE(world.manager.try_acquire("key", options, ec).has_value());
    EXPECT_EQ(ec, Errc::held);
    EXPECT_FALSE(world.manager.try_acquire("key", options).has_value());
    EXPECT_EQ(world.clock->now(), begin);
    EXPECT_TRUE(world.manager.try_acquire("free").has_value());
}

TEST(Acquire, WaitsForRetryCountTimesRetryDelay) {
    ManagerWorld world;
    const auto held = world.other.acquire("key", {.ttl = 1h});
    const auto begin = world.clock->now();
    std::error_code ec;
    EXPECT_FALSE(
        world.manager.acquire("key", {.wait = true, .retry_count = 7, .retry_delay = 40ms}, ec));
    EXPECT_EQ(ec, Errc::wait_timed_out);
    EXPECT_EQ(world.clock->now() - begin, 280ms);
    EXPECT_GE(acquires_of(*world.backend), 1U + 1U + 280U / 50U);
    EXPECT_LE(acquires_of(*world.backend), 1U + 1U + 280U / 30U + 1U);
}

TEST(Acquire, WaitTimeoutImpliesWaitAndGoesBeforeRetryCount) {
    ManagerWorld world;
    const auto held = world.other.acquire("key", {.ttl = 1h});
    const auto begin = world.clock->now();
    std::error_code ec;
    EXPECT_FALSE(world.manager.acquire("key", {.wait_timeout = 2s, .retry_count = 1}, ec));
    EXPECT_EQ(ec, Errc::wait_timed_out);
    EXPECT_EQ(world.clock->now() - begin, 2s);
}

TEST(Acquire, WaitOfZeroIsOverAfterOneLook) {
    ManagerWorld world;
    const auto held = world.other.acquire("key");
    const auto begin = world.clock->now();
    std::error_code ec;
    EXPECT_FALSE(world.manager.acquire("key", {.wait_timeout = 0s}, ec));
    EXPECT_EQ(ec, Errc::wait_timed_out);
    EXPECT_EQ(world.clock->now(), begin);
}

TEST(Acquire, WaitGetsTheLockAsSoonAsTheLeaseOfASilentHolderEnds) {
    ManagerWorld world;
    const auto silent = world.other.acquire("key", {.ttl = 5s});
    const auto begin = world.clock->now();
    const auto lock = world.manager.acquire("key", {.wait_timeout = forever, .retry_delay = 1h});
    ASSERT_TRUE(lock.has_value());
    EXPECT_EQ(world.clock->now() - begin, 5s);
    EXPECT_GT(lock->fencing_token(), silent->fencing_token());
}

TEST(Acquire, WaitLooksOnceMoreAtItsDeadline) {
    ManagerWorld world;
    const auto silent = world.other.acquire("key", {.ttl = 5s});
    const auto lock = world.manager.acquire("key", {.wait_timeout = 5s, .retry_delay = 1h});
    EXPECT_TRUE(lock.has_value());
}

TEST(Acquire, StopEndsAWait) {
    ManagerWorld world{ManualClock::Sleep::blocking};
    const auto held = world.other.acquire("key", {.ttl = 24h});
    std::stop_source source;
    std::error_code ec;
    auto call = std::async(std::launch::async, [&] {
        return world.manager.acquire("key", {.wait_timeout = forever}, source.get_token(), ec)
            .has_value();
    });
    world.clock->wait_for_sleepers();
    source.request_stop();
    ASSERT_EQ(call.wait_for(10s), std::future_status::ready);
    EXPECT_FALSE(call.get());
    EXPECT_EQ(ec, Errc::cancelled);
    EXPECT_EQ(ec, Family::contended);
}

TEST(Acquire, StopThatWasRequestedBeforeStillAllowsOneLook) {
    ManagerWorld world;
    std::stop_source source;
    source.request_stop();
    EXPECT_TRUE(world.manager.acquire("free", {.wait = true}, source.get_token()).has_value());
    const auto held = world.other.acquire("key");
    std::error_code ec;
    EXPECT_FALSE(world.manager.acquire("key", {.wait = true}, source.get_token(), ec).has_value());
    EXPECT_EQ(ec, Errc::cancelled);
}

// --- trouble ---

class EveryTrouble : public ::testing::TestWithParam<Errc> {};

TEST_P(EveryTrouble, IsThrownOrToldAndTheManagerWorksAgainAfterwards) {
    ManagerWorld world;
    world.backend->fail_all({.error = GetParam()});
    try {
        (void)world.manager.acquire("the key");
        ADD_FAILURE() << "nothing was thrown";
    } catch (const LockError& error) {
        EXPECT_EQ(error.code(), GetParam());
        EXPECT_NE(std::string(error.what()).find("lock 'the key': made to fail"), std::string::npos)
            << error.what();
    }
    std::error_code ec;
    EXPECT_FALSE(world.manager.acquire("the key", {}, ec).has_value());
    EXPECT_EQ(ec, GetParam());
    EXPECT_FALSE(world.manager.try_acquire("the key", {}, ec).has_value());
    EXPECT_EQ(ec, GetParam());
    EXPECT_THROW((void)world.manager.inspect("the key"), LockError);
    EXPECT_FALSE(world.manager.inspect("the key", {}, ec).held);
    EXPECT_EQ(ec, GetParam());
    world.backend->heal();
    EXPECT_TRUE(world.manager.acquire("the key", {}, ec).has_value());
    EXPECT_FALSE(ec);
}

INSTANTIATE_TEST_SUITE_P(Acquire, EveryTrouble,
                         ::testing::Values(Errc::authentication_failed, Errc::access_denied,
                                           Errc::corrupt, Errc::not_supported, Errc::connect_failed,
                                           Errc::loading, Errc::read_only, Errc::out_of_memory,
                                           Errc::busy, Errc::stale, Errc::command_timed_out,
                                           Errc::connection_lost, Errc::protocol_error,
                                           Errc::unexpected_reply));

// An acquire that may have run although its answer is an error.
class RanUnseen : public ::testing::TestWithParam<Errc> {};

TEST_P(RanUnseen, LeavesNoLockBehind) {
    ManagerWorld world;
    world.backend->fail_next({.error = GetParam(), .runs = true});
    if (GetParam() == Errc::connection_lost) {
        world.backend->fail_next({.error = GetParam(), .runs = true});
    }
    std::error_code ec;
    EXPECT_FALSE(world.manager.acquire("key", {}, ec).has_value());
    EXPECT_EQ(ec, GetParam());
    EXPECT_FALSE(world.other.inspect("key").held);
    const auto records = world.backend->records();
    const auto& release = records[records.size() - 2];
    EXPECT_EQ(release.verb, Verb::release);
    EXPECT_EQ(release.token, records[0].token);
    EXPECT_EQ(release.key, records[0].key);
}

INSTANTIATE_TEST_SUITE_P(Acquire, RanUnseen,
                         ::testing::Values(Errc::access_denied, Errc::command_timed_out,
                                           Errc::connection_lost, Errc::protocol_error,
                                           Errc::unexpected_reply));

TEST(Acquire, BrokenConnectionIsTriedAgainWithTheSameTokenAndFence) {
    ManagerWorld world;
    world.backend->fail_next({.error = Errc::connection_lost, .runs = true});
    const auto lock = world.manager.acquire("key");
    ASSERT_TRUE(lock.has_value());
    const auto records = world.backend->records();
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].token, records[1].token);
    EXPECT_EQ(world.other.inspect("key").fencing_token, lock->fencing_token());
}

TEST(Acquire, WaitOutlivesTrouble) {
    ManagerWorld world;
    for (const Errc error : {Errc::connect_failed, Errc::loading, Errc::command_timed_out}) {
        world.backend->fail_next({.error = error});
    }
    EXPECT_TRUE(world.manager.acquire("key", {.wait_timeout = 5s}).has_value());
}

TEST(Acquire, GrantThatComesBehindItsLeaseIsReleased) {
    ManagerWorld world;
    world.backend->on_pump([&](const Request& request) {
        if (request.verb == Verb::acquire) world.clock->advance(10s - 50ms);
    });
    std::error_code ec;
    EXPECT_FALSE(world.manager.acquire("key", {.ttl = 10s}, ec).has_value());
    EXPECT_EQ(ec, Errc::granted_too_late);
    EXPECT_EQ(world.backend->records().back().verb, Verb::release);
    EXPECT_FALSE(world.other.inspect("key").held);
}

TEST(Acquire, CodeIsClearedBySuccess) {
    ManagerWorld world;
    std::error_code ec = Errc::held;
    EXPECT_TRUE(world.manager.acquire("a", {}, ec).has_value());
    EXPECT_FALSE(ec);
    ec = Errc::held;
    EXPECT_TRUE(world.manager.acquire("b", {}, std::stop_token{}, ec).has_value());
    EXPECT_FALSE(ec);
    ec = Errc::held;
    (void)world.manager.inspect("a", {}, ec);
    EXPECT_FALSE(ec);
}

// --- telling ---

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
    EXPECT_FALSE(default_manager().acquire("key of the default manager").has_value());
}

}  // namespace
}  // namespace leaselock
