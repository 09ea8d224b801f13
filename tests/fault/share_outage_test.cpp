// Goal: what a server in trouble does to those who have shares, or wait for them, is what it does
// to holders of whole locks: the right family, no share that stays taken, no share too many; and
// what is deleted under them is lost and not shared with anybody. Method: a real redis-server,
// killed, stopped, emptied and limited under their feet.
#include <future>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <leaselock/count_down_latch.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "fault/fault_fixture.hpp"
#include "support/leaks.hpp"
#include "support/readers.hpp"

namespace leaselock {
namespace {

using namespace support;

constexpr const char* lock_key = "p:key";
constexpr LockOptions reading{.ttl = 10min, .share = shared};
constexpr LockOptions two_of_three{.ttl = 10min, .share = {2, 3}};

class ShareOutage : public ::testing::Test {
  protected:
    // A call of another thread that waits for a share, and has its entry.
    [[nodiscard]] std::future<Acquired<ScopedDistributedLock>> wait_for(Share share) {
        const int before = locks_.inspect("key").waiting;
        auto call = std::async(std::launch::async, [this, share] {
            return locks_.acquire("key", {.ttl = 10min, .wait_timeout = 50s, .share = share});
        });
        EXPECT_TRUE(poll_until([&] { return locks_.inspect("key").waiting > before; }));
        return call;
    }

