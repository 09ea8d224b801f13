// Goal: whatever is lost with a connection or a session, no lock is left to nobody, none is
// believed for too long, and no call runs twice. Method: a Client without a socket; connections
// break between a call and its answer, sessions end, and calls run later than they should.
#include <gtest/gtest.h>
#include <string>

#include <leaselock/error.hpp>

#include "unit/hazelcast_world.hpp"

namespace leaselock::hazelcast {
namespace {

const std::string no(1, '\0');

TEST(HazelcastTrouble, WaiterIsNotifiedByTheAnswerToItsWait) {
    World world;
    Waiting waiting{world};
    const Reply& reply = waiting.question.reply();
    EXPECT_EQ(reply.outcome, Outcome::held);
    EXPECT_TRUE(reply.queued && reply.told && reply.deaths_told);
    EXPECT_EQ(reply.fencing_token, 42U);
    world.pass(1s);
    EXPECT_TRUE(world.answer(waiting.parked, 43));
    ASSERT_EQ(waiting.ear.messages.size(), 1U);
    EXPECT_EQ(waiting.ear.messages.front().fencing_token, 43U);
    EXPECT_EQ(waiting.ear.messages.front().ttl, 10s) << "from the poll on";
}

TEST(HazelcastTrouble, RepeatedPollKeepsTheEntryAndItsEndIsAnUnlock) {
    World world;
    Waiting waiting{world};
    world.pass(2s);
    (void)world.asked();
    Question question{Verb::acquire, 2};
    EXPECT_TRUE(world.answer_owner(waiting.poll(question), 42, 1, 1));
    EXPECT_TRUE(question.reply().queued);
    world.pass(2s);
    EXPECT_FALSE(world.has_unlocked(2));
    world.pass(1s);
    EXPECT_TRUE(world.has_unlocked(2)) << "3 s after the last poll";
}

TEST(HazelcastTrouble, GrantThatComesAfterTheReleaseIsGivenBack) {
    World world;
    Waiting waiting{world};
    Question release{Verb::release, 2};
    world.submit(release);
    EXPECT_TRUE(world.refuse(world.ask(Ask::unlock), 26));
    EXPECT_EQ(release.reply().outcome, Outcome::lost);
    // The unlock has overtaken the wait.
    EXPECT_TRUE(world.answer(waiting.parked, 43));
    const Asked unlock = world.ask(Ask::unlock);
    EXPECT_EQ(unlock.thread(), 2U);
    EXPECT_TRUE(world.answer(unlock, no));
    EXPECT_TRUE(waiting.ear.messages.empty());
    world.pass(call_timeout + 1s);
    EXPECT_FALSE(world.has_unlocked(2)) << "it is settled";
}

TEST(HazelcastTrouble, WaitThatDoesNotEndIsUnlockedAgain) {
    World world;
    Waiting waiting{world};
    Question release{Verb::release, 2};
    world.submit(release);
    const Asked first = world.ask(Ask::unlock);
    EXPECT_TRUE(world.refuse(first, 26));
    world.pass(1s);
    const Asked second = world.unlock_of(2).value();
    EXPECT_EQ(second.thread(), 2U);
    EXPECT_NE(second.call(), first.call());
    EXPECT_TRUE(world.refuse(waiting.parked, 86));
    EXPECT_TRUE(world.refuse(second, 26));
    world.pass(call_timeout + 1s);
    EXPECT_FALSE(world.has_unlocked(2));
}

TEST(HazelcastTrouble, WaitThatWasCutOffIsTakenUpUnderTheSameUid) {
    World world;
    Waiting waiting{world};
    const Asked again = world.wait_again();
    EXPECT_TRUE(again.waits());
    EXPECT_EQ(again.call(), waiting.parked.call());
    // The copy that was cut off may run for the call_timeout: so long the token is not
    // settled.
    Question release{Verb::release, 2};
    world.submit(release);
    EXPECT_TRUE(world.refuse(world.ask(Ask::unlock), 26));
    EXPECT_TRUE(world.refuse(again, 86));
    world.pass(call_timeout - 1s);
    EXPECT_FALSE(world.has_unlocked(2));
    world.pass(2s);
    EXPECT_TRUE(world.has_unlocked(2));
}

TEST(HazelcastTrouble, AcquireThatWasCutOffIsUnknownAndItsRetryIsACopy) {
    World world;
    world.acquire_first(1, 42);
    Question cut{Verb::acquire, 2, "other"};
    world.submit(cut);
    const Asked first = world.ask(Ask::try_lock);
    world.disconnect();
    EXPECT_EQ(cut.reply().error, Errc::connection_lost);
    EXPECT_GT(cut.reply().not_after, 0);
    world.connect();
    (void)world.asked();
    Question retry{Verb::acquire, 2, "other"};
    world.submit(retry);
    const Asked second = world.ask(Ask::try_lock);
    EXPECT_EQ(second.call(), first.call());
    EXPECT_TRUE(world.answer(second, 43));
    EXPECT_EQ(retry.reply().fencing_token, 43U);
}

TEST(HazelcastTrouble, UnknownAcquireThatNobodyReleasesIsUnlockedInTheEnd) {
    World world;
    world.acquire_first(1, 42);
    Question cut{Verb::acquire, 2, "other"};
    world.submit(cut);
    world.disconnect();
    world.connect();
    (void)world.asked();
    world.pass(call_timeout + 1s);
    EXPECT_TRUE(world.has_unlocked(2));
}

TEST(HazelcastTrouble, ReleaseThatWasCutOffIsSentAgainUnderTheSameUid) {
    World world;
    world.acquire_first(1, 42);
    Question release{Verb::release, 1};
    world.submit(release);
    const Asked first = world.ask(Ask::unlock);
    world.disconnect();
    EXPECT_FALSE(release.done());
    world.client.connected({1, 1}, world.now);
    world.answer_group();
    Asked second;
    int unlocks = 0;
    for (const Asked& each : world.asked()) {
        if (each.what != Ask::unlock) continue;
        second = each;
        ++unlocks;
    }
    EXPECT_EQ(unlocks, 1);
    EXPECT_EQ(second.call(), first.call());
    EXPECT_TRUE(world.answer(second, no));
    EXPECT_EQ(release.reply().outcome, Outcome::released);
}

TEST(HazelcastTrouble, HeartbeatKeepsAllLeasesTogether) {
    World world;
    world.acquire_first(1, 42);
    world.acquire_next(2, 43, "b");
    world.acquire_next(3, 44, "c");
    world.pass(1999ms);
    EXPECT_TRUE(world.asked().empty());
    world.pass(1ms);
    EXPECT_TRUE(world.answer(world.ask(Ask::heartbeat)));
    Question renewal{Verb::renew, 3, "c"};
    world.submit(renewal);
    EXPECT_TRUE(world.answer_owner(world.ask(Ask::ownership), 44, 1, 3));
    EXPECT_EQ(renewal.reply().ttl, 10s);
}

TEST(HazelcastTrouble, EndOfTheSessionIsTheEndOfAllItsLocks) {
    World world;
    Waiting waiting{world};
    world.acquire_next(3, 44, "c");
    world.pass(2s);
    Asked beat;
    for (const Asked& each : world.asked()) {
        if (each.what == Ask::heartbeat) beat = each;
    }
    EXPECT_TRUE(world.refuse(beat, 85));
    EXPECT_EQ(waiting.ear.polls, 1) << "it has no queue entry any more";
    EXPECT_EQ(world.wake_ups, 1U) << "it was woken while the backend was locked";
    for (const int n : {1, 3}) {
        Question renewal{Verb::renew, n, n == 1 ? "key" : "c"};
        world.submit(renewal);
        EXPECT_EQ(renewal.reply().outcome, Outcome::lost);
        EXPECT_EQ(renewal.reply().error, Errc::session_expired);
    }
    EXPECT_TRUE(world.asked().empty());
    Question next{Verb::acquire, 4};
    world.submit(next);
    EXPECT_EQ(world.open_session(), 2U);
    EXPECT_EQ(world.ask(Ask::try_lock).session(), 2U);
}

TEST(HazelcastTrouble, ReleaseByAnEndedSessionIsLostAndHoldsNobodyUp) {
    World world;
    world.acquire_first(1, 42);
    Question release{Verb::release, 1};
    Question next{Verb::acquire, 2};
    world.submit(release);
    world.submit(next);
    EXPECT_TRUE(world.refuse(world.ask(Ask::unlock), 85));
    EXPECT_EQ(release.reply().outcome, Outcome::lost);
    EXPECT_EQ(release.reply().error, Errc::session_expired);
    EXPECT_EQ(world.open_session(), 2U);
    EXPECT_TRUE(world.answer(world.ask(Ask::try_lock), 43));
    EXPECT_EQ(next.reply().outcome, Outcome::granted);
}

TEST(HazelcastTrouble, ReleaseThatWasCutOffHoldsUpTheNextNoLonger) {
    World world;
    world.acquire_first(1, 42);
    Question release{Verb::release, 1};
    Question next{Verb::acquire, 2};
    world.submit(release);
    world.submit(next);
    world.disconnect();
    world.connect();
    Asked unlock;
    for (const Asked& each : world.asked()) {
        EXPECT_NE(each.what, Ask::try_lock) << "the unlock first";
        if (each.what == Ask::unlock) unlock = each;
    }
    EXPECT_TRUE(world.answer(unlock, no));
    EXPECT_EQ(release.reply().outcome, Outcome::released);
    EXPECT_EQ(world.ask(Ask::try_lock).thread(), 2U);
}

TEST(HazelcastTrouble, AcquireByAnEndedSessionIsTriedByANewOne) {
    World world;
    world.acquire_first(1, 42);
    Question question{Verb::acquire, 2, "other"};
    world.submit(question);
    EXPECT_TRUE(world.refuse(world.ask(Ask::try_lock), 85));
    EXPECT_FALSE(question.done());
    EXPECT_EQ(world.open_session(), 2U);
    EXPECT_TRUE(world.answer(world.ask(Ask::try_lock), 50));
    EXPECT_EQ(question.reply().outcome, Outcome::granted);
}

// The group of groups may have no leader when ours has one.
TEST(HazelcastTrouble, GroupIsAskedForOnceInACluster) {
    World world;
    world.acquire_first(1, 42);
    world.disconnect();
    world.client.connected({1, 1}, world.now);
    bool has_beaten = false;
    for (const Asked& each : world.asked()) {
        EXPECT_NE(each.what, Ask::create_group);
        has_beaten = has_beaten || each.what == Ask::heartbeat;
    }
    EXPECT_TRUE(has_beaten);
}

TEST(HazelcastTrouble, GroupThatWasDestroyedIsAskedForAgainAndAllInItIsLost) {
    World world;
    world.acquire_first(1, 42);
    Question question{Verb::inspect, 1};
    world.submit(question);
    EXPECT_FALSE(world.refuse(world.ask(Ask::ownership), 89));
    EXPECT_EQ(world.client.error(), Errc::cluster_down);
    world.disconnect();
    world.connect();
    EXPECT_TRUE(world.is_fit);
    Question renewal{Verb::renew, 1};
    world.submit(renewal);
    EXPECT_EQ(renewal.reply().outcome, Outcome::lost);
}

TEST(HazelcastTrouble, RestartOfAllMembersLosesAll) {
    World world;
    world.acquire_first(1, 42);
    world.disconnect();
    world.connect(2);
    (void)world.asked();
    Question renewal{Verb::renew, 1};
    world.submit(renewal);
    EXPECT_EQ(renewal.reply().outcome, Outcome::lost);
    EXPECT_EQ(renewal.reply().error, Errc::session_expired);
}

TEST(HazelcastTrouble, ReleaseAfterTheEndOfItsSessionIsToldWhyOnce) {
    World world;
    world.acquire_first(1, 42);
    world.disconnect();
    world.connect(2);
    (void)world.asked();
    Question release{Verb::release, 1};
    world.submit(release);
    EXPECT_EQ(release.reply().outcome, Outcome::lost);
    EXPECT_EQ(release.reply().error, Errc::session_expired);
    Question again{Verb::release, 1};
    world.submit(again);
    EXPECT_EQ(again.reply().outcome, Outcome::lost);
    EXPECT_NE(again.reply().error, Errc::session_expired);
    EXPECT_TRUE(world.asked().empty());
}

// Nobody asks for it: it is forgotten at the end of its lease.
TEST(HazelcastTrouble, HoldOfAnEndedSessionIsForgottenAtTheEndOfItsLease) {
    World world;
    world.acquire_first(1, 42);
    world.disconnect();
    world.connect(2);
    (void)world.asked();
    EXPECT_LT(world.client.due(), Clock::time_point::max());
    world.pass(11s);
    EXPECT_EQ(world.client.due(), Clock::time_point::max());
    EXPECT_TRUE(world.asked().empty());
}

TEST(HazelcastTrouble, LeaseThatIsNotRenewedIsUnlocked) {
    World world;
    world.acquire_first(1, 42);
    for (int i = 0; i < 4; ++i) {
        world.pass(2s);
        EXPECT_FALSE(world.has_unlocked(1));
    }
    world.pass(2s);
    EXPECT_TRUE(world.has_unlocked(1)) << "though the session lives";
    Question renewal{Verb::renew, 1};
    world.submit(renewal);
    EXPECT_EQ(renewal.reply().outcome, Outcome::lost);
}

TEST(HazelcastTrouble, SilentMemberIsAskedWhetherItLivesAndThenLeft) {
    World world;
    world.acquire_first(1, 42);
    Question question{Verb::inspect, 1};
    world.submit(question);
    (void)world.ask(Ask::ownership);
    world.pass(999ms);
    EXPECT_TRUE(world.asked().empty());
    world.pass(1ms);
    const Asked ping = world.ask(Ask::ping);
    EXPECT_TRUE(world.answer(ping));
    EXPECT_FALSE(question.done()) << "the group may be slow";
    world.pass(1s);
    EXPECT_TRUE(world.is_alive);
    world.pass(2s);
    EXPECT_FALSE(world.is_alive);
}

}  // namespace
}  // namespace leaselock::hazelcast
