// Goal: a token that was left, and wants something again, believes no grant from before: the lock
// may have been another's since. Method: a Client without a socket; calls are answered in each
// order that a member may choose.
#include <gtest/gtest.h>
#include <string>

#include <leaselock/error.hpp>

#include "unit/hazelcast_world.hpp"

namespace leaselock::hazelcast {
namespace {

const std::string not_held(1, '\0');
const std::string held_yet(1, '\1');

// What a token asked for before it was left. The entry of token 2 ended without a poll, since the
// member stood still, and the poll comes while the unlock for it is under way.
class HazelcastComesBack : public ::testing::Test {
  protected:
    HazelcastComesBack() {
        world_.pass(3s);
        unlock_ = world_.unlock_of(2).value();
        poll_.request.listener = &waiting_.ear;
        world_.submit(poll_);
        EXPECT_TRUE(world_.asked().empty()) << "until the unlock is answered";
    }
    // The poll is a new try.
    Asked tries() {
        Asked tried = world_.ask(Ask::try_lock);
        EXPECT_FALSE(tried.waits());
        EXPECT_NE(tried.call(), waiting_.parked.call()) << "a copy is answered with the old grant";
        return tried;
    }
    // Which ends with a new entry, since the lock has another holder.
    Asked waits_again(const Asked& tried) {
        EXPECT_TRUE(world_.answer(tried, 0));
        const auto both = world_.asked();
        EXPECT_EQ(both.size(), 2U);
        EXPECT_TRUE(both.at(0).waits());
        EXPECT_TRUE(world_.answer_owner(both.at(1), 45, 1, 3));
        EXPECT_EQ(poll_.reply().outcome, Outcome::held);
        EXPECT_TRUE(poll_.reply().queued);
        return both.at(0);
    }

    // The connection breaks, and the unlock is sent again by the next one. A new poll waits for it.
    Asked cut_off(Question& poll) {
        world_.client.cancel(*poll_.operation, world_.now);
        world_.disconnect();
        poll.request.listener = &waiting_.ear;
        world_.submit(poll);
        world_.connect();
        world_.pass(1ms);
        Asked again;
        for (const Asked& each : world_.asked()) {
            EXPECT_NE(each.what, Ask::try_lock);
            if (each.what == Ask::unlock && each.thread() == 2) again = each;
            if (each.what == Ask::heartbeat) {
                EXPECT_TRUE(world_.answer(each));
            }
        }
        EXPECT_EQ(again.call(), unlock_.call());
        return again;
    }

