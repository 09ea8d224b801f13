// Goal: a token that was left, and wants something again, believes no grant from before, since the
// lock may have been another's, and loses none to an unlock from before. Method: a Client without a
// socket; calls are answered in each order that a member may choose.
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
    // The poll is a new try, by another thread.
    Asked tries() {
        Asked tried = world_.ask(Ask::try_lock);
        EXPECT_FALSE(tried.waits());
        EXPECT_NE(tried.call(), waiting_.parked.call()) << "a copy is answered with the old grant";
        EXPECT_NE(tried.thread(), 2U) << "what comes late is for thread 2";
        return tried;
    }
    // And of another session.
    Asked tries_by_a_new_session() {
        EXPECT_EQ(world_.open_session(), 2U);
        Asked tried = tries();
        EXPECT_EQ(tried.session(), 2U);
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
    EXPECT_TRUE(world_.answer(unlock_, not_held));
    const Asked next = world_.ask(Ask::unlock);  // in case the first one has overtaken the grant
    EXPECT_NE(next.call(), unlock_.call()) << "a copy would be answered as that was";
    EXPECT_TRUE(world_.refuse(next, 26));
    const Asked parked = waits_again(tries());
    EXPECT_TRUE(waiting_.ear.messages.empty());
    EXPECT_TRUE(world_.answer(parked, 46));
    EXPECT_EQ(waiting_.ear.messages.size(), 1U);
}

