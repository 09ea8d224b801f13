// Goal: shares keep the promises of locks at each face: wrong numbers are refused before any I/O, a
// reader is no writer for its owner either, a lost reply costs nothing, a renewal that crosses a
// downgrade is no loss. Method: a memory backend that fails on demand and keeps a record, on a
// clock that the tests move.
#include <gtest/gtest.h>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "support/readers.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

TEST(Share, WrongNumbersAreRefusedByFieldValueAndRangeBeforeAnyCommand) {
    ManagerWorld world;
    struct Wrong {
        Share share;
        std::string text;
    };
    for (const auto& [share, text] :
         std::vector<Wrong>{{{0, 5}, "share = 0 of 5, allowed are 1 to 5 of 5"},
                            {{6, 5}, "share = 6 of 5, allowed are 1 to 5 of 5"},
                            {{-1, 5}, "share = -1 of 5"},
                            {{1, -1}, "share = 1 of -1, allowed are permits of 1 to 10000"},
                            {{1, max_permits + 1}, "share = 1 of 10001"},
                            {{2, 0}, "share = 2 of 0"},
                            {{1, 0}, "share = 1 of 0"}}) {
        try {
            (void)world.manager.acquire("key", {.share = share});
            ADD_FAILURE() << text;
        } catch (const LockError& error) {
            EXPECT_EQ(error.code(), Errc::invalid_option);
            EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
        }
    }
    EXPECT_EQ(world.backend->count(), 0U);
    EXPECT_TRUE(world.manager.acquire("key", {.share = {max_permits, max_permits}}));
}

TEST(Semaphore, WrongNumbersOfPermitsAreRefused) {
    ManagerWorld world;
    for (const int permits : {0, -1, max_permits + 1}) {
        try {
            DistributedSemaphore none{world.manager, "pool", permits};
            ADD_FAILURE() << permits;
        } catch (const LockError& error) {
            EXPECT_EQ(error.code(), Errc::invalid_option);
            const std::string text =
                "permits = " + std::to_string(permits) + ", allowed are 1 to 10000";
            EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
        }
    }
    DistributedSemaphore pool{world.manager, "pool", 2};
    for (const int count : {0, 3, -1}) {
        std::error_code ec;
        EXPECT_FALSE(granted(pool.acquire(count, {}, ec)));
        EXPECT_EQ(ec, Errc::invalid_option);
    }
    EXPECT_EQ(world.backend->count(), 0U);
}

TEST(Semaphore, GivesPermitsAndTellsHowManyAreFree) {
    ManagerWorld world;
    DistributedSemaphore pool{world.manager, "pool", 3};
    EXPECT_EQ(pool.permits(), 3);
    EXPECT_EQ(pool.available(), 3);
    auto two = pool.acquire(2);
    ASSERT_TRUE(two.has_value());
    EXPECT_EQ(pool.available(), 1);
    EXPECT_FALSE(granted(pool.try_acquire(2)));
    two.reset();
    EXPECT_EQ(pool.available(), 3);
    const auto all_of_it = world.other.acquire("pool");
    ASSERT_TRUE(all_of_it.has_value());
    EXPECT_EQ(pool.available(), 0);
    EXPECT_FALSE(granted(pool.try_acquire()));
}

TEST(Semaphore, WaitIsEndedByItsStopToken) {
    ManagerWorld world;
    DistributedSemaphore pool{world.manager, "pool", 1};
    const auto holder = pool.acquire();
    std::stop_source source;
    source.request_stop();
    std::error_code ec;
    EXPECT_FALSE(granted(pool.acquire(1, source.get_token(), ec)));
    EXPECT_EQ(ec, Errc::cancelled);
}

TEST(Share, OwnerWithAShareDoesNotGetMoreByEnteringAgain) {
    ManagerWorld world;
    LockOwner owner{world.manager};
    const auto reader = owner.acquire("key", {.share = shared});
    ASSERT_TRUE(reader.has_value());
    EXPECT_TRUE(owner.acquire("key", {.share = shared}));
    std::error_code ec;
    EXPECT_FALSE(granted(owner.acquire("key", {}, {}, ec)));
    EXPECT_EQ(ec, Errc::conflicting_use);
    EXPECT_THROW((void)owner.acquire("key", {.share = {1, 3}}), LockError);
    EXPECT_EQ(owner.levels("key"), 1U);
    const auto writer = owner.acquire("other");
    EXPECT_TRUE(owner.acquire("other", {.share = shared})) << "who has all has a part";
}

