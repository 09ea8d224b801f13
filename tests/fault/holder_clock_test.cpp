// Goal: steps of the server's wall clock, where one Redis cannot promise exclusion, do what the
// documentation says and no worse: overlaps are counted and reported, fences stay in order, a
// fenced resource loses nothing, and holders are notified soon. Steps of the client's clock do
// nothing at all; see holder_process_test.cpp. Method: a real redis-server with a clock that the
// test steps.
#include <string>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/holder_fixture.hpp"

namespace leaselock {
namespace {

using namespace support;

class ServerClock : public ::testing::Test {
  protected:
    RedisServer server_{{}, WallClock::steppable};
    std::shared_ptr<Told> told_ = std::make_shared<Told>();
    LockManager locks_ = told_manager(told_, backend_on(server_.url()));
    LockManager other_ = told_manager(std::make_shared<Told>(), backend_on(server_.url()), "other");
    std::error_code ec_;
};

// Documented as unsafe: the server takes the lease for ended.
TEST_F(ServerClock, Row33StepForwardGrantsTwiceWithAHigherFenceAndTheFirstIsTold) {
    TwoHolders holders;
    ASSERT_TRUE(holders.begin(locks_, patient_ttl));
    const LossWatch loss{holders.first()};
    server_.step_clock(60s);
    holders.overlap(other_);
    holders.tell("server clock +60 s");
    ASSERT_TRUE(loss.fires()) << "the next renewal is answered by no";
    expect_lost(holders.first());
    EXPECT_TRUE(holders.second().owns_lock());
    EXPECT_EQ(holders.first().release(ec_), ReleaseResult::lost) << ec_.message();
    EXPECT_EQ(told_->lost, 1);
}

// An acquire says until when it may run, in the server's time as it was. It is not in vain.
TEST_F(ServerClock, Row33StepForwardFailsNoAcquire) {
    expect_works(locks_);
    server_.step_clock(60s);
    expect_works(locks_);
    server_.step_clock(-60s);
    expect_works(locks_);
}

// Documented as unsafe, but not for exclusion: a holder that went away keeps the key for an hour.
TEST_F(ServerClock, Row34StepBackKeepsALockBehindItsTtlAndIsSeenAndTheGuardStillFreesIt) {
    ScopedDistributedLock lock{locks_, "key", {.ttl = brief_ttl, .renewal = Renewal::off}};
    const LossWatch loss{lock};
    server_.step_clock(-1h);
    ASSERT_TRUE(loss.fires());
    expect_lost(lock);
    EXPECT_FALSE(granted(other_.acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::held) << ec_.message();
    const LockInfo seen = other_.inspect("key");
    EXPECT_TRUE(seen.held);
    EXPECT_EQ(seen.owner, "me");
    EXPECT_GT(seen.remaining, 59min) << "more than any ttl that was asked for";
    EXPECT_EQ(lock.release(ec_), ReleaseResult::released) << "its token is there still";
    expect_works(other_, "key");
}

TEST_F(ServerClock, Row34StepBackUnderAHolderThatIsRenewedChangesNothing) {
    ScopedDistributedLock lock{locks_, "key", {.ttl = patient_ttl}};
    const auto first_end = boot_clock()->now() + patient_ttl;
    server_.step_clock(-1h);
    ASSERT_TRUE(poll_until([&] { return told_->renewed > 0; }));
    EXPECT_GT(believed_until(lock), first_end);
    EXPECT_FALSE(granted(other_.acquire("key", {}, ec_)));
    const std::uint64_t fence = lock.fencing_token();
    EXPECT_EQ(lock.release(ec_), ReleaseResult::released) << ec_.message();
    const auto next = other_.acquire("key", {}, ec_);
    ASSERT_TRUE(next) << ec_.message();
    EXPECT_GT(next->fencing_token(), fence) << "by the counter";
}

// Documented as unsafe for fences: the counter is lost, and the clock that would make up for it
// goes back. It is reported, and found by the checker.
TEST_F(ServerClock, Row34StepBackTogetherWithLostDataPutsFencesOutOfOrder) {
    const TempDir directory;
    History history{directory.file("history")};
    for (const bool is_stepped : {false, true}) {
        if (is_stepped) {
            server_.step_clock(-1h);
            server_.cli("FLUSHALL");
        }
        auto lock = RecordedLock::acquire(history, locks_, "key", {.ttl = 1min}, ec_);
        ASSERT_TRUE(lock) << ec_.message();
        EXPECT_TRUE(lock->owns_lock());
        EXPECT_EQ(lock->lock().release(ec_), ReleaseResult::released) << ec_.message();
    }
    const Verdict verdict = check(history.read(), Overlaps::may_be);
    std::printf("server clock -1 h and its data lost: %zu fences out of order\n",
                verdict.disorders.size());
    EXPECT_EQ(verdict.disorders.size(), 1U);
    EXPECT_TRUE(verdict.overlaps.empty()) << verdict.text();
}

}  // namespace
}  // namespace leaselock