    RedisServer server_;
    LockManager locks_ = manager_on(server_.url());
    std::error_code ec_;
};

TEST_F(ShareOutage, ServerThatForgetsHasNoHoldersAndGivesHigherFences) {
    auto reader = locks_.acquire("key", reading);
    ASSERT_TRUE(reader.has_value());
    server_.kill9();
    std::error_code down;
    EXPECT_FALSE(granted(locks_.acquire("key", reading, down)));
    EXPECT_EQ(down, Family::unavailable) << down.message();
    server_.restart();
    let_idle();
    auto permits = locks_.acquire("key", two_of_three, ec_);
    ASSERT_TRUE(permits) << ec_.message();
    EXPECT_GT(permits->fencing_token(), reader->fencing_token());
    EXPECT_EQ(reader->release(ec_), ReleaseResult::lost) << ec_.message();
    EXPECT_EQ(locks_.inspect("key").left(), 1);
}

TEST_F(ShareOutage, EachCommandSurvivesAServerThatForgetsItsScripts) {
    const auto forget = [&] { server_.cli("SCRIPT", "FLUSH"); };
    forget();
    auto lock = locks_.acquire("key", {.ttl = 10min});
    ASSERT_TRUE(lock.has_value());
    forget();
    lock->downgrade();
    forget();
    lock->extend(20min);
    forget();
    auto reader = locks_.acquire("key", reading);
    ASSERT_TRUE(reader.has_value());
    forget();
    EXPECT_TRUE(is_read_by(2, locks_.inspect("key")));
    forget();
    EXPECT_EQ(lock->release(ec_), ReleaseResult::released);
    EXPECT_EQ(reader->release(ec_), ReleaseResult::released);
    CountDownLatch latch{locks_, "latch", 1};
    forget();
    latch.count_down();
    forget();
    EXPECT_TRUE(latch.try_wait());
    forget();
    latch.reset();
    EXPECT_EQ(keys_without_ttl(server_), std::vector<std::string>{});
}

TEST_F(ShareOutage, PermitsWhoseReplyIsLostComeBack) {
    LockManager hasty = manager_on(server_.url(), short_timeout);
    expect_works(hasty);
    server_.pause();
    EXPECT_FALSE(granted(hasty.acquire("key", two_of_three, ec_)));
    EXPECT_EQ(ec_, Family::unknown) << ec_.message();
    server_.resume();
    EXPECT_TRUE(poll_until([&] {
        auto all = locks_.try_acquire("key", {.ttl = 10min, .share = {3, 3}});
        return all.has_value();
    })) << "the permits that were granted unseen are given back";
}

TEST_F(ShareOutage, DowngradeWhoseReplyIsLostIsReleasedInFull) {
    LockManager hasty = manager_on(server_.url(), short_timeout);
    auto lock = hasty.acquire("key", {.ttl = 10min});
    ASSERT_TRUE(lock.has_value());
    server_.pause();
    lock->downgrade(ec_);
    EXPECT_EQ(ec_, Family::unknown) << ec_.message();
    EXPECT_TRUE(lock->owns_lock());
    server_.resume();
    lock.reset();
    EXPECT_TRUE(poll_until([&] { return !locks_.inspect("key").held; }));
}

TEST_F(ShareOutage, DeletedKeyIsLostAndDoesNotComeBackWithTheNextHolder) {
    auto lost = locks_.acquire("key", reading);
    ASSERT_TRUE(lost.has_value());
    server_.cli("DEL", lock_key);
    auto next = locks_.acquire("key", reading);
    ASSERT_TRUE(next.has_value());
    EXPECT_TRUE(is_read_by(1, locks_.inspect("key")));
    lost->extend(20min, ec_);
    EXPECT_EQ(ec_, Errc::lost);
    EXPECT_TRUE(next->owns_lock());
    EXPECT_EQ(next->release(ec_), ReleaseResult::released);
    EXPECT_EQ(server_.cli("EXISTS", lock_key), "0");
}

// Nobody knows who has a share then, so nobody gets one.
TEST_F(ShareOutage, LockWhoseHoldersWereDeletedIsFullUntilItEnds) {
    auto reader = locks_.acquire("key", reading);
    ASSERT_TRUE(reader.has_value());
    server_.cli("DEL", "{p:key}:ll:h");
    EXPECT_FALSE(granted(locks_.try_acquire("key", reading, ec_)));
    EXPECT_EQ(ec_, Errc::held);
    EXPECT_FALSE(granted(locks_.try_acquire("key", {.ttl = 10min}, ec_)));
    EXPECT_EQ(ec_, Errc::held);
    server_.cli("PEXPIRE", lock_key, "1");
    EXPECT_TRUE(poll_until([&] { return granted(locks_.try_acquire("key", reading)); }));
}

TEST_F(ShareOutage, SomethingElseUnderTheKeyIsLeftAlone) {
    server_.cli("SADD", lock_key, "something");
    EXPECT_FALSE(granted(locks_.acquire("key", reading, ec_)));
    EXPECT_EQ(ec_, Errc::corrupt);
    CountDownLatch latch{locks_, "key", 2};
    latch.count_down(ec_);
    EXPECT_EQ(ec_, Errc::corrupt);
    EXPECT_EQ(server_.cli("SCARD", lock_key), "1");
}

TEST_F(ShareOutage, ForeignLockKeepsReadersOutAndTheOtherWayRound) {
    server_.cli("SET", lock_key, "foreign", "NX", "PX", "600000");
    EXPECT_FALSE(granted(locks_.try_acquire("key", reading, ec_)));
    EXPECT_EQ(ec_, Errc::held);
    server_.cli("DEL", lock_key);
    const auto reader = locks_.acquire("key", reading);
    ASSERT_TRUE(reader.has_value());
    EXPECT_EQ(server_.cli("SET", lock_key, "foreign", "NX", "PX", "600000"), "(nil)");
}

TEST_F(ShareOutage, ReadersWhoAreNotToldComeInByPolling) {
    server_.cli("ACL", "SETUSER", "default", "-publish");
    auto writer = locks_.acquire("key", {.ttl = 10min});
    auto first = wait_for(shared);
    auto second = wait_for(shared);
    EXPECT_EQ(writer->release(ec_), ReleaseResult::released) << ec_.message();
    const auto one = first.get();
    const auto other = second.get();
    ASSERT_TRUE(one && other);
    EXPECT_TRUE(is_read_by(2, locks_.inspect("key")));
    EXPECT_EQ(locks_.inspect("key").waiting, 0);
}

TEST_F(ShareOutage, ReadersWhoseSubscriberWasKilledComeInByPolling) {
    auto writer = locks_.acquire("key", {.ttl = 10min});
    auto first = wait_for(shared);
    auto second = wait_for(shared);
    server_.cli("CLIENT", "KILL", "TYPE", "pubsub");
    EXPECT_EQ(writer->release(ec_), ReleaseResult::released) << ec_.message();
    const auto one = first.get();
    const auto other = second.get();
    ASSERT_TRUE(one && other);
    EXPECT_TRUE(one->owns_lock() && other->owns_lock());
}

TEST_F(ShareOutage, FullMemoryGivesNothingAndTakesEverythingBack) {
    auto reader = locks_.acquire("key", reading);
    ASSERT_TRUE(reader.has_value());
    server_.cli("CONFIG", "SET", "maxmemory", "1");
    EXPECT_FALSE(granted(locks_.acquire("key", reading, ec_)));
    EXPECT_EQ(ec_, Errc::out_of_memory);
    CountDownLatch latch{locks_, "latch", 1};
    latch.count_down(ec_);
    EXPECT_EQ(ec_, Errc::out_of_memory);
    EXPECT_TRUE(is_read_by(1, locks_.inspect("key")));
    EXPECT_EQ(reader->release(ec_), ReleaseResult::released) << ec_.message();
    EXPECT_FALSE(locks_.inspect("key").held);
}

}  // namespace
}  // namespace leaselock
