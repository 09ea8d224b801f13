// Goal: software that does `SET key token NX PX ttl` and a compare-and-delete excludes leaselock
// and is excluded by it, and neither frees what the other holds. Method: the commands that such
// software sends, on a real redis-server, beside a manager.
#include <atomic>
#include <thread>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/fault_fixture.hpp"

namespace leaselock {
namespace {

using namespace support;

class Interop : public ::testing::Test {
  protected:
    std::string raw_acquire(const std::string& token, const std::string& ttl = "60000") {
        return server_.cli("SET", "p:key", token, "NX", "PX", ttl);
    }
    // What redlock, redis-py and others run to release.
    std::string raw_release(const std::string& token) {
        return server_.cli("EVAL",
                           "if redis.call('get', KEYS[1]) == ARGV[1] then "
                           "return redis.call('del', KEYS[1]) else return 0 end",
                           "1", "p:key", token);
    }

    RedisServer server_;
    LockManager locks_ = manager_on(server_.url());
    std::error_code ec_;
};

TEST_F(Interop, RawLockKeepsOursOutAndTellsHowLong) {
    ASSERT_EQ(raw_acquire("a-token-of-theirs"), "OK");
    EXPECT_FALSE(granted(locks_.acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::held) << ec_.message();
    try {
        const ScopedDistributedLock guard{locks_, "key"};
        FAIL() << "both hold it";
    } catch (const LockNotAcquired& contended) {
        EXPECT_EQ(contended.key(), "key");
        EXPECT_EQ(contended.owner(), "");
        EXPECT_GT(contended.remaining(), 30s);
        EXPECT_LE(contended.remaining(), 60s);
    }
    const LockInfo info = locks_.inspect("key");
    EXPECT_TRUE(info.held);
    EXPECT_EQ(info.owner, "");
    EXPECT_EQ(info.fencing_token, 0U);
}

TEST_F(Interop, OurLockKeepsRawOut) {
    const auto lock = locks_.acquire("key", {}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    EXPECT_EQ(raw_acquire("theirs"), "(nil)");
    EXPECT_EQ(raw_release("theirs"), "0");
    EXPECT_EQ(raw_release(""), "0");
    EXPECT_FALSE(granted(locks_.acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::held) << ec_.message();
}

TEST_F(Interop, RawReleaseFreesForUs) {
    ASSERT_EQ(raw_acquire("theirs"), "OK");
    EXPECT_EQ(raw_release("theirs"), "1");
    EXPECT_TRUE(locks_.acquire("key", {}, ec_)) << ec_.message();
}

TEST_F(Interop, RawReleaseEndsAWaitOfOurs) {
    ASSERT_EQ(raw_acquire("theirs"), "OK");
    std::atomic<bool> has_it{false};
    std::jthread waiter{[&] {
        std::error_code ec;
        const auto lock =
            locks_.acquire("key", {.wait_timeout = long_timeout, .retry_delay = 10ms}, ec);
        EXPECT_TRUE(lock) << ec.message();
        has_it = true;
    }};
    EXPECT_FALSE(has_it);
    EXPECT_EQ(raw_release("theirs"), "1");
    EXPECT_TRUE(poll_until([&] { return has_it.load(); }, long_timeout));
}

TEST_F(Interop, OurReleaseFreesForRaw) {
    auto lock = locks_.acquire("key", {}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_EQ(raw_acquire("theirs"), "OK");
}

TEST_F(Interop, RawLockThatExpiresIsOurs) {
    ASSERT_EQ(raw_acquire("theirs", "20"), "OK");
    EXPECT_TRUE(locks_.acquire("key", {.wait_timeout = long_timeout}, ec_)) << ec_.message();
}

// As after an expiry in the middle of a pause, or by software that does not ask.
TEST_F(Interop, OverwrittenLockIsLostAndLeftAlone) {
    for (const milliseconds min_hold : {0ms, 60'000ms}) {
        auto lock = locks_.acquire("key", {.min_hold = min_hold}, ec_);
        ASSERT_TRUE(lock) << ec_.message();
        server_.cli("SET", "p:key", "theirs", "PX", "60000");
        EXPECT_EQ(lock->release(ec_), ReleaseResult::lost) << ec_.message();
        EXPECT_EQ(server_.cli("GET", "p:key"), "theirs");
        server_.cli("DEL", "p:key");
    }
}

TEST_F(Interop, FenceRisesOverARawHolder) {
    auto first = locks_.acquire("key", {}, ec_);
    ASSERT_TRUE(first) << ec_.message();
    EXPECT_EQ(first->release(), ReleaseResult::released);
    ASSERT_EQ(raw_acquire("theirs"), "OK");
    EXPECT_EQ(locks_.inspect("key").fencing_token, 0U) << "ours is not theirs";
    EXPECT_EQ(raw_release("theirs"), "1");
    const auto second = locks_.acquire("key", {}, ec_);
    ASSERT_TRUE(second) << ec_.message();
    EXPECT_GT(second->fencing_token(), first->fencing_token());
}

// A value that begins like our own marks is still theirs.
TEST_F(Interop, RawTokensMayLookLikeAnything) {
    for (const std::string token : {"", "/", "kept:", "kept:me/1", "me", "\r\n", "0"}) {
        ASSERT_EQ(raw_acquire(token), "OK");
        EXPECT_FALSE(granted(locks_.acquire("key", {}, ec_)));
        EXPECT_EQ(ec_, Errc::held) << token;
        EXPECT_TRUE(locks_.inspect("key").held) << token;
        EXPECT_EQ(raw_release(token), "1") << token;
    }
}

}  // namespace
}  // namespace leaselock
