// Goal: a holder whose server is there and says no learns the truth: scripts that are flushed,
// full memory, a lack of replicas or of a disk and a demotion are no loss; a key that is gone,
// foreign or evicted is one, and what is foreign is left alone. Method: a real redis-server,
// brought into each state by its own commands. The numbers are those of the fault matrix.
#include <atomic>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/holder_fixture.hpp"
#include "support/free_port.hpp"
#include "support/leaks.hpp"
#include "support/weather_proxy.hpp"

namespace leaselock {
namespace {

using namespace support;

class HolderRefusal : public ::testing::Test {
  protected:
    void config(const std::string& name, const std::string& value) {
        EXPECT_EQ(server_.cli("CONFIG", "SET", name, value), "OK");
    }
    // A renewal meets the trouble and learns what it is; the holder goes on, and is renewed when
    // the trouble is over.
    void expect_held_through(Errc what, const std::function<void()>& trouble,
                             const std::function<void()>& heal) {
        ScopedDistributedLock lock{locks_, "key", {.ttl = patient_ttl}};
        const Clock::time_point first_end = boot_clock()->now() + patient_ttl;
        trouble();
        ASSERT_TRUE(poll_until([&] { return told_->last_error() == what; }));
        lock.ensure();
        heal();
        const int before = told_->renewed;
        ASSERT_TRUE(poll_until([&] { return told_->renewed > before; }));
        EXPECT_GT(believed_until(lock), first_end);
        EXPECT_EQ(told_->lost, 0);
        EXPECT_EQ(lock.release(ec_), ReleaseResult::released) << ec_.message();
    }
    // Something happens to the key under a holder, which learns it by its next renewal, and not
    // because one failed after the other until the deadline.
    void expect_lost_by(const std::function<void()>& trouble) {
        ScopedDistributedLock lock{locks_, "key", {.ttl = patient_ttl}};
        const LossWatch loss{lock};
        trouble();
        ASSERT_TRUE(loss.fires());
        EXPECT_EQ(locks_.stats().renewals_failed, 0U);
        expect_lost(lock);
        EXPECT_EQ(lock.release(ec_), ReleaseResult::lost) << ec_.message();
        EXPECT_EQ(loss.fired(), 1);
        EXPECT_TRUE(poll_until([&] { return told_->released == 1; }));
        EXPECT_EQ(told_->lost, 1);
        fence_ = lock.fencing_token();
    }
    void expect_higher_fence() {
        const auto next = locks_.acquire("key", {}, ec_);
        ASSERT_TRUE(next) << ec_.message();
        EXPECT_GT(next->fencing_token(), fence_);
    }

    RedisServer server_{{"--enable-protected-configs", "yes"}};
    WeatherProxy proxy_{server_.port()};
    std::shared_ptr<Told> told_ = std::make_shared<Told>();
    LockManager locks_ = told_manager(told_, backend_on(proxy_.url()));
    std::error_code ec_;
    std::uint64_t fence_ = 0;
};

// Releases that nobody waits for meet the flush too, and are sent again before the same thread's
// next acquire finds that its own lock is in the way.
TEST_F(HolderRefusal, Row18FlushedScriptsFailNothingAndNoThreadMeetsItsOwnLock) {
    ScopedDistributedLock held{locks_, "held", {.ttl = patient_ttl}};
    std::atomic<bool> is_over{false};
    std::atomic<int> flushes{0};
    std::jthread flusher{[&] {
        while (!is_over) {
            server_.cli("SCRIPT", "FLUSH");
            ++flushes;
        }
    }};
    {
        std::vector<std::jthread> threads;
        threads.reserve(4);
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, key = "key" + std::to_string(i)] {
                for (int n = 0; n < 500; ++n) {
                    std::error_code ec;
                    const auto lock = locks_.acquire(key, {.ttl = 10min}, ec);
                    EXPECT_TRUE(lock) << ec.message() << " in section " << n;
                }
            });
        }
    }
    EXPECT_TRUE(poll_until([&] { return told_->renewed > 0; }));
    is_over = true;
    flusher.join();
    EXPECT_GT(flushes, 10);
    held.ensure();
    EXPECT_EQ(held.release(ec_), ReleaseResult::released) << ec_.message();
    const LockStats stats = locks_.stats();
    EXPECT_EQ(stats.failed + stats.contended + stats.lost + stats.renewals_failed, 0U);
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(
            poll_until([&] { return server_.cli("EXISTS", "p:key" + std::to_string(i)) == "0"; }));
    }
    EXPECT_TRUE(keys_without_ttl(server_).empty());
}

