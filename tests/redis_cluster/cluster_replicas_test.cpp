// Goal: with wait_replicas a grant in a Redis Cluster counts only when so many replicas of its
// master have it; if they do not, it is released and said. Method: a real cluster, whose replicas
// are asked at once, and of which more are demanded than there are.
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

#include "support/poll_until.hpp"
#include "support/redis_cluster.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::RedisCluster;

class ClusterReplicasTest : public ::testing::Test {
  protected:
    static RedisCluster& cluster() { return RedisCluster::of_tests(); }
    static LockManager manager(int replicas, Duration time) {
        LockManager locks{{.prefix = "replicas:"}};
        locks.register_backend("redis", make_redis_backend({.url = cluster().url(),
                                                            .connect_timeout = 20s,
                                                            .command_timeout = 20s,
                                                            .wait_replicas = replicas,
                                                            .wait_replicas_timeout = time}));
        locks.set_default_backend("redis");
        return locks;
    }
    [[nodiscard]] std::string at_master(const std::string& key) const {
        return cluster().command(cluster().owner(prefix_ + key), {"GET", prefix_ + key});
    }
    [[nodiscard]] std::string at_replica(const std::string& key) const {
        const std::size_t replica = cluster().replica(cluster().owner(prefix_ + key));
        cluster().command(replica, {"READONLY"});
        std::string holder = cluster().command(replica, {"GET", prefix_ + key});
        cluster().command(replica, {"READWRITE"});
        return holder;
    }

    const std::string prefix_ = "replicas:";
    const std::string begin_ = "key:" + std::to_string(::getpid()) + ':';
};

// Without a poll that waits: it has it when acquire returns, whichever master the key lies at.
TEST_F(ClusterReplicasTest, HaveTheLockWhenItIsGranted) {
    LockManager locks = manager(1, 10s);
    EXPECT_EQ(locks.guarantees().exclusion, Exclusion::if_replicated);
    for (int i = 0; i < 20; ++i) {
        const std::string key = begin_ + std::to_string(i);
        auto lock = locks.acquire(key);
        ASSERT_TRUE(lock);
        EXPECT_EQ(at_replica(key), at_master(key));
        EXPECT_NE(at_replica(key), "(nil)");
        EXPECT_EQ(lock->release(), ReleaseResult::released);
    }
}

TEST_F(ClusterReplicasTest, TooFewReleaseTheLockAndAreSaid) {
    LockManager locks = manager(2, 10ms);
    const std::string key = begin_ + "too few";
    std::error_code error;
    const auto lock = locks.acquire(key, {}, error);
    EXPECT_FALSE(lock);
    EXPECT_EQ(error, Errc::not_replicated);
    EXPECT_TRUE(support::poll_until([&] { return at_master(key) == "(nil)"; }));
}

}  // namespace
}  // namespace leaselock
