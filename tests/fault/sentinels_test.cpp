// Goal: commands go to the server that the Sentinels name now, and to no other: not to a replica,
// not to a master that was replaced, whatever it says of itself; where no master can be found the
// error says why. Method: Sentinels of the test's own, which name real servers that know nothing of
// each other.
#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/fence_guard.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "fault/sentinels_fixture.hpp"
#include "support/free_port.hpp"

namespace leaselock {
namespace {

using namespace support;

TEST_F(RedisSentinels, CommandsGoToTheMasterThatIsNamed) {
    LockManager locks = manager_on(url());
    name_all(second_.port(), 1);
    auto lock = locks.acquire("key");
    ASSERT_TRUE(lock);
    EXPECT_TRUE(has_lock(second_));
    EXPECT_FALSE(has_lock(first_));
}

TEST_F(RedisSentinels, EachConnectAsksAgain) {
    LockManager locks = manager_on(url());
    expect_works(locks);
    first_.kill9();
    name_all(second_.port(), 2);
    // The connection that broke may cost an attempt, of unknown outcome.
    ASSERT_TRUE(poll_until([&] { return refusal(locks) == Errc{}; }, long_timeout));
    expect_works(locks);
    EXPECT_EQ(info(second_, "commandstats", "cmdstat_role").empty(), false);
}

// The old master is there and takes what it is given.
class LeavesTheOldMaster : public RedisSentinels {
  protected:
    void expect_left(const std::function<void()>& replace) {
        LockManager locks = manager_on(url());
        auto lock = locks.acquire("key", {.ttl = 60s});
        ASSERT_TRUE(lock);
        ASSERT_TRUE(has_lock(first_));
        ASSERT_TRUE(poll_until([&] {
            return std::any_of(sentinels_.begin(), sentinels_.end(),
                               [](const ScriptedSentinel& each) { return each.has_subscriber(); });
        }));
        replace();
        // Nobody asks for a lock meanwhile.
        EXPECT_TRUE(poll_until(
            [&] {
                return first_.cli("CLIENT", "LIST", "TYPE", "normal").find("cmd=eval") ==
                       std::string::npos;
            },
            long_timeout));
        EXPECT_TRUE(locks.acquire("other"));
        EXPECT_EQ(first_.cli("EXISTS", "p:other"), "0");
        EXPECT_EQ(lock->release(), ReleaseResult::lost) << "the new master does not have it";
    }
};

TEST_F(LeavesTheOldMaster, WhenAPollFindsANewOne) {
    expect_left([&] { name_all(second_.port(), 2); });
}

TEST_F(LeavesTheOldMaster, AtOnceWhenASentinelSaysSo) {
    expect_left([&] {
        name_all(second_.port(), 2);
        for (ScriptedSentinel& each : sentinels_) each.announce(first_.port(), second_.port());
    });
}

// The one that is heard is cut off from the others, together with the old master.
TEST_F(LeavesTheOldMaster, WhenAnotherSentinelThanTheOneThatIsHeardNamesANewOne) {
    expect_left([&] {
        for (ScriptedSentinel& each : sentinels_) {
            if (!each.has_subscriber()) each.name_master(second_.port(), 2);
        }
    });
}

// One that lags behind, and one that is away: half of them say so, and that is older than what is
// known.
TEST_F(RedisSentinels, NeverGoesBackToAnOlderMaster) {
    LockManager locks = manager_on(url());
    name_all(second_.port(), 2);
    expect_works(locks);
    second_.kill9();
    name_all(first_.port(), 1);
    EXPECT_EQ(refusal(locks) == Errc{}, false);
    ASSERT_TRUE(poll_until([&] {
        (void)refusal(locks);
        return text_.find("lag behind") != std::string::npos;
    }));
    EXPECT_EQ(first_.cli("EXISTS", "p:key"), "0");
    second_.restart();
    name_all(second_.port(), 2);
    ASSERT_TRUE(poll_until([&] { return refusal(locks) == Errc{}; }, long_timeout));
}

TEST_F(RedisSentinels, OfSeveralAnswersTheNewestIsBelieved) {
    for (const std::size_t older : {0U, 1U, 2U}) {
        name_all(second_.port(), 2);
        sentinels_[older].name_master(first_.port(), 1);
        LockManager locks = manager_on(url());
        expect_works(locks);
    }
    EXPECT_EQ(info(first_, "commandstats", "cmdstat_evalsha"), "");
}

// By two names it would be most of them alone, and could lag behind.
TEST_F(RedisSentinels, OneThatHasTwoNamesCountsOnce) {
    sentinels_[1].is_also(sentinels_[0]);
    sentinels_[2].name_master(second_.port(), 2);
    LockManager locks = manager_on(url());
    expect_works(locks);
    EXPECT_EQ(info(first_, "commandstats", "cmdstat_evalsha"), "");
    std::vector<Finding> findings;
    const StoreNodes all = backend_on(url())->nodes(findings);
    ASSERT_GE(all.nodes.size(), 3U);
    EXPECT_EQ(all.nodes[0].state.find("same"), std::string::npos) << all.nodes[0].state;
    EXPECT_NE(all.nodes[1].state.find("the same Sentinel as " + sentinels_[0].host()),
              std::string::npos)
        << all.nodes[1].state;
    EXPECT_EQ(all.nodes[2].state.find("same"), std::string::npos) << all.nodes[2].state;
}

// One alone, by two names: what it says is all there is.
TEST_F(RedisSentinels, OneThatIsAloneUnderTwoNamesIsBelieved) {
    sentinels_[1].is_also(sentinels_[0]);
    LockManager locks = manager_on("redis+sentinel://" + sentinels_[0].host() + ',' +
                                   sentinels_[1].host() + "/mymaster");
    expect_works(locks);
}

// Fault row 29: a master with some of the Sentinels, its replicas and some of the clients is cut
// off from the others, who have another master by now. For a while it goes on: what it grants then
// is granted twice, and the resource refuses the older one.
TEST_F(RedisSentinels, Row29MasterThatIsCutOffGrantsNoLongerThanItsReplicasLagAndFencesTell) {
    RedisServer stopped{{"--repl-diskless-sync-delay", "0"}};
    first_.cli("CONFIG", "SET", "min-replicas-to-write", "1");
    for (RedisServer* const each : {&second_, &stopped}) {
        each->cli("REPLICAOF", "127.0.0.1", std::to_string(first_.port()));
    }
    ASSERT_TRUE(
        poll_until([&] { return info(first_, "replication", "min_slaves_good_slaves") == "2"; },
                   long_timeout));
    LockManager inside = manager_on("redis+sentinel://" + sentinels_[0].host() + "/mymaster");
    auto held = inside.acquire("key", {.ttl = 3s});
    ASSERT_TRUE(held);
    ASSERT_TRUE(poll_until([&] { return has_lock(second_); }));

    // Its link lives on, so it counts until its silence is long enough.
    stopped.pause();
    second_.cli("REPLICAOF", "NO", "ONE");
    for (const std::size_t each : {1U, 2U}) sentinels_[each].name_master(second_.port(), 2);
    LockManager outside = manager_on("redis+sentinel://" + sentinels_[1].host() + ',' +
                                     sentinels_[2].host() + "/mymaster");
    const auto older = inside.acquire("twice");
    const auto newer = outside.acquire("twice");
    ASSERT_TRUE(older && newer);
    FenceGuard resource;
    EXPECT_TRUE(resource.admit(newer->fencing_token()));
    EXPECT_FALSE(resource.admit(older->fencing_token()));

    first_.cli("CONFIG", "SET", "min-replicas-max-lag", "1");
    // The last one that is granted may stay, since its release is refused.
    const auto is_refused = [&, n = 0]() mutable {
        std::error_code ec;
        (void)granted(inside.acquire("other-" + std::to_string(n++), {}, ec));
        return ec == Errc::not_enough_replicas;
    };
    EXPECT_TRUE(poll_until(is_refused, long_timeout));
    EXPECT_TRUE(poll_until([&] { return !held->owns_lock(); }, long_timeout));
    const auto next = outside.acquire("key", {.wait_timeout = long_timeout});
    ASSERT_TRUE(next);
    EXPECT_GT(next->fencing_token(), held->fencing_token());
    stopped.resume();
}

// Fault row 27: what a replica says of a lock proves nothing.
TEST_F(RedisSentinels, ReplicaGetsNoCommand) {
    second_.cli("REPLICAOF", "127.0.0.1", std::to_string(first_.port()));
    name_all(second_.port(), 2);
    LockManager locks = manager_on(url());
    EXPECT_EQ(refusal(locks), Errc::read_only);
    EXPECT_NE(text_.find("role is 'slave'"), std::string::npos) << text_;
    EXPECT_EQ(info(second_, "commandstats", "cmdstat_evalsha"), "");
    second_.cli("REPLICAOF", "NO", "ONE");
    ASSERT_TRUE(poll_until([&] { return refusal(locks) == Errc{}; }, long_timeout));
}

// Fault row 26: the connection lasts, and the first write says READONLY.
TEST_F(RedisSentinels, DemotionIsNoLossIfTheNewMasterHasTheLock) {
    second_.cli("REPLICAOF", "127.0.0.1", std::to_string(first_.port()));
    ASSERT_TRUE(poll_until(
        [&] { return info(second_, "replication", "master_link_status") == "up"; }, long_timeout));
    LockManager locks = manager_on(url());
    auto lock = locks.acquire("key", {.ttl = 9s});
    ASSERT_TRUE(lock);
    ASSERT_TRUE(poll_until([&] { return has_lock(second_); }));
    second_.cli("REPLICAOF", "NO", "ONE");
    first_.cli("REPLICAOF", "127.0.0.1", std::to_string(second_.port()));
    name_all(second_.port(), 2);
    const std::string before = info(second_, "commandstats", "cmdstat_evalsha");
    EXPECT_TRUE(poll_until(
        [&] { return info(second_, "commandstats", "cmdstat_evalsha") != before; }, long_timeout));
    EXPECT_TRUE(lock->owns_lock());
    EXPECT_EQ(lock->release(), ReleaseResult::released);
}

// What the new master does not have is lost: known by the first renewal that it answers, and not
// only at the end of the lease.
TEST_F(RedisSentinels, HolderWhoseLockTheNewMasterLacksHasLostItByItsNextRenewal) {
    LockManager locks = manager_on(url());
    auto lock = locks.acquire("key", {.ttl = 9s});
    ASSERT_TRUE(lock);
    first_.kill9();
    name_all(second_.port(), 2);
    EXPECT_TRUE(poll_until([&] { return !lock->owns_lock(); }, long_timeout));
    try {
        lock->ensure();
        ADD_FAILURE() << "it is held";
    } catch (const LockLost& lost) {
        EXPECT_EQ(lost.cause(), LockLost::Cause::taken) << lost.what();
    }
    EXPECT_EQ(info(second_, "commandstats", "cmdstat_evalsha").substr(0, 8), "calls=1,");
}

// A holder that lets go while its master is replaced, as planned: the replica has the lock.
class ReleaseIsSentAgain : public RedisSentinels {
  protected:
    ReleaseIsSentAgain() {
        second_.cli("REPLICAOF", "127.0.0.1", std::to_string(first_.port()));
        lock_ = locks_.acquire("key", {.ttl = 10min, .renewal = Renewal::off});
        EXPECT_TRUE(lock_);
        EXPECT_TRUE(poll_until([&] { return has_lock(second_); }, long_timeout));
        second_.cli("REPLICAOF", "NO", "ONE");
    }
    void expect_free_at_the_new_master() {
        EXPECT_TRUE(poll_until([&] { return !has_lock(second_); }, 2 * long_timeout))
            << "long before its ttl";
    }