// Pain 1 of the survey.
TEST_F(HolderRefusal, Row19HolderIsToldThatAFlushTookItsLockAndFencesGoOn) {
    expect_lost_by([&] { server_.cli("FLUSHALL"); });
    EXPECT_EQ(server_.cli("EXISTS", "p:key"), "0") << "a renewal makes no lock";
    expect_higher_fence();
}

TEST_F(HolderRefusal, Row20HolderIsToldThatItsKeyWasDeleted) {
    expect_lost_by([&] { server_.cli("DEL", "p:key"); });
    EXPECT_EQ(server_.cli("EXISTS", "p:key"), "0") << "a renewal makes no lock";
    expect_higher_fence();
}

TEST_F(HolderRefusal, Row20HolderIsToldThatItsKeyWasOverwrittenAndLeavesTheOtherOneAlone) {
    expect_lost_by([&] { server_.cli("SET", "p:key", "foreign", "PX", "600000"); });
    EXPECT_EQ(server_.cli("GET", "p:key"), "foreign");
    EXPECT_GT(std::stoll(server_.cli("PTTL", "p:key")), 500'000) << "not renewed by us either";
}

TEST_F(HolderRefusal, Row21HolderIsToldThatItsKeyIsNoLockAnyMoreAndLeavesItAlone) {
    expect_lost_by([&] {
        server_.cli("DEL", "p:key");
        server_.cli("RPUSH", "p:key", "a");
    });
    EXPECT_EQ(server_.cli("TYPE", "p:key"), "list");
    EXPECT_EQ(server_.cli("PTTL", "p:key"), "-1");
    EXPECT_FALSE(granted(locks_.acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::corrupt) << ec_.message();
}

TEST_F(HolderRefusal, Row22OutOfMemoryLetsHoldersRenewAndReleaseAndGrantsNothing) {
    std::optional<ScopedDistributedLock> lock{std::in_place, locks_, "key",
                                              LockOptions{.ttl = patient_ttl}};
    const Clock::time_point first_end = boot_clock()->now() + patient_ttl;
    config("maxmemory", "1");
    expect_cannot_acquire(locks_, Errc::out_of_memory);
    ASSERT_TRUE(poll_until([&] { return told_->renewed > 0; }));
    EXPECT_GT(believed_until(*lock), first_end);
    EXPECT_EQ(locks_.stats().renewals_failed, 0U);
    lock.reset();
    EXPECT_TRUE(poll_until([&] { return server_.cli("EXISTS", "p:key") == "0"; }));
    config("maxmemory", "0");
    expect_works(locks_, "key");
}

// Fillers have no ttl, so this policy has nothing to evict but locks.
TEST_F(HolderRefusal, Row23HolderIsToldThatItsKeyWasEvicted) {
    expect_lost_by([&] {
        config("maxmemory-policy", "volatile-ttl");
        config("maxmemory",
               std::to_string(std::stoll(info(server_, "memory", "used_memory")) + 100'000));
        const std::string filler(10'000, 'x');
        for (int i = 0; i < 1000 && server_.cli("EXISTS", "p:key") == "1"; ++i) {
            try {
                server_.cli("SET", "filler" + std::to_string(i), filler);
            } catch (const std::runtime_error& full) {
                EXPECT_EQ(std::string{full.what()}.rfind("OOM", 0), 0U) << full.what();
            }
        }
        ASSERT_EQ(server_.cli("EXISTS", "p:key"), "0") << "nothing was evicted";
    });
    config("maxmemory", "0");
    expect_higher_fence();
}

TEST_F(HolderRefusal, Row24TooFewReplicasIsNoLoss) {
    expect_held_through(
        Errc::not_enough_replicas, [&] { config("min-replicas-to-write", "2"); },
        [&] { config("min-replicas-to-write", "0"); });
}

TEST_F(HolderRefusal, Row24TooFewReplicasForLongerThanTheLeaseEndsItAtTheDeadline) {
    ScopedDistributedLock lock{locks_, "key", {.ttl = brief_ttl}};
    const LossWatch loss{lock};
    config("min-replicas-to-write", "2");
    const Clock::time_point refused = boot_clock()->now();
    const auto last = last_yes(lock);
    ASSERT_TRUE(last);
    EXPECT_LT(*last, refused + brief_ttl);
    ASSERT_TRUE(loss.fires());
    expect_lost(lock);
    EXPECT_EQ(lock.release(ec_), ReleaseResult::unknown) << "it may be there still";
    EXPECT_EQ(ec_, Errc::not_enough_replicas) << ec_.message();
    config("min-replicas-to-write", "0");
    EXPECT_TRUE(poll_until([&] { return locks_.stats().cleanups_now == 0; }));
    EXPECT_EQ(server_.cli("EXISTS", "p:key"), "0");
}

TEST_F(HolderRefusal, Row25ServerThatCannotPersistIsNoLoss) {
    expect_held_through(
        Errc::misconfigured,
        [&] {
            {
                const TempDir gone;
                config("dir", gone.path().string());
            }
            config("save", "3600 1");
            server_.cli("BGSAVE");
        },
        [&] { config("stop-writes-on-bgsave-error", "no"); });
}

TEST_F(HolderRefusal, Row26DemotedServerIsNoLossAndIsAskedAgainWhenItIsTheMasterAgain) {
    expect_held_through(
        Errc::read_only,
        [&] { server_.cli("REPLICAOF", "127.0.0.1", std::to_string(free_port())); },
        [&] { server_.cli("REPLICAOF", "NO", "ONE"); });
}

// The address leads to the new master, and the old one says so by READONLY to a renewal; what comes
// after it goes by a new connection.
TEST_F(HolderRefusal, Row26HolderIsRenewedByTheNewMasterWhenItsDataCameAlong) {
    RedisServer next;
    expect_held_through(
        Errc::read_only,
        [&] {
            next.cli("REPLICAOF", "127.0.0.1", std::to_string(server_.port()));
            ASSERT_TRUE(poll_until([&] { return next.cli("EXISTS", "p:key") == "1"; }));
            next.cli("REPLICAOF", "NO", "ONE");
            server_.cli("REPLICAOF", "127.0.0.1", std::to_string(next.port()));
        },
        [&] { proxy_.lead_to(next.port()); });
    EXPECT_TRUE(poll_until([&] { return next.cli("EXISTS", "p:key") == "0"; }));
}

// A replica that has never heard of the lock would say "not yours".
TEST_F(HolderRefusal, Row27NoOfAStaleReplicaIsNoLoss) {
    RedisServer stale;
    stale.cli("REPLICAOF", "127.0.0.1", std::to_string(free_port()));
    expect_held_through(
        Errc::read_only,
        [&] {
            proxy_.lead_to(stale.port());
            proxy_.drop_all();
        },
        [&] {
            proxy_.lead_to(server_.port());
            proxy_.drop_all();
        });
}

// The right to renew is taken, too: no answer of the store is a proof before the deadline.
TEST_F(HolderRefusal, Row51RightThatIsTakenAndGivenBackIsNoLoss) {
    expect_held_through(
        Errc::access_denied, [&] { server_.cli("ACL", "SETUSER", "default", "-pexpire"); },
        [&] { server_.cli("ACL", "SETUSER", "default", "+pexpire"); });
}

TEST_F(HolderRefusal, Row60ForgedTokenNeitherRenewsNorReleases) {
    ScopedDistributedLock lock{locks_, "key", {.ttl = 10min}};
    const auto backend = backend_on(server_.url());
    const std::string token = server_.cli("GET", "p:key");
    std::string near = token;
    near.back() = near.back() == '0' ? '1' : '0';
    for (const std::string& forged : {near, token + "0", token.substr(0, token.size() - 1),
                                      std::string("me/"), "kept:" + token}) {
        EXPECT_EQ(run(*backend, Verb::renew, "p:key", forged, 1h).outcome, Outcome::lost) << forged;
        EXPECT_EQ(run(*backend, Verb::release, "p:key", forged).outcome, Outcome::lost) << forged;
    }
    EXPECT_LT(std::stoll(server_.cli("PTTL", "p:key")), 600'001);
    EXPECT_EQ(server_.cli("GET", "p:key"), token);
    EXPECT_EQ(lock.release(ec_), ReleaseResult::released) << ec_.message();
}

}  // namespace
}  // namespace leaselock
