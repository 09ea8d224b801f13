// Goal: a leader that is killed costs no holder its lock, and gives it to nobody else; a restart of
// all members, which takes the locks with it, is a loss, and a fenced resource refuses those that
// come after it. Method: members of the cluster that all tests share are killed and started again,
// while workers of several managers write down what they hold; that history is checked. At the end
// the cluster is whole again.
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <leaselock/fence_guard.hpp>
#include <leaselock/hazelcast.hpp>
#include <leaselock/lock_manager.hpp>

#include "support/hazelcast_cluster.hpp"
#include "support/hazelcast_workers.hpp"
#include "support/poll_until.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::HazelcastCluster;
using support::HazelcastWorkers;
using support::poll_until;

class HazelcastRestart : public ::testing::Test {
  protected:
    LockManager manager(std::size_t member) {
        return connect(cluster_.url(member, "/leaselock-test?connect_timeout=1s"),
                       {.prefix = prefix_});
    }
    void kill_the_leader();
    void restart_all();

    HazelcastCluster cluster_ = HazelcastCluster::of_tests();
    const std::string prefix_ =
        "restart:" + std::to_string(boot_clock()->now().time_since_epoch().count()) + ':';
};

void HazelcastRestart::kill_the_leader() {
    HazelcastWorkers workers{cluster_, prefix_ + "worked"};
    ASSERT_TRUE(workers.enter(10, 60s));
    const std::size_t leader = cluster_.leader();
    LockManager locks = manager(leader);
    auto held = locks.acquire("held", {.wait_timeout = 50s});
    ASSERT_TRUE(held.has_value());
    const auto killed = boot_clock()->now();
    cluster_.kill(leader);
    EXPECT_TRUE(workers.enter(1, 60s)) << "another one leads";
    // On a busy machine that may take longer than the session lives, and nothing is prolonged then.
    const bool was_soon = boot_clock()->now() - killed < HazelcastCluster::session_ttl / 2;
    EXPECT_TRUE(held->owns_lock() || !was_soon);
    EXPECT_TRUE(workers.enter(50, 60s));
    cluster_.restart(leader);
    EXPECT_TRUE(workers.enter(10, 60s));
    EXPECT_EQ(workers.findings(), "");
    const bool is_owned = held->owns_lock();
    const ReleaseResult result = held->release();
    EXPECT_TRUE(!is_owned || result == ReleaseResult::released);
}

void HazelcastRestart::restart_all() {
    LockManager locks = manager(0);
    FenceGuard resource;
    std::vector<ScopedDistributedLock> held;
    for (const char* key : {"first", "second", "third"}) {
        held.push_back(locks.acquire(key, {.wait_timeout = 50s}).value());
    }
    ASSERT_TRUE(resource.admit(held.front().fencing_token()));
    for (std::size_t i = 0; i < cluster_.members().size(); ++i) cluster_.kill(i);
    std::error_code ec;
    const auto none = locks.acquire("fourth", {}, ec);
    EXPECT_FALSE(none.has_value());
    EXPECT_TRUE(ec == Family::unavailable || ec == Family::unknown) << ec.message();
    cluster_.restart_all();
    for (ScopedDistributedLock& each : held) {
        EXPECT_TRUE(poll_until([&] { return !each.owns_lock(); }, 60s));
        EXPECT_EQ(each.release(), ReleaseResult::lost);
    }
    std::optional<ScopedDistributedLock> next;
    ASSERT_TRUE(poll_until(
        [&] {
            auto lock = locks.acquire("first", {.wait_timeout = 5s}, ec);
            if (lock) next.emplace(std::move(lock).value());
            return next.has_value();
        },
        60s));
    EXPECT_LT(next->fencing_token(), held.front().fencing_token()) << "the log begins again";
    resource.ensure(next->fencing_token(), ec);
    EXPECT_EQ(ec, Errc::fenced_off);
}

TEST_F(HazelcastRestart, LeaderThatDiesCostsNoLockAndRestartOfAllIsALossThatFencesRefuse) {
    kill_the_leader();
    restart_all();
}

}  // namespace
}  // namespace leaselock