    World world_;
    Waiting waiting_{world_};
    Asked unlock_;
    Question poll_{Verb::acquire, 2};
};

TEST_F(HazelcastComesBack, GrantFromBeforeTheUnlockIsNone) {
    EXPECT_TRUE(world_.answer(waiting_.parked, 43));
    const Asked copy = world_.ask(Ask::unlock);  // in case the first one has overtaken the grant
    EXPECT_EQ(copy.call(), unlock_.call());
    EXPECT_TRUE(world_.answer(unlock_, not_held));
    EXPECT_TRUE(world_.answer(copy, not_held));
    const Asked parked = waits_again(tries());
    EXPECT_TRUE(waiting_.ear.messages.empty());
    EXPECT_TRUE(world_.answer(parked, 46));
    EXPECT_EQ(waiting_.ear.messages.size(), 1U);
}

TEST_F(HazelcastComesBack, GrantFromBeforeTheUnlockThatIsHeardAfterItIsNone) {
    EXPECT_TRUE(world_.answer(unlock_, not_held));
    const Asked parked = waits_again(tries());
    EXPECT_TRUE(world_.answer(waiting_.parked, 43));
    EXPECT_TRUE(world_.asked().empty());
    EXPECT_TRUE(waiting_.ear.messages.empty());
    EXPECT_TRUE(world_.answer(parked, 46));
    EXPECT_EQ(waiting_.ear.messages.size(), 1U);
}

TEST_F(HazelcastComesBack, EntryFromBeforeThatEndsIsNotTheNewOne) {
    EXPECT_TRUE(world_.answer(unlock_, not_held));
    const Asked parked = waits_again(tries());
    EXPECT_TRUE(world_.refuse(waiting_.parked, 86));
    EXPECT_EQ(waiting_.ear.polls, 0);
    EXPECT_TRUE(world_.answer(parked, 46));
    EXPECT_EQ(waiting_.ear.messages.size(), 1U);
}

// The grant ran after the unlock, and before the new try.
TEST_F(HazelcastComesBack, LockThatIsTakenTwiceIsUnlockedTwice) {
    EXPECT_TRUE(world_.refuse(unlock_, 26));
    const Asked tried = tries();
    EXPECT_TRUE(world_.answer(waiting_.parked, 43));
    EXPECT_TRUE(world_.answer(tried, 43));
    EXPECT_EQ(poll_.reply().outcome, Outcome::granted);
    Question release{Verb::release, 2};
    world_.submit(release);
    EXPECT_TRUE(world_.answer(world_.ask(Ask::unlock), held_yet));
    EXPECT_FALSE(release.done()) << "it is held yet";
    EXPECT_TRUE(world_.answer(world_.ask(Ask::unlock), not_held));
    EXPECT_EQ(release.reply().outcome, Outcome::released);
}

// The unlock may run yet: after a new try it would take the lock from it.
TEST_F(HazelcastComesBack, UnlockThatWasCutOffIsSentAgainBeforeTheNewTry) {
    Question poll{Verb::acquire, 2};
    EXPECT_TRUE(world_.answer(cut_off(poll), not_held));
    (void)tries();
}

TEST(HazelcastLeft, OwnerThatWasReadBeforeTheUnlockIsNoGrant) {
    World world;
    Waiting waiting{world};
    world.pass(2s);
    (void)world.asked();
    Question poll{Verb::acquire, 2};
    const Asked asked = waiting.poll(poll);
    world.pass(1s);
    const Asked unlock = world.unlock_of(2).value();  // its entry has ended
    EXPECT_TRUE(world.answer_owner(asked, 43, 1, 2));
    EXPECT_FALSE(poll.done());
    EXPECT_TRUE(world.answer(unlock, not_held));
    EXPECT_NE(world.ask(Ask::try_lock).call(), waiting.parked.call());
}

// The lock was handed over, and then unlocked by force. The waiter had missed the message.
TEST(HazelcastHeld, PollDoesNotBelieveTheGrantOfBeforeAForcedRelease) {
    World world;
    Waiting waiting{world};
    EXPECT_TRUE(world.answer(waiting.parked, 43));
    Question poll{Verb::acquire, 2};
    world.submit(poll);
    EXPECT_TRUE(world.answer_owner(world.ask(Ask::ownership), 44, 1, 3));
    const Asked tried = world.ask(Ask::try_lock);
    EXPECT_NE(tried.call(), waiting.parked.call());
    EXPECT_TRUE(world.answer(tried, 0));
    EXPECT_TRUE(world.answer_owner(world.ask(Ask::ownership), 44, 1, 3));
    EXPECT_EQ(poll.reply().outcome, Outcome::held);
}

TEST(HazelcastLeft, WaitThatIsLeftWhileNoMemberIsThereIsSettledInTheEnd) {
    World world;
    Waiting waiting{world};
    world.disconnect();
    Question release{Verb::release, 2};
    world.submit(release);
    world.connect();
    (void)world.refuse_unlocks(2, call_timeout + 2s);
    EXPECT_EQ(world.refuse_unlocks(2, call_timeout), 0);
}

// Members do not remember an unlock that found the lock with another owner. So the one that was cut
// off may run yet, and would unlock what the same thread has got since (seen with 5.4.0: it lay in
// the socket of a member that stood still).
TEST_F(HazelcastComesBack, UnlockThatWasCutOffCannotHitTheNewTry) {
    Question poll{Verb::acquire, 2};
    EXPECT_TRUE(world_.refuse(cut_off(poll), 26));
    const Asked tried = world_.ask(Ask::try_lock);
    EXPECT_NE(tried.thread(), 2U);
    EXPECT_TRUE(world_.answer(tried, 50));
    EXPECT_EQ(poll.reply().outcome, Outcome::granted);
    Question release{Verb::release, 2};
    world_.submit(release);
    const Asked unlock = world_.ask(Ask::unlock);
    EXPECT_EQ(unlock.thread(), tried.thread());
    EXPECT_TRUE(world_.answer(unlock, not_held));
    EXPECT_EQ(release.reply().outcome, Outcome::released);
    EXPECT_EQ(world_.refuse_unlocks(2, 130s), 1) << "its calls from before are over then";
}

// The poll comes after the unlock was answered.
TEST_F(HazelcastComesBack, UnlockThatWasCutOffIsNotForgotten) {
    world_.client.cancel(*poll_.operation, world_.now);
    world_.disconnect();
    world_.connect();
    world_.pass(1ms);
    EXPECT_EQ(world_.refuse_unlocks(2, 1s), 1);
    for (int i = 0; i < 2; ++i) {
        Question poll{Verb::acquire, 2};
        world_.submit(poll);
        const Asked tried = world_.ask(Ask::try_lock);
        EXPECT_NE(tried.thread(), 2U);
        EXPECT_TRUE(world_.answer(tried, 0));
        EXPECT_TRUE(world_.answer_owner(world_.ask(Ask::ownership), 45, 1, 3));
        EXPECT_TRUE(poll.done());
    }
}

// A wait that was lost with its connection runs after the token came back: it cancels the new wait
// (error 86), and waits itself.
TEST(HazelcastOvertaken, WaitThatRunsLateIsUnlockedWhenItsTokenIsReleased) {
    World world;
    Waiting waiting{world};
    world.disconnect();
    world.pass(3s);  // its entry ends
    world.connect();
    world.pass(1ms);
    (void)world.refuse_unlocks(2);
    Question poll{Verb::acquire, 2};
    poll.request.listener = &waiting.ear;
    world.submit(poll);
    Asked parked;
    for (int i = 0; i < 4 && !poll.done(); ++i) {
        for (const Asked& each : world.asked()) {
            if (each.what == Ask::heartbeat) {
                EXPECT_TRUE(world.answer(each));
            } else if (each.what == Ask::unlock && each.thread() == 2) {
                EXPECT_TRUE(world.refuse(each, 26));
            } else if (each.waits()) {
                parked = each;
            } else if (each.what == Ask::try_lock) {
                EXPECT_TRUE(world.answer(each, 0));
            } else if (each.what == Ask::ownership) {
                EXPECT_TRUE(world.answer_owner(each, 45, 9, 3));
            }
        }
    }
    ASSERT_TRUE(poll.done());
    ASSERT_TRUE(poll.reply().queued);
    world.pass(1s);
    (void)world.asked();
    EXPECT_TRUE(world.refuse(parked, 86));
    Question release{Verb::release, 2};
    world.submit(release);
    EXPECT_GT(world.refuse_unlocks(2, 61s), 0) << "the wait is granted to nobody";
}

// The try is a copy; its first one is answered only when the wait that followed was granted.
TEST(HazelcastOvertaken, CopyThatIsAnsweredLateTakesNoGrantAway) {
    World world;
    world.acquire_first(1, 42);
    Question a{Verb::acquire, 2};
    world.submit(a);
    const Asked ask_a = world.ask(Ask::try_lock);
    world.client.cancel(*a.operation, world.now);
    Question b{Verb::acquire, 2};
    Ear ear{b};
    world.submit(b);
    const Asked ask_b = world.ask(Ask::try_lock);
    EXPECT_EQ(ask_a.call(), ask_b.call());
    EXPECT_TRUE(world.answer(ask_b, 0));
    const auto both = world.asked();
    ASSERT_EQ(both.size(), 2U);
    EXPECT_TRUE(world.answer_owner(both.at(1), 42, 1, 1));
    EXPECT_TRUE(b.reply().queued);
    EXPECT_TRUE(world.answer(both.at(0), 43));
    ASSERT_EQ(ear.messages.size(), 1U);
    EXPECT_TRUE(world.answer(ask_a, 0));
    Question renew{Verb::renew, 2};
    world.submit(renew);
    EXPECT_FALSE(renew.done()) << "it is held, and said to be lost";
    (void)world.asked();
    Question release{Verb::release, 2};
    world.submit(release);
    EXPECT_EQ(world.asked().size(), 1U) << "the lock is left to nobody";
}

// No connection is lost. The unlock overtakes the wait from before, which then runs after the new
// one, cancels it, and waits itself.
TEST_F(HazelcastComesBack, OvertakenWaitIsEndedByTheRelease) {
    EXPECT_TRUE(world_.refuse(unlock_, 26));
    const Asked parked = waits_again(tries());
    EXPECT_TRUE(world_.refuse(parked, 86));  // by the wait from before
    (void)world_.asked();
    Question release{Verb::release, 2};
    world_.submit(release);
    const auto sent = world_.asked();
    ASSERT_EQ(sent.size(), 1U) << "the wait from before will be granted to nobody";
    EXPECT_EQ(sent.front().what, Ask::unlock);
    EXPECT_TRUE(world_.refuse(sent.front(), 26));
    EXPECT_TRUE(world_.refuse(waiting_.parked, 86));
    EXPECT_TRUE(release.done());
}

// The same, and it is granted before the release; or nobody releases.
TEST_F(HazelcastComesBack, OvertakenWaitThatIsGrantedIsUnlocked) {
    EXPECT_TRUE(world_.refuse(unlock_, 26));
    const Asked parked = waits_again(tries());
    EXPECT_TRUE(world_.answer(waiting_.parked, 50));
    EXPECT_TRUE(world_.refuse(parked, 86));
    world_.pass(1ms);
    EXPECT_TRUE(world_.has_unlocked(2)) << "the lock is left to nobody";
}

// The wait of a first poll is granted before the owner is read, and answered after that.
TEST(HazelcastOvertaken, GrantThatIsReadBeforeTheWaitIsAnsweredIsKept) {
    World world;
    world.acquire_first(1, 42);
    Question poll{Verb::acquire, 2};
    Ear ear{poll};
    world.submit(poll);
    EXPECT_TRUE(world.answer(world.ask(Ask::try_lock), 0));
    const auto both = world.asked();
    ASSERT_EQ(both.size(), 2U);
    EXPECT_TRUE(world.answer_owner(both.at(1), 43, 1, 2));
    EXPECT_EQ(poll.reply().outcome, Outcome::granted);
    world.pass(1ms);
    EXPECT_TRUE(world.asked().empty()) << "the lock of a holder is unlocked";
}

}  // namespace
}  // namespace leaselock::hazelcast
