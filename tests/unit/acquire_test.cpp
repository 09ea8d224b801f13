// Goal: acquiring, with and without waiting, gives a lock, or nothing, or the error that it should,
// in both forms, and leaves nothing behind. Method: a memory backend that fails as told, on a clock
// that the tests move.
#include <future>
#include <gtest/gtest.h>
#include <string>

#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
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

TEST(Acquire, WithoutWaitingPollsOnce) {
    ManagerWorld world;
    const auto held = world.other.acquire("key");
    std::error_code ec;
    EXPECT_FALSE(granted(world.manager.acquire("key", {}, ec)));
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
    EXPECT_FALSE(granted(world.manager.try_acquire("key", options, ec)));
    EXPECT_EQ(ec, Errc::held);
    EXPECT_FALSE(granted(world.manager.try_acquire("key", options)));
    EXPECT_EQ(world.clock->now(), begin);
    EXPECT_TRUE(world.manager.try_acquire("free"));
}

TEST(Acquire, WaitsForRetryCountTimesRetryDelay) {
    ManagerWorld world;
    const auto held = world.other.acquire("key", {.ttl = 1h});
    const auto begin = world.clock->now();
    std::error_code ec;
    EXPECT_FALSE(granted(
        world.manager.acquire("key", {.wait = true, .retry_count = 7, .retry_delay = 40ms}, ec)));
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
    EXPECT_FALSE(granted(world.manager.acquire("key", {.wait_timeout = 2s, .retry_count = 1}, ec)));
    EXPECT_EQ(ec, Errc::wait_timed_out);
    EXPECT_EQ(world.clock->now() - begin, 2s);
}

TEST(Acquire, WaitOfZeroIsOverAfterOnePoll) {
    ManagerWorld world;
    const auto held = world.other.acquire("key");
    const auto begin = world.clock->now();
    std::error_code ec;
    EXPECT_FALSE(granted(world.manager.acquire("key", {.wait_timeout = 0s}, ec)));
    EXPECT_EQ(ec, Errc::wait_timed_out);
    EXPECT_EQ(world.clock->now(), begin);
}

TEST(Acquire, WaitGetsTheLockAsSoonAsTheLeaseOfASilentHolderEnds) {
    ManagerWorld world;
    const auto silent = world.other.acquire("key", {.ttl = 5s, .renewal = Renewal::off});
    const auto begin = world.clock->now();
    const auto lock = world.manager.acquire("key", {.wait_timeout = forever, .retry_delay = 1h});
    ASSERT_TRUE(lock.has_value());
    EXPECT_EQ(world.clock->now() - begin, 5s);
    EXPECT_GT(lock->fencing_token(), silent->fencing_token());
}

TEST(Acquire, WaitPollsOnceMoreAtItsDeadline) {
    ManagerWorld world;
    const auto silent = world.other.acquire("key", {.ttl = 5s, .renewal = Renewal::off});
    const auto lock = world.manager.acquire("key", {.wait_timeout = 5s, .retry_delay = 1h});
    EXPECT_TRUE(lock.has_value());
}

TEST(Acquire, StopEndsAWait) {
    ManagerWorld world{ManualClock::Sleep::blocking};
    const auto held = world.other.acquire("key", {.ttl = 24h});
    std::stop_source source;
    std::error_code ec;
    auto call = std::async(std::launch::async, [&] {
        return granted(
            world.manager.acquire("key", {.wait_timeout = forever}, source.get_token(), ec));
    });
    world.clock->wait_for_sleepers();
    source.request_stop();
    ASSERT_EQ(call.wait_for(10s), std::future_status::ready);
    EXPECT_FALSE(call.get());
    EXPECT_EQ(ec, Errc::cancelled);
    EXPECT_EQ(ec, Family::contended);
}

TEST(Acquire, StopThatWasRequestedBeforeStillAllowsOnePoll) {
    ManagerWorld world;
    std::stop_source source;
    source.request_stop();
    EXPECT_TRUE(world.manager.acquire("free", {.wait = true}, source.get_token()));
    const auto held = world.other.acquire("key");
    std::error_code ec;
    EXPECT_FALSE(granted(world.manager.acquire("key", {.wait = true}, source.get_token(), ec)));
    EXPECT_EQ(ec, Errc::cancelled);
}

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
    EXPECT_FALSE(granted(world.manager.acquire("the key", {}, ec)));
    EXPECT_EQ(ec, GetParam());
    EXPECT_FALSE(granted(world.manager.try_acquire("the key", {}, ec)));
    EXPECT_EQ(ec, GetParam());
    EXPECT_THROW((void)world.manager.inspect("the key"), LockError);
    EXPECT_FALSE(world.manager.inspect("the key", {}, ec).held);
    EXPECT_EQ(ec, GetParam());
    world.backend->heal();
    EXPECT_TRUE(world.manager.acquire("the key", {}, ec));
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
    EXPECT_FALSE(granted(world.manager.acquire("key", {}, ec)));
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
    EXPECT_TRUE(world.manager.acquire("key", {.wait_timeout = 5s}));
}

TEST(Acquire, GrantThatComesBehindItsLeaseIsReleased) {
    ManagerWorld world;
    world.backend->on_help([&](const Request& request) {
        if (request.verb == Verb::acquire) world.clock->advance(10s - 50ms);
    });
    std::error_code ec;
    EXPECT_FALSE(granted(world.manager.acquire("key", {.ttl = 10s}, ec)));
    EXPECT_EQ(ec, Errc::granted_too_late);
    EXPECT_TRUE(support::poll_until([&] { return !world.other.inspect("key").held; }));
}

TEST(Acquire, CodeIsClearedBySuccess) {
    ManagerWorld world;
    std::error_code ec = Errc::held;
    EXPECT_TRUE(world.manager.acquire("a", {}, ec));
    EXPECT_FALSE(ec);
    ec = Errc::held;
    EXPECT_TRUE(world.manager.acquire("b", {}, std::stop_token{}, ec));
    EXPECT_FALSE(ec);
    ec = Errc::held;
    (void)world.manager.inspect("a", {}, ec);
    EXPECT_FALSE(ec);
}

}  // namespace
}  // namespace leaselock