TEST_F(HazelcastComesBack, GrantFromBeforeTheUnlockThatIsHeardAfterItIsNone) {
    EXPECT_TRUE(world_.answer(unlock_, not_held));
    const Asked parked = waits_again(tries());
    EXPECT_TRUE(world_.answer(waiting_.parked, 43));
    EXPECT_EQ(world_.ask(Ask::unlock).thread(), 2U) << "the lock is left to nobody";
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

// The grant ran after the unlock, and before the new try, which finds the lock taken.
TEST_F(HazelcastComesBack, GrantThatIsInItsOwnWayIsUnlocked) {
    EXPECT_TRUE(world_.refuse(unlock_, 26));
    const Asked tried = tries();
    EXPECT_TRUE(world_.answer(waiting_.parked, 43));
    const Asked unlock = world_.ask(Ask::unlock);
    EXPECT_EQ(unlock.thread(), 2U);
    const Asked parked = waits_again(tried);
    EXPECT_TRUE(world_.answer(unlock, not_held));
    EXPECT_TRUE(world_.answer(parked, 44));
    EXPECT_EQ(waiting_.ear.messages.size(), 1U);
}

// Its lock may be held by the thread that the token was, so its try would be in vain.
TEST_F(HazelcastComesBack, UnlockThatWasCutOffIsSentAgainBeforeTheNewTry) {
    Question poll{Verb::acquire, 2};
    EXPECT_TRUE(world_.answer(cut_off(poll), not_held));
    (void)tries_by_a_new_session();
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

// A question for the owner that ran before the grant is answered after it.
TEST(HazelcastHeld, LockThatIsTakenTwiceIsUnlockedTwice) {
    World world;
    Waiting waiting{world};
    Question poll{Verb::acquire, 2};
    world.submit(poll);
    const Asked asked = world.ask(Ask::ownership);
    EXPECT_TRUE(world.answer(waiting.parked, 43));
    EXPECT_TRUE(world.answer_owner(asked, 42, 1, 1));
    EXPECT_TRUE(world.answer(world.ask(Ask::try_lock), 43));
    EXPECT_EQ(poll.reply().outcome, Outcome::granted);
    Question release{Verb::release, 2};
    world.submit(release);
    EXPECT_TRUE(world.answer(world.ask(Ask::unlock), held_yet));
    EXPECT_FALSE(release.done()) << "it is held yet";
    EXPECT_TRUE(world.answer(world.ask(Ask::unlock), not_held));
    EXPECT_EQ(release.reply().outcome, Outcome::released);
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
    const Asked tried = tries_by_a_new_session();
    EXPECT_TRUE(world_.answer(tried, 50));
    EXPECT_EQ(poll.reply().outcome, Outcome::granted);
    Question release{Verb::release, 2};
    world_.submit(release);
    const Asked unlock = world_.ask(Ask::unlock);
    EXPECT_EQ(unlock.thread(), tried.thread());
    EXPECT_TRUE(world_.answer(unlock, not_held));
    EXPECT_EQ(release.reply().outcome, Outcome::released);
    EXPECT_EQ(world_.refuse_unlocks(2, 2 * call_timeout), 0) << "its session was closed";
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
        const Asked tried = i == 0 ? tries_by_a_new_session() : tries();
        EXPECT_TRUE(world_.answer(tried, 0));
        EXPECT_TRUE(world_.answer_owner(world_.ask(Ask::ownership), 45, 1, 3));
        EXPECT_TRUE(poll.done());
    }
}

// A member is paused for longer than any call takes, with the unlock in its socket, and runs it
// then. Nothing is left that knows of it.
TEST_F(HazelcastComesBack, UnlockThatRunsHoweverLateCannotHitTheNewTry) {
    world_.client.cancel(*poll_.operation, world_.now);
    world_.disconnect();
    world_.connect();
    world_.pass(1ms);
    EXPECT_GT(world_.refuse_unlocks(2, 2 * call_timeout), 0);
    Question poll{Verb::acquire, 2};
    world_.submit(poll);
    EXPECT_EQ(world_.open_session(), 2U);
    EXPECT_EQ(world_.ask(Ask::try_lock).session(), 2U) << "the unlock is by session 1";
}

// An operator looks who holds the lock, and frees it.
TEST_F(HazelcastComesBack, TokenThatIsAnotherThreadIsNamedAsTheHolder) {
    EXPECT_TRUE(world_.answer(unlock_, not_held));
    const Asked tried = tries();
    EXPECT_TRUE(world_.answer(tried, 44));
    EXPECT_EQ(poll_.reply().outcome, Outcome::granted);
    Question seen{Verb::inspect, 0};
    world_.submit(seen);
    EXPECT_TRUE(world_.answer_owner(world_.ask(Ask::ownership), 44, 1, tried.thread()));
    EXPECT_EQ(seen.reply().holder, token_of(2));
    Question force{Verb::release, 2};
    world_.submit(force);
    EXPECT_EQ(world_.ask(Ask::unlock).thread(), tried.thread()) << "as a release by force does";
}

// The thread that it was is in the way until its unlock runs: a release of the token, which is a
// holder or a waiter again, would be of no use.
TEST_F(HazelcastComesBack, ThreadThatTheTokenWasIsNoHolder) {
    EXPECT_TRUE(world_.refuse(unlock_, 26));
    (void)tries();
    Question seen{Verb::inspect, 0};
    world_.submit(seen);
    EXPECT_TRUE(world_.answer_owner(world_.ask(Ask::ownership), 43, 1, 2));
    EXPECT_EQ(seen.reply().holder, stranger(1, 2));
}

// A wait that was lost with its connection runs after the token came back.
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
            } else if (each.what == Ask::create_session) {
                world.open_session(each);
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
    EXPECT_EQ(parked.session(), 2U);
    Question release{Verb::release, 2};
    world.submit(release);
    EXPECT_EQ(world.ask(Ask::unlock).thread(), parked.thread());
    EXPECT_GT(world.refuse_unlocks(2, call_timeout + 1s), 0) << "the wait is granted to nobody";
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

// No connection is lost. The unlock overtakes the wait from before, which then waits beside the new
// one.
TEST_F(HazelcastComesBack, OvertakenWaitIsUnlockedUntilItEnds) {
    EXPECT_TRUE(world_.refuse(unlock_, 26));
    (void)waits_again(tries());
    EXPECT_GT(world_.refuse_unlocks(2, 2s), 0) << "the wait from before is granted to nobody";
    EXPECT_TRUE(world_.refuse(waiting_.parked, 86));
    EXPECT_EQ(world_.refuse_unlocks(2, call_timeout), 0);
}

// The same, and it is granted before the release; or nobody releases.
TEST_F(HazelcastComesBack, OvertakenWaitThatIsGrantedIsUnlocked) {
    EXPECT_TRUE(world_.refuse(unlock_, 26));
    (void)waits_again(tries());
    EXPECT_TRUE(world_.answer(waiting_.parked, 50));
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
