// Goal: a call that is lost with its connection, or with its session, leaves no lock to nobody and
// nothing that is due for nobody, however late it runs. Method: a Client without a socket; calls
// are lost at each step, and answered after that.
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include <leaselock/error.hpp>

#include "unit/hazelcast_world.hpp"

namespace leaselock::hazelcast {
namespace {

// It may be that a member has to send it to another leader, long after it began.
TEST(HazelcastLost, WaitThatWasCutOffLateIsSettledLateToo) {
    World world;
    Waiting waiting{world};
    Question poll{Verb::acquire, 2};
    poll.request.entry_life = 2 * call_timeout;
    EXPECT_TRUE(world.answer_owner(waiting.poll(poll), 42, 1, 1));
    world.pass(call_timeout);
    const Asked again = world.wait_again();
    Question release{Verb::release, 2};
    world.submit(release);
    EXPECT_TRUE(world.refuse(world.ask(Ask::unlock), 26));
    EXPECT_TRUE(world.refuse(again, 86));
    world.pass(call_timeout - 1s);
    EXPECT_FALSE(world.has_unlocked(2));
    world.pass(2s);
    EXPECT_TRUE(world.has_unlocked(2));
}

// Two copies of it are under way, and one is answered.
TEST(HazelcastLost, CopyThatWasCutOffIsUnlockedInTheEnd) {
    World world;
    world.acquire_first(1, 42);
    Question first{Verb::acquire, 2, "other"};
    world.submit(first);
    const Asked tried = world.ask(Ask::try_lock);
    world.client.cancel(*first.operation, world.now);
    Question second{Verb::acquire, 2, "other"};
    world.submit(second);
    EXPECT_EQ(world.ask(Ask::try_lock).call(), tried.call());
    EXPECT_TRUE(world.answer(tried, 0));
    world.pass(call_timeout - 1s);
    world.disconnect();
    EXPECT_TRUE(second.done());
    world.connect();
    (void)world.asked();
    world.pass(call_timeout - 1s);
    EXPECT_FALSE(world.has_unlocked(2)) << "it may run yet";
    world.pass(1s);
    EXPECT_TRUE(world.has_unlocked(2));
}

// What was lost may run as long as the session lives. So that is to end with what it has.
TEST(HazelcastLost, SessionWithALostCallGetsNothingNew) {
    for (const Verb verb : {Verb::acquire, Verb::release, Verb::renew}) {
        World world;
        world.acquire_first(1, 42);
        world.acquire_next(2, 43, "other");
        Question lost{verb, verb == Verb::acquire ? 3 : 2, "other"};
        world.submit(lost);
        world.disconnect();
        world.connect();
        (void)world.asked();
        Question next{Verb::acquire, 4, "next"};
        world.submit(next);
        if (verb != Verb::renew) {
            EXPECT_EQ(world.open_session(), 2U);
        }
        const Asked tried = world.ask(Ask::try_lock);
        EXPECT_EQ(tried.session(), verb == Verb::renew ? 1U : 2U) << "a question leaves nothing";
    }
}

// Its lost call would take a lock for nobody, for as long as it waits for its last try.
TEST(HazelcastLost, SessionThatOnlyLostCallsAreLeftOfIsClosedAtOnce) {
    World world;
    world.acquire_first(1, 42);
    Question lost{Verb::acquire, 2, "other"};
    world.submit(lost);
    world.disconnect();
    world.connect();
    for (const int n : {2, 1}) {
        Question release{Verb::release, n, n == 1 ? "key" : "other"};
        world.submit(release);
        for (const Asked& each : world.asked()) {
            EXPECT_NE(each.what, Ask::close_session) << "it has a lock yet";
            EXPECT_TRUE(each.what == Ask::unlock ? world.refuse(each, 26) : world.answer(each));
        }
        world.pass(1ms);
    }
    EXPECT_EQ(world.ask(Ask::close_session).session(), 1U);
    EXPECT_FALSE(world.client.wants_connection()) << "nothing of it can run any more";
}

// A release that has no answer yet would hear of the end of its session.
TEST(HazelcastLost, SessionIsNotClosedBeforeItsLastUnlockIsAnswered) {
    World world;
    world.acquire_first(1, 42);
    Question release{Verb::release, 1};
    world.submit(release);
    world.disconnect();
    world.connect();
    std::optional<Asked> unlock;
    for (int i = 0; i < 2; ++i) {
        for (const Asked& each : world.asked()) {
            EXPECT_NE(each.what, Ask::close_session);
            if (each.what == Ask::unlock) unlock = each;
        }
        world.pass(1ms);
    }
    EXPECT_TRUE(world.answer(unlock.value(), std::string(1, '\0')));
    EXPECT_EQ(release.reply().outcome, Outcome::released);
}

TEST(HazelcastLost, RefusalOfAnotherSessionCostsTheLocksOfThisOneNothing) {
    World world;
    world.acquire_first(1, 42);
    world.pass(1s);
    Question lost{Verb::acquire, 2, "other"};
    world.submit(lost);
    world.disconnect();
    world.connect();
    Asked beat;
    for (const Asked& each : world.asked()) {
        if (each.what == Ask::heartbeat) beat = each;
    }
    Question renewal{Verb::renew, 1};
    world.submit(renewal);
    Question next{Verb::acquire, 3, "next"};
    world.submit(next);
    EXPECT_TRUE(world.refuse(world.ask(Ask::create_session), 1));
    EXPECT_TRUE(next.done());
    ASSERT_FALSE(renewal.done());
    EXPECT_TRUE(world.answer(beat));
    EXPECT_TRUE(world.answer_owner(world.ask(Ask::ownership), 42, 1, 1));
    EXPECT_EQ(renewal.reply().outcome, Outcome::renewed);
}

TEST(HazelcastLost, SessionWithALostCallIsClosedWithItsLastLock) {
    World world;
    world.acquire_first(1, 42);
    Question lost{Verb::acquire, 2, "other"};
    world.submit(lost);
    world.disconnect();
    world.connect();
    Question release{Verb::release, 1};
    world.submit(release);
    bool is_closed = false;
    for (auto left = call_timeout + 2s; left > 0s; left -= 1s) {
        EXPECT_FALSE(is_closed) << "it may run yet";
        for (const Asked& each : world.asked()) {
            if (each.what == Ask::unlock) {
                EXPECT_TRUE(world.refuse(each, 26));
            } else if (each.what != Ask::close_session) {
                EXPECT_TRUE(world.answer(each));
            } else {
                is_closed = true;
                EXPECT_EQ(each.session(), 1U);
            }
        }
        if (is_closed) break;
        world.pass(1s);
    }
    EXPECT_TRUE(is_closed);
}

// The next heartbeat finds that it is over.
void end_session(World& world) {
    world.pass(2s);
    for (const Asked& each : world.asked()) {
        if (each.what == Ask::heartbeat) {
            EXPECT_TRUE(world.refuse(each, 85));
        }
    }
}

// Its wait was of a session that has ended, and whatever its answer is, nothing comes of it.
TEST(HazelcastLost, WaitOfAnEndedSessionThatFailsIsOverWithThat) {
    constexpr std::uint64_t not_active = 19;
    World world;
    Waiting waiting{world};
    end_session(world);
    Question poll{Verb::acquire, 2};
    poll.request.listener = &waiting.ear;
    world.submit(poll);
    EXPECT_EQ(world.open_session(), 2U);
    EXPECT_TRUE(world.answer(world.ask(Ask::try_lock), 0));
    const auto both = world.asked();
    ASSERT_EQ(both.size(), 2U);
    EXPECT_TRUE(world.answer_owner(both.at(1), 45, 9, 9));
    ASSERT_TRUE(poll.reply().queued);
    EXPECT_EQ(waiting.ear.polls, 1);
    EXPECT_TRUE(world.refuse(waiting.parked, not_active));
    EXPECT_EQ(waiting.ear.polls, 1) << "it has another entry";
    EXPECT_TRUE(world.answer(both.at(0), 46));
    EXPECT_EQ(waiting.ear.messages.size(), 1U);
    Question release{Verb::release, 2};
    world.submit(release);
    EXPECT_TRUE(world.answer(world.ask(Ask::unlock), std::string(1, '\0')));
    EXPECT_EQ(release.reply().outcome, Outcome::released);
    EXPECT_EQ(world.refuse_unlocks(2, 2 * call_timeout), 0) << "it is settled";
}

// The same, and the token wants nothing more.
TEST(HazelcastLost, WaitOfAnEndedSessionThatFailsKeepsNothing) {
    World world;
    Waiting waiting{world};
    end_session(world);
    Question renewal{Verb::renew, 1};
    world.submit(renewal);
    EXPECT_EQ(renewal.reply().outcome, Outcome::lost);
    EXPECT_FALSE(world.client.wants_connection());
    EXPECT_TRUE(world.refuse(waiting.parked, 19));
    EXPECT_FALSE(world.client.wants_connection()) << "something is to be done for nobody";
}

// The unlock has overtaken the grant of the wait, and is answered. What is to be unlocked after it
// is lost.
TEST(HazelcastLost, SecondUnlockOfATokenIsNotForgotten) {
    World world;
    Waiting waiting{world};
    Question release{Verb::release, 2};
    world.submit(release);
    const Asked unlock = world.ask(Ask::unlock);
    EXPECT_TRUE(world.answer(waiting.parked, 43));
    EXPECT_TRUE(world.refuse(unlock, 26));
    world.disconnect();
    world.connect();
    world.pass(1ms);
    EXPECT_EQ(world.refuse_unlocks(2, call_timeout), 1) << "the lock is left to nobody";
}

// One of two is answered. The other one is lost, and may run when the same thread has a lock again.
TEST(HazelcastLost, TokenIsNotLeftWhileOneOfItsUnlocksMayRun) {
    World world;
    Waiting waiting{world};
    Question first{Verb::release, 2};
    world.submit(first);
    const Asked unlock = world.ask(Ask::unlock);
    Question second{Verb::release, 2};
    world.submit(second);
    EXPECT_EQ(world.ask(Ask::unlock).call(), unlock.call());
    EXPECT_TRUE(world.refuse(waiting.parked, 86));
    EXPECT_TRUE(world.refuse(unlock, 26));
    world.client.cancel(*second.operation, world.now);
    Question poll{Verb::acquire, 2};
    world.submit(poll);
    world.disconnect();
    world.connect();
    world.pass(1ms);
    EXPECT_EQ(world.refuse_unlocks(2), 1);
    EXPECT_EQ(world.open_session(), 2U);
    EXPECT_EQ(world.ask(Ask::try_lock).session(), 2U);
}

// A member is not sure whether it runs. The copy of it finds nothing, and is remembered by nobody.
TEST(HazelcastLost, SessionWithARefusedUnlockGetsNothingNew) {
    World world;
    Waiting waiting{world};
    world.pass(3s);
    constexpr std::uint64_t indeterminate = 80;
    EXPECT_TRUE(world.refuse(world.unlock_of(2).value(), indeterminate));
    EXPECT_TRUE(world.refuse(waiting.parked, 86));
    world.pass(1s);
    EXPECT_EQ(world.refuse_unlocks(2), 1);
    Question poll{Verb::acquire, 2};
    world.submit(poll);
    EXPECT_EQ(world.open_session(), 2U);
    EXPECT_EQ(world.ask(Ask::try_lock).session(), 2U) << "the unlock is by session 1";
}

// Its lock is held until the session ends, minutes later, if nothing unlocks it.
TEST(HazelcastLost, LostUnlockWantsAConnectionWhenNobodyWaitsForIt) {
    World world;
    world.acquire_first(1, 42);
    Question release{Verb::release, 1};
    world.submit(release);
    world.disconnect();
    world.pass(60s);
    EXPECT_TRUE(release.done());
    EXPECT_TRUE(world.client.wants_connection());
    world.connect();
    world.pass(1ms);
    EXPECT_TRUE(world.has_unlocked(1));
}

// Another program has taken it more than once, and nobody waits for the answer any more.
TEST(HazelcastLost, ReleaseByForceThatWasGivenUpIsAnswered) {
    World world;
    world.acquire_first(1, 42);
    Question force{Verb::release, 0};
    force.token = stranger(9, 3);
    force.request.token = force.token;
    world.submit(force);
    const Asked unlock = world.ask(Ask::unlock);
    world.client.cancel(*force.operation, world.now);
    EXPECT_TRUE(world.answer(unlock, std::string(1, '\1')));
    EXPECT_TRUE(world.asked().empty());
}

// The wait that was lost ends its copy, is granted, and a poll reads that before the end is heard.
TEST(HazelcastLost, CopyOfAWaitThatEndsTakesNoLockThatIsHeld) {
    World world;
    Waiting waiting{world};
    const Asked again = world.wait_again();
    Question poll{Verb::acquire, 2};
    EXPECT_TRUE(world.answer_owner(waiting.poll(poll), 43, 1, 2));
    EXPECT_EQ(poll.reply().outcome, Outcome::granted);
    EXPECT_TRUE(world.refuse(again, 86));
    EXPECT_FALSE(world.has_unlocked(2)) << "its holder has not released it";
}

}  // namespace
}  // namespace leaselock::hazelcast