TEST(Share, LeaderHasAllOfIt) {
    ManagerWorld world;
    EXPECT_THROW((LeaderElection{world.manager, "scheduler", {.share = shared}}), LockError);
}

TEST(Share, LostReplyOfAShareIsCleanedUp) {
    ManagerWorld world{ManagerWorld::Sleep::blocking};
    world.backend->fail_next({.error = Errc::command_timed_out, .runs = true});
    std::error_code ec;
    EXPECT_FALSE(granted(world.manager.acquire("key", {.share = {2, 3}}, ec)));
    EXPECT_EQ(ec, Errc::command_timed_out);
    world.clock->wait_for_background();
    EXPECT_FALSE(world.other.inspect("key").held) << "it was granted, and is given back";
}

TEST(Share, MacroTakesAReadersShare) {
    ManagerWorld world;
    const int product = 7;
    {
        LEASELOCK_DISTRIBUTED_SHARED_LOCK(world.manager, "stock-{{product}}", {.ttl = 10s},
                                          product);
        DISTRIBUTED_SHARED_LOCK(world.other, "stock-{{product}}", product);
        EXPECT_TRUE(is_read_by(2, world.other.inspect("stock-7")));
        EXPECT_FALSE(granted(world.other.acquire("stock-7")));
    }
    EXPECT_FALSE(world.other.inspect("stock-7").held);
}

TEST(Share, DowngradeWhoseReplyIsLostIsHeldAndBecomesAShareAtTheNextRenewal) {
    ManagerWorld world{ManagerWorld::Sleep::blocking};
    auto lock = world.manager.acquire("key", {.ttl = 30s});
    world.clock->wait_for_background();
    world.backend->fail_next({.error = Errc::command_timed_out});
    std::error_code ec;
    lock->downgrade(ec);
    EXPECT_EQ(ec, Errc::command_timed_out);
    EXPECT_TRUE(lock->owns_lock());
    EXPECT_FALSE(granted(world.other.acquire("key", {.share = shared})));
    world.clock->advance(11s);
    world.clock->wait_for_background();
    EXPECT_TRUE(lock->owns_lock());
    EXPECT_TRUE(world.other.acquire("key", {.share = shared}));
    EXPECT_EQ(lock->release(), ReleaseResult::released);
}

TEST(Share, RenewalThatCrossesADowngradeIsNoLoss) {
    ManagerWorld world{ManagerWorld::Sleep::blocking};
    auto lock = world.manager.acquire("key", {.ttl = 30s});
    world.clock->wait_for_background();
    std::atomic<bool> crossed{false};
    world.backend->on_help([&](const Request& request) {
        if (request.verb != Verb::renew || crossed.exchange(true)) return;
        EXPECT_EQ(request.claim, exclusive);
        lock->downgrade();
    });
    world.clock->advance(11s);
    EXPECT_TRUE(support::poll_until([&] { return world.manager.stats().renewals_failed == 1; }));
    world.backend->on_help({});
    EXPECT_TRUE(lock->owns_lock());
    EXPECT_TRUE(is_read_by(1, world.other.inspect("key")));
    EXPECT_EQ(world.backend->records().back().verb, Verb::inspect);
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_EQ(world.manager.stats().lost, 0U);
}

TEST(Share, DowngradeWhoseReplyIsLostIsReleasedInEitherWay) {
    for (const bool runs : {false, true}) {
        ManagerWorld world;
        auto lock = world.manager.acquire("key", {.ttl = 30s});
        world.backend->fail_next({.error = Errc::command_timed_out, .runs = runs});
        std::error_code ec;
        lock->downgrade(ec);
        EXPECT_EQ(ec, Errc::command_timed_out);
        EXPECT_EQ(lock->release(), ReleaseResult::released);
        EXPECT_FALSE(world.other.inspect("key").held);
    }
}

}  // namespace
}  // namespace leaselock
