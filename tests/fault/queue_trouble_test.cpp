// Goal: processes that wait for a lock get it whatever happens at the server: a holder that died,
// others who delete the key, data and scripts that are forgotten, connections that are killed and
// messages that are refused; everybody is served once, in the time that is promised (ten times that
// is allowed), and nothing is left behind. Method: processes beside the test that write down when
// they are served, and a real redis-server. The numbers are those of the fault matrix.
#include <string>

#include "fault/queue_fixture.hpp"

namespace leaselock {
namespace {

using namespace support;

class QueueTrouble : public QueueProcesses {
  protected:
    static constexpr int crowd = 20;  // of each process
    static constexpr std::size_t all_of_them = 60;
    // Where each of them may have to poll: less than ten times that, but a test has a minute.
    static constexpr milliseconds all_bound = 50s;

    void start_three(int waiters = 1) {
        for (const char* name : {"a", "b", "c"}) start_waiters(name, waiters);
    }
    // They cannot subscribe again before they go on.
    void kill_subscriptions_of_the_stopped() {
        for (ChildProcess& each : processes_) each.pause();
        EXPECT_EQ(server_.cli("CLIENT", "KILL", "TYPE", "pubsub"),
                  std::to_string(processes_.size()));
    }
    void resume_all() {
        for (ChildProcess& each : processes_) each.resume();
    }
    [[nodiscard]] bool is_free() { return server_.cli("EXISTS", lock_key) == "0"; }
    // The lock is not ours any more, and its release says so.
    void expect_lost() { EXPECT_EQ(holder_->release(ec_), ReleaseResult::lost) << ec_.message(); }
};

TEST_F(QueueTrouble, LockOfAHolderThatWasKilledGoesToTheFirstWhenItsTtlIsOver) {
    constexpr milliseconds ttl = 1s;
    ChildProcess holder{{LEASELOCK_HOLDER_WORKER, "hold", server_.url(), directory_.path().string(),
                         std::to_string(ttl.count())}};
    ASSERT_TRUE(poll_until([&] { return std::filesystem::exists(directory_.file("ready")); }));
    start_three();
    holder.kill9();
    ASSERT_TRUE(are_served(3, patience * ttl + poll_bound));
    EXPECT_EQ(served(), (Names{"a.0", "b.0", "c.0"}));
    expect_all_is_well();
    expect_no_entries();
}

TEST_F(QueueTrouble, LockThatOthersDeletedIsFoundByTheFirst) {
    hold();
    start_three();
    server_.cli("DEL", lock_key);
    ASSERT_TRUE(are_served(3, poll_bound));
    EXPECT_EQ(served(), (Names{"a.0", "b.0", "c.0"})) << "their entries are there";
    expect_lost();
    expect_no_grant_ended();
    expect_all_is_well();
    expect_no_entries();
}

TEST_F(QueueTrouble, ServerThatForgetsLockAndEntriesServesEverybodyAllTheSame) {
    hold();
    start_three(crowd);
    server_.cli("FLUSHALL");
    ASSERT_TRUE(are_served(all_of_them, poll_bound));
    expect_lost();
    expect_all_is_well();
    expect_no_entries();
}

TEST_F(QueueTrouble, ScriptsThatAreForgottenAllTheTimeKeepNobodyWaiting) {
    hold();
    start_three(crowd);
    server_.cli("SCRIPT", "FLUSH");
    release();
    const std::int64_t before = calls_of(server_, "eval");
    ASSERT_TRUE(poll_until(
        [&] {
            server_.cli("SCRIPT", "FLUSH");
            return served().size() == all_of_them;
        },
        poll_bound));
    EXPECT_GT(calls_of(server_, "eval"), before) << "they were";
    expect_no_grant_ended();
    expect_all_is_well();
    expect_no_entries();
}

TEST_F(QueueTrouble, Row53HandOffWhoseListenersWereKilledIsFoundByTheirPolls) {
    hold();
    start_three();
    kill_subscriptions_of_the_stopped();
    const std::int64_t told = calls_of(server_, "publish");
    release();
    EXPECT_TRUE(is_free()) << "it was handed over to nobody";
    EXPECT_EQ(calls_of(server_, "publish"), told);
    EXPECT_EQ(entries(), 3) << "none lost its entry";
    resume_all();
    ASSERT_TRUE(are_served(3, poll_bound));
    EXPECT_EQ(served().front(), "a.0") << "after the one that listens again first";
    expect_no_grant_ended();
    expect_all_is_well();
    expect_no_entries();
}

TEST_F(QueueTrouble, Row53SubscriptionsThatWereKilledComeBackAndHandOffsAreToldAgain) {
    hold();
    start_three();
    kill_subscriptions_of_the_stopped();
    resume_all();
    ASSERT_TRUE(all_listen(3));
    const std::int64_t told = calls_of(server_, "publish");
    release();
    ASSERT_TRUE(are_served(3, poll_bound));
    EXPECT_EQ(served(), (Names{"a.0", "b.0", "c.0"}));
    EXPECT_EQ(calls_of(server_, "publish"), told + 3) << "each of them";
    expect_no_grant_ended();
    expect_all_is_well();
    expect_no_entries();
}

TEST_F(QueueTrouble, Row53SubscriptionsThatAreKilledAllTheTimeKeepNobodyWaiting) {
    hold();
    start_three(crowd);
    release();
    int killed = 0;
    ASSERT_TRUE(poll_until(
        [&] {
            killed += std::stoi(server_.cli("CLIENT", "KILL", "TYPE", "pubsub"));
            return served().size() == all_of_them;
        },
        all_bound));
    EXPECT_GT(killed, 0);
    expect_all_is_well();
    expect_no_entries();
}

// A right that is taken away while they wait.
class QueueRights : public QueueTrouble, public testing::WithParamInterface<const char*> {};

TEST_P(QueueRights, Row51ReleaseThatMayNotTellLeavesTheLockToThePollsOfThoseWhoWait) {
    hold();
    start_three(2);
    ASSERT_TRUE(all_listen(3));
    const std::int64_t told = calls_of(server_, "publish");
    server_.cli("ACL", "SETUSER", "default", GetParam());
    release();
    ASSERT_TRUE(are_served(6, all_bound));
    server_.cli("ACL", "SETUSER", "default", "+@all", "allchannels");
    EXPECT_EQ(calls_of(server_, "publish"), told) << "it may not";
    expect_no_grant_ended();
    expect_all_is_well();
    expect_no_entries();
}

INSTANTIATE_TEST_SUITE_P(Taken, QueueRights,
                         ::testing::Values("-publish", "-pubsub|numsub", "resetchannels"),
                         [](const auto& tested) {
                             std::string name = tested.param;
                             std::erase_if(name, [](char c) { return c == '-' || c == '|'; });
                             return name;
                         });

}  // namespace
}  // namespace leaselock
