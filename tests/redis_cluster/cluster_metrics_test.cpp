// Goal: what a manager tells of a Redis Cluster is the sum of what happened at all of its masters.
// Method: a real cluster; a lock at each of its masters, which is granted, handed over, and whose
// connections an operator ends. The user is the test's own, so that others lose no connection.
#include <cstdint>
#include <future>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "support/redis_cluster.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using support::RedisCluster;

class ClusterMetricsTest : public ::testing::Test {
  protected:
    ClusterMetricsTest() {
        cluster().on_all(
            {"ACL", "SETUSER", "metered", "reset", "on", ">word", "~*", "&*", "+@all"});
        for (std::size_t i = 0; i < cluster().nodes().size(); ++i) {
            if (cluster().command(i, {"ROLE"}).starts_with("master")) masters_.push_back(i);
        }
    }

    static RedisCluster& cluster() { return RedisCluster::of_tests(); }
    static LockManager manager() {
        LockManager locks{{.prefix = "metered:"}};
        locks.register_backend("redis", make_redis_backend({.url = cluster().url(),
                                                            .username = "metered",
                                                            .password = "word",
                                                            .connect_timeout = 20s,
                                                            .command_timeout = 20s}));
        locks.set_default_backend("redis");
        return locks;
    }
    // Without the prefix.
    static std::string key_at(std::size_t master) {
        const std::string prefix = "metered:";
        return cluster()
            .key_at(master, prefix + std::to_string(::getpid()) + ':')
            .substr(prefix.size());
    }

    std::vector<std::size_t> masters_;
};

TEST_F(ClusterMetricsTest, TellTheGrantsAndTheNewConnectionsOfEachMaster) {
    LockManager locks = manager();
    ASSERT_EQ(masters_.size(), 3U);
    for (const std::size_t each : masters_) EXPECT_TRUE(granted(locks.acquire(key_at(each))));
    EXPECT_EQ(locks.stats().acquired, 3U);
    EXPECT_EQ(locks.stats().reconnects, 0U);
    std::uint64_t before = 0;
    for (const std::size_t each : masters_) {
        cluster().command(each, {"CLIENT", "KILL", "USER", "metered"});
        // A connection that broke under a command costs an attempt.
        EXPECT_TRUE(poll_until(
            [&] {
                std::error_code ec;
                return granted(locks.acquire(key_at(each), {}, ec));
            },
            30s));
        EXPECT_GT(locks.stats().reconnects, before) << "at node " << each;
        before = locks.stats().reconnects;
    }
    EXPECT_EQ(locks.stats().acquired, 6U);
    std::ostringstream text;
    locks.write_metrics(text);
    EXPECT_NE(text.str().find("leaselock_reconnects_total " + std::to_string(before)),
              std::string::npos)
        << text.str();
}

// A waiter whose poll crosses the message finds the lock by that poll: so again, until it has been
// notified.
TEST_F(ClusterMetricsTest, TellTheHandOversOfEachMaster) {
    LockManager one = manager();
    LockManager other = manager();
    for (const std::size_t each : masters_) {
        const std::string key = key_at(each);
        const std::uint64_t before = other.stats().handed_over;
        EXPECT_TRUE(poll_until(
            [&] {
                auto lock = one.acquire(key);
                auto waiter = std::async(std::launch::async, [&] {
                    return granted(other.acquire(key, {.wait_timeout = 30s}));
                });
                EXPECT_TRUE(poll_until([&] { return one.inspect(key).waiting == 1; }));
                lock->release();
                EXPECT_TRUE(waiter.get());
                return HasFailure() || other.stats().handed_over > before;
            },
            60s))
            << "at node " << each;
    }
    EXPECT_EQ(one.stats().handed_over, 0U);
}

}  // namespace
}  // namespace leaselock