    LockManager locks_ = manager_on(url());
    std::optional<ScopedDistributedLock> lock_;
};

TEST_F(ReleaseIsSentAgain, WhenTheFormerMasterHasRefusedIt) {
    first_.cli("REPLICAOF", "127.0.0.1", std::to_string(second_.port()));
    std::error_code ec;
    EXPECT_EQ(lock_->release(ec), ReleaseResult::unknown);
    EXPECT_EQ(ec, Errc::read_only) << ec.message();
    EXPECT_TRUE(has_lock(second_));
    name_all(second_.port(), 2);
    expect_free_at_the_new_master();
}

TEST_F(ReleaseIsSentAgain, WhenTheConnectionToTheFormerMasterEnds) {
    first_.pause();
    std::jthread releaser{[&] {
        std::error_code ec;
        (void)lock_->release(ec);
    }};
    name_all(second_.port(), 2);
    expect_free_at_the_new_master();
    releaser.join();
    first_.resume();
}

TEST_F(RedisSentinels, ThoseThatDoNotAnswerAreDoneWithout) {
    const std::string nowhere = "127.0.0.1:" + std::to_string(free_port());
    sentinels_[1].peer().on_command([](const ScriptedPeer::Command&) { return Answer::silence(); });
    LockManager locks = manager_on("redis+sentinel://" + nowhere + ',' + sentinels_[1].host() +
                                       ',' + sentinels_[2].host() + "/mymaster",
                                   5s);
    expect_works(locks);
}

TEST_F(RedisSentinels, NameThatNobodyKnowsIsRefused) {
    LockManager locks = manager_on(url("/another"));
    EXPECT_EQ(refusal(locks), Errc::unknown_master);
    EXPECT_NE(text_.find("'another'"), std::string::npos) << text_;
}

TEST_F(RedisSentinels, ThatDisagreeAreAnErrorThatSaysWhich) {
    sentinels_[0].name_master(first_.port(), 1);
    sentinels_[1].name_master(second_.port(), 1);
    sentinels_[2].name_master(second_.port(), 1);
    LockManager locks = manager_on(url());
    EXPECT_EQ(refusal(locks), Errc::sentinels_disagree);
    for (const std::uint16_t port : {first_.port(), second_.port()}) {
        EXPECT_NE(text_.find("127.0.0.1:" + std::to_string(port)), std::string::npos) << text_;
    }
}

TEST_F(RedisSentinels, ServerInThePlaceOfASentinelIsSaidToBeNone) {
    LockManager locks =
        manager_on("redis+sentinel://127.0.0.1:" + std::to_string(first_.port()) + "/mymaster");
    EXPECT_EQ(refusal(locks), Errc::not_supported);
    EXPECT_NE(text_.find("no Sentinel"), std::string::npos) << text_;
}

TEST_F(RedisSentinels, NobodyThereIsUnavailable) {
    LockManager locks =
        manager_on("redis+sentinel://127.0.0.1:" + std::to_string(free_port()) + "/mymaster");
    EXPECT_EQ(refusal(locks), Errc::connect_failed);
    EXPECT_NE(text_.find("no Sentinel names the master 'mymaster'"), std::string::npos) << text_;
}

TEST_F(RedisSentinels, CheckAndListGoToTheMasterToo) {
    name_all(second_.port(), 1);
    LockManager locks = manager_on(url());
    auto lock = locks.acquire("key");
    EXPECT_EQ(locks.list("*").size(), 1U);
    for (const Finding& each : locks.check()) EXPECT_NE(each.subject, "role") << each.found;
}

}  // namespace
}  // namespace leaselock
