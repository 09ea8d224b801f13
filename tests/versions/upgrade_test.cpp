// Goal: while a fleet is upgraded, processes of the version before and of this one exclude each
// other, their fences rise together, each gets its turn, and nothing stays behind. Method: as many
// of either add to one number in a file under one lock; those of the version before run its
// scripts. If two were ever inside at once, an update is lost or a fence is out of order.
#include <chrono>
#include <cstdint>
#include <deque>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/count_down_latch.hpp>
#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "model/script_peer.hpp"
#include "stress/counter_file.hpp"
#include "support/child_process.hpp"
#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"
#include "versions/former_scripts.hpp"

namespace leaselock::versions {
namespace {

using namespace std::chrono_literals;
using support::ChildProcess;

TEST(Upgrade, ProcessesOfBothVersionsLoseNoUpdateAndTheirFencesRise) {
    constexpr int of_each = 3;
    constexpr int rounds = 100;
    support::RedisServer server;
    const support::TempDir directory;
    const std::string path = directory.file("counter");
    stress::make_counter_file(path);
    std::deque<ChildProcess> workers;
    for (int i = 0; i < of_each; ++i) {
        workers.emplace_back(std::vector<std::string>{LEASELOCK_COUNTER_WORKER, server.url(), path,
                                                      std::to_string(rounds)});
        workers.emplace_back(
            std::vector<std::string>{LEASELOCK_FORMER_WORKER, std::to_string(server.port()),
                                     LEASELOCK_FORMER_SCRIPTS, path, std::to_string(rounds)});
    }
    for (ChildProcess& worker : workers) EXPECT_EQ(worker.wait(50s), 0);

    const auto numbers = stress::numbers_in(path);
    constexpr int all = 2 * of_each * rounds;
    ASSERT_EQ(numbers.size(), 1U + all);
    EXPECT_EQ(numbers[0], static_cast<std::uint64_t>(all));
    for (std::size_t i = 2; i < numbers.size(); ++i) {
        EXPECT_GT(numbers[i], numbers[i - 1]) << "entry " << i;
    }
    EXPECT_EQ(server.cli("EXISTS", "hazel:lock:counter", "{hazel:lock:counter}:ll:q",
                         "{hazel:lock:counter}:ll:2q"),
              "0");
}

// One process of either, command by command.
class UpgradeStep : public ::testing::Test {
  protected:
    wire::RespValue former(const std::string& script, const std::string& letters,
                           const std::vector<std::string>& arguments) {
        std::vector<std::string> keys{"p:key"};
        for (const char letter : letters) keys.push_back(former_key("p:key", letter));
        return peer_.run(scripts_.text(script), keys, arguments);
    }
    wire::RespValue former_acquire(const std::string& token) {
        return former("acquire", "fqw", {token, "60000", "9000000000000000"});
    }

    support::RedisServer server_;
    FormerScripts scripts_{LEASELOCK_FORMER_SCRIPTS};
    model::ScriptPeer peer_{server_};
    LockManager locks_ =
        connect(support::patient(server_.url()), {.prefix = "p:", .owner = "present:1"});
    std::error_code ec_;
};

TEST_F(UpgradeStep, LockOfOneVersionKeepsTheOtherOutUntilItsHolderReleasesIt) {
    ASSERT_EQ(former_acquire("former/1").type(), wire::RespValue::Type::integer);
    EXPECT_FALSE(granted(locks_.try_acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::held);
    EXPECT_TRUE(locks_.inspect("key").held);
    EXPECT_EQ(former("renew", "w", {"former/1", "60000"}).integer(), 1);
    EXPECT_EQ(former("release", "wqfh", {"former/1", "0"}).integer(), 1);
    auto lock = locks_.try_acquire("key", {}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    const auto held = former_acquire("former/2");
    EXPECT_EQ(held.at(0).integer(), 0);
    EXPECT_EQ(held.at(2).text(), lock->owner_token());
    EXPECT_EQ(former("renew", "w", {"former/2", "60000"}).integer(), 0);
    EXPECT_EQ(former("release", "wqfh", {"former/2", "0"}).integer(), 0);
    EXPECT_EQ(lock->release(ec_), ReleaseResult::released);
    EXPECT_EQ(former_acquire("former/3").type(), wire::RespValue::Type::integer);
}

// A release hands over to waiters of its own version; this one polls.
TEST_F(UpgradeStep, WaiterGetsTheLockThatTheOtherVersionFrees) {
    ASSERT_EQ(former_acquire("former/1").type(), wire::RespValue::Type::integer);
    std::optional<ScopedDistributedLock> lock;
    std::thread waiter{[&] {
        std::error_code ec;
        lock = locks_.acquire("key", {.wait_timeout = 30s}, ec);
    }};
    EXPECT_TRUE(support::poll_until([&] { return server_.cli("LLEN", "{p:key}:ll:2q") == "1"; }));
    EXPECT_EQ(former("release", "wqfh", {"former/1", "0"}).integer(), 1);
    waiter.join();
    ASSERT_TRUE(lock.has_value());
    EXPECT_EQ(server_.cli("GET", "p:key"), lock->owner_token());
}

// What K holds means the same in both, and so does the table of those who have shares.
TEST_F(UpgradeStep, MinHoldOfOneVersionKeepsTheOtherOut) {
    ASSERT_EQ(former_acquire("former/1").type(), wire::RespValue::Type::integer);
    EXPECT_EQ(former("release", "wqfh", {"former/1", "60000"}).integer(), 1);
    EXPECT_FALSE(granted(locks_.try_acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::held);
    EXPECT_TRUE(locks_.inspect("key").kept);
}

TEST_F(UpgradeStep, PermitsOfBothVersionsAreCountedTogether) {
    const auto former_permit = [&](const std::string& token) {
        return former("share_acquire", "fqwh", {token, "60000", "9000000000000000", "1", "2"});
    };
    auto permit = locks_.acquire("key", {.share = Share{1, 2}}, ec_);
    ASSERT_TRUE(permit) << ec_.message();
    EXPECT_EQ(former_permit("former/1").type(), wire::RespValue::Type::integer);
    EXPECT_EQ(former_permit("former/2").at(0).integer(), 0);
    EXPECT_FALSE(granted(locks_.acquire("key", {.share = Share{1, 2}}, ec_)));
    EXPECT_EQ(locks_.inspect("key").taken, 2);
    EXPECT_EQ(permit->release(ec_), ReleaseResult::released);
    EXPECT_EQ(former_permit("former/2").type(), wire::RespValue::Type::integer);
    EXPECT_FALSE(granted(locks_.acquire("key", {.share = Share{1, 2}}, ec_)));
}

TEST_F(UpgradeStep, LatchIsCountedDownByBothVersions) {
    CountDownLatch latch{locks_, "key", 2};
    const auto counted =
        former("latch", "fqwh", {"former/1", "60000", "9000000000000000", "1", "2"});
    EXPECT_EQ(counted.at(0).integer(), 1);
    EXPECT_EQ(latch.count(), 1);
    latch.count_down();
    EXPECT_TRUE(latch.try_wait());
    const auto open = former("latch", "fqwh", {"former/2", "60000", "9000000000000000", "0", "2"});
    EXPECT_EQ(open.at(0).integer(), 1) << "open";
}

}  // namespace
}  // namespace leaselock::versions
