// Goal: with wait_replicas a grant and a renewal count only when so many replicas have them, a
// hand-off when the waiter's own write is there, and what they do not have is released and said.
// Method: a real master and a real replica, which is stopped, and goes on.
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/fault_fixture.hpp"

namespace leaselock {
namespace {

using namespace support;

class Replicas : public ::testing::Test {
  protected:
    Replicas() {
        replica_.cli("REPLICAOF", "127.0.0.1", std::to_string(master_.port()));
        EXPECT_TRUE(
            poll_until([&] { return info(replica_, "replication", "master_link_status") == "up"; },
                       long_timeout));
        EXPECT_TRUE(poll_until([&] { return master_.cli("WAIT", "1", "1000") == "1"; }));
    }
    // Of one replica, within that time.
    LockManager manager(milliseconds time = 10s, int replicas = 1) {
        return manager_on(make_redis_backend({.url = master_.url(),
                                              .connect_timeout = long_timeout,
                                              .command_timeout = long_timeout,
                                              .wait_replicas = replicas,
                                              .wait_replicas_timeout = time}));
    }
    static std::string holder(RedisServer& server) { return server.cli("GET", "p:key"); }
    // What an acquire says, with its text in `text_`.
    Errc refusal(LockManager& locks, const LockOptions& options = {}) {
        try {
            const auto lock = locks.acquire("key", options);
            return lock ? Errc{} : Errc::held;
        } catch (const LockError& error) {
            text_ = error.what();
            return static_cast<Errc>(error.code().value());
        }
    }

    RedisServer master_{{"--repl-diskless-sync-delay", "0", "--repl-timeout", "3600"}};
    RedisServer replica_;
    std::string text_;
};

// Without a poll that waits: it has it when acquire returns.
TEST_F(Replicas, HaveTheLockWhenItIsGranted) {
    LockManager locks = manager();
    for (int i = 0; i < 20; ++i) {
        auto lock = locks.acquire("key");
        ASSERT_TRUE(lock);
        EXPECT_EQ(holder(replica_), holder(master_));
        EXPECT_NE(holder(replica_), "(nil)");
        EXPECT_EQ(lock->release(), ReleaseResult::released);
    }
}

TEST_F(Replicas, TooFewReleaseTheLockAndAreSaid) {
    LockManager locks = manager(10ms, 2);
    EXPECT_EQ(refusal(locks), Errc::not_replicated);
    EXPECT_NE(text_.find(" of 2 replicas acknowledged it within 10 ms"), std::string::npos)
        << text_;
    EXPECT_TRUE(poll_until([&] { return holder(master_) == "(nil)"; }));
    LockManager enough = manager();
    expect_works(enough);
}

TEST_F(Replicas, RenewalThatTheyDoNotHaveDoesNotProlongTheLease) {
    LockManager locks = manager(50ms);
    std::optional<ScopedDistributedLock> lock;
    ASSERT_TRUE(poll_until([&] {
        std::error_code ec;
        lock = locks.acquire("key", {.ttl = 5s}, ec);
        return lock.has_value();
    }));
    replica_.pause();
    const auto paused = boot_clock()->now();
    EXPECT_TRUE(poll_until([&] { return !lock->owns_lock(); }, patience * 5s));
    EXPECT_GE(boot_clock()->now() - paused, 1s) << "what it had acknowledged counts";
    replica_.resume();
}

TEST_F(Replicas, RenewalThatTheyHaveProlongsIt) {
    LockManager locks = manager();
    auto lock = locks.acquire("key", {.ttl = 3s});
    ASSERT_TRUE(lock);
    const auto until = boot_clock()->now() + 4s;
    ASSERT_TRUE(poll_until([&] { return boot_clock()->now() > until; }));
    EXPECT_TRUE(lock->owns_lock());
    EXPECT_EQ(holder(replica_), holder(master_));
    EXPECT_EQ(lock->release(), ReleaseResult::released);
}

TEST_F(Replicas, HaveALockThatWasHandedOverWhenItsWaiterHasIt) {
    LockManager locks = manager();
    LockManager others = manager();
    auto held = locks.acquire("key");
    ASSERT_TRUE(held);
    const std::string former = holder(master_);
    std::string seen;
    std::jthread waiter{[&] {
        const auto lock = others.acquire("key", {.wait_timeout = 30s});
        if (lock) seen = holder(replica_);
    }};
    ASSERT_TRUE(poll_until([&] { return locks.inspect("key").waiting == 1; }));
    EXPECT_EQ(held->release(), ReleaseResult::released);
    waiter.join();
    EXPECT_NE(seen, "");
    EXPECT_NE(seen, "(nil)");
    EXPECT_NE(seen, former);
}

TEST_F(Replicas, HandOffThatTheyDoNotHaveIsNotBelieved) {
    LockManager locks = manager();
    LockManager others = manager(20ms);
    auto held = locks.acquire("key", {.ttl = 60s});
    ASSERT_TRUE(held);
    Errc error{};
    std::jthread waiter{[&] { error = refusal(others, {.wait_timeout = 3s}); }};
    ASSERT_TRUE(poll_until([&] { return locks.inspect("key").waiting == 1; }));
    replica_.pause();
    EXPECT_EQ(held->release(), ReleaseResult::released) << "needs no replica";
    waiter.join();
    EXPECT_EQ(error, Errc::not_replicated) << make_error_code(error).message();
    replica_.resume();
    EXPECT_TRUE(poll_until([&] { return holder(master_) == "(nil)"; }));
}

TEST_F(Replicas, UserWithoutTheRightIsToldSo) {
    master_.cli("ACL", "SETUSER", "default", "-wait");
    LockManager locks = manager();
    EXPECT_EQ(refusal(locks), Errc::access_denied);
    EXPECT_TRUE(poll_until([&] { return holder(master_) == "(nil)"; }));
}

TEST_F(Replicas, OneWaitIsForAllThatLeftTogether) {
    LockManager locks = manager();
    expect_works(locks);
    const auto calls = [&] {
        const std::string text = info(master_, "commandstats", "cmdstat_wait");
        return std::stoi(text.substr(text.find('=') + 1));
    };
    const int before = calls();
    constexpr int threads = 8;
    constexpr int rounds = 50;
    {
        std::vector<std::jthread> all;
        for (int i = 0; i < threads; ++i) {
            all.emplace_back([&, i] {
                for (int n = 0; n < rounds; ++n) {
                    const auto lock = locks.acquire("key-" + std::to_string(i));
                    EXPECT_TRUE(lock);
                }
            });
        }
    }
    EXPECT_LE(calls() - before, threads * rounds);
    EXPECT_GT(calls() - before, 0);
}

}  // namespace
}  // namespace leaselock
