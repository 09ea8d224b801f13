// Goal: a lease is believed exactly as long as it may be, and is released as it was promised.
// Method: a clock that moves only while a request is under way, and a backend that records and
// loses answers.
#include <gtest/gtest.h>

#include <leaselock/testing/detail/granted.hpp>

#include "core/hold_machine.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using detail::safety_margin;

testing::FaultBackend::Record last_of(const ManagerWorld& world) {
    return world.backend->records().back();
}

TEST(Lease, MarginIsAHundredthAndTwoMilliseconds) {
    EXPECT_EQ(safety_margin(10s), 102ms);
    EXPECT_EQ(safety_margin(10ms), 2ms + 100us);
    EXPECT_EQ(safety_margin(24h), 864s + 2ms);
}

TEST(Lease, IsBelievedUntilItsEndLessTheMargin) {
    ManagerWorld world;
    const auto lock = world.manager.acquire("key", {.ttl = 10s, .renewal = Renewal::off});
    EXPECT_EQ(lock->remaining(), 10s - 102ms);
    world.clock->advance(10s - 102ms - 1ns);
    EXPECT_TRUE(lock->owns_lock());
    EXPECT_EQ(lock->remaining(), 0ms);  // rounded down
    world.clock->advance(1ns);
    EXPECT_FALSE(lock->owns_lock());
    EXPECT_TRUE(world.other.inspect("key").held) << "the store keeps it a little longer";
}

TEST(Lease, CountsFromBeforeItsRequestWasSent) {
    ManagerWorld world;
    world.backend->on_help([&](const Request&) { world.clock->advance(3s); });
    const auto lock = world.manager.acquire("key", {.ttl = 10s});
    EXPECT_EQ(lock->remaining(), 7s - 102ms);
}

TEST(Lease, CountsFromTheTryThatWasAnswered) {
    ManagerWorld world;
    world.backend->fail_next({.error = Errc::command_timed_out, .runs = true});
    const auto begin = world.clock->now();
    const auto lock = world.manager.acquire("key", {.ttl = 10s, .wait = true});
    ASSERT_TRUE(lock);
    EXPECT_GT(world.clock->now(), begin) << "it paused before the second try";
    EXPECT_EQ(lock->remaining(), 10s - 102ms);
}

TEST(Lease, ReleaseFreesTheKey) {
    ManagerWorld world;
    auto lock = world.manager.acquire("key");
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_EQ(last_of(world).keep, 0ms);
    EXPECT_TRUE(world.other.acquire("key"));
}

TEST(Lease, MinHoldKeepsTheKeyForTheRestOfIt) {
    ManagerWorld world;
    auto lock = world.manager.acquire("key", {.ttl = 10s, .min_hold = 4s});
    world.clock->advance(1s + 1ns);
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_EQ(last_of(world).keep, 3s) << "parts of a millisecond round up";
    world.clock->advance(3s - 2ns);
    EXPECT_TRUE(world.manager.inspect("key").kept);
    EXPECT_FALSE(granted(world.other.acquire("key")));
    world.clock->advance(1ms);
    EXPECT_TRUE(world.other.acquire("key"));
}

TEST(Lease, MinHoldThatIsOverFreesTheKeyAtOnce) {
    ManagerWorld world;
    auto lock = world.manager.acquire("key", {.ttl = 10s, .min_hold = 4s});
    world.clock->advance(4s);
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_EQ(last_of(world).keep, 0ms);
}

TEST(Lease, MinHoldMayLastAsLongAsTheTtl) {
    ManagerWorld world;
    { const auto lock = world.manager.acquire("key", {.ttl = 1h, .min_hold = 1h}); }
    world.clock->advance(59min);
    EXPECT_FALSE(granted(world.other.acquire("key")));
}

TEST(Lease, ReleaseOverABrokenConnectionIsTriedAgain) {
    ManagerWorld world;
    auto lock = world.manager.acquire("key");
    world.backend->fail_next({.error = Errc::connection_lost});
    std::error_code ec = Errc::held;
    EXPECT_EQ(lock->release(ec), ReleaseResult::released);
    EXPECT_FALSE(ec);
    EXPECT_FALSE(world.other.inspect("key").held);
}

TEST(Lease, NobodyKnowsWhoseReleaseItWasIfTheFirstAnswerIsLost) {
    ManagerWorld world;
    auto lock = world.manager.acquire("key");
    world.backend->fail_next({.error = Errc::connection_lost, .runs = true});
    std::error_code ec;
    EXPECT_EQ(lock->release(ec), ReleaseResult::unknown);
    EXPECT_EQ(ec, Errc::connection_lost);
}

TEST(Lease, ReleaseSaysWhyItIsUnknownAndIsNotTriedForEver) {
    for (const Errc error : {Errc::connection_lost, Errc::command_timed_out, Errc::read_only,
                             Errc::connect_failed, Errc::access_denied}) {
        ManagerWorld world;
        auto lock = world.manager.acquire("key");
        world.backend->fail_all({.error = error});
        std::error_code ec;
        EXPECT_EQ(lock->release(ec), ReleaseResult::unknown);
        EXPECT_EQ(ec, error);
        // The acquire, two tries, and perhaps the first of the LeaseTask's already.
        EXPECT_LE(world.backend->count(), 4U);
        EXPECT_EQ(lock->release(ec), ReleaseResult::not_held);
        EXPECT_FALSE(ec);
    }
}

TEST(Lease, SomethingElseUnderTheKeyMeansThatItIsLost) {
    ManagerWorld world;
    auto lock = world.manager.acquire("key");
    world.backend->fail_next({.error = Errc::corrupt});
    std::error_code ec = Errc::held;
    EXPECT_EQ(lock->release(ec), ReleaseResult::lost);
    EXPECT_FALSE(ec);
}

}  // namespace
}  // namespace leaselock
