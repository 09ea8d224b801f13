// Goal: what a manager tells of hand-overs and reconnects is what happened. Method: a real
// redis-server, which is killed and started again.
#include <future>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using support::RedisServer;

class RedisMetrics : public ::testing::Test {
  protected:
    [[nodiscard]] LockManager manager() const { return connect(support::patient(server_.url())); }
    // A grant to somebody of `to` who waits while `from` holds the lock.
    void hand_over(LockManager& from, LockManager& to) {
        auto lock = from.acquire("key");
        ASSERT_TRUE(lock.has_value());
        auto waiter = std::async(std::launch::async, [&] {
            return granted(to.acquire("key", {.wait_timeout = 30s, .key_template = "k"}));
        });
        EXPECT_TRUE(poll_until([&] {
            return from.inspect("key").waiting == 1 &&
                   !server_.cli("PUBSUB", "CHANNELS", "leaselock:*").empty();
        }));
        lock->release();
        EXPECT_TRUE(waiter.get());
        ++handed_;
    }

    RedisServer server_;
    std::uint64_t handed_ = 0;
};

// A waiter whose poll crosses the message on its way finds the lock by that poll, and it does not
// count then: so again, until it has been notified.
TEST_F(RedisMetrics, TellWhatAReleaseHandedOver) {
    LockManager one = manager();
    LockManager other = manager();
    EXPECT_TRUE(poll_until([&] {
        hand_over(one, other);
        return HasFatalFailure() || other.stats().handed_over > 0;
    }));
    EXPECT_EQ(other.stats().acquired, handed_);
    EXPECT_EQ(other.stats_by_template().back().stats.handed_over, other.stats().handed_over);
    EXPECT_EQ(one.stats().handed_over, 0U);
    EXPECT_EQ(one.stats().reconnects + other.stats().reconnects, 0U);
}

TEST_F(RedisMetrics, TellReconnects) {
    LockManager locks = manager();
    EXPECT_EQ(locks.stats().reconnects, 0U);
    EXPECT_TRUE(locks.acquire("key"));
    EXPECT_EQ(locks.stats().reconnects, 0U);
    for (std::uint64_t times = 1; times <= 2; ++times) {
        server_.kill9();
        std::error_code ec;
        EXPECT_FALSE(granted(locks.acquire("key", {}, ec)));
        EXPECT_EQ(locks.stats().reconnects, times - 1);
        server_.restart();
        EXPECT_TRUE(poll_until([&] { return granted(locks.acquire("key", {}, ec)); }))
            << ec.message();
        EXPECT_EQ(locks.stats().reconnects, times);
    }
}

// The one for hand-offs counts as well.
TEST_F(RedisMetrics, TellReconnectsOfAllConnections) {
    LockManager one = manager();
    LockManager other = manager();
    const auto use_all = [&] {
        const std::uint64_t renewed = other.stats().renewed;
        std::optional<ScopedDistributedLock> held;
        EXPECT_TRUE(poll_until([&] {
            if (!held || !held->owns_lock()) held = other.acquire("held", {.ttl = 600ms});
            return other.stats().renewed > renewed;
        }));
        hand_over(one, other);
    };
    use_all();
    EXPECT_EQ(other.stats().reconnects, 0U);
    server_.restart();
    use_all();
    EXPECT_TRUE(poll_until([&] { return other.stats().reconnects == 2; }))
        << other.stats().reconnects;
}

}  // namespace
}  // namespace leaselock
