// Goal: a lock that the cluster takes for us later than we wait is not left to nobody, however late
// that is and whatever was answered before. Method: a Client without a socket; a try is answered
// after its time, or runs without an answer, and the members go on with it for all of their time.
#include <gtest/gtest.h>
#include <vector>

#include <leaselock/error.hpp>

#include "unit/hazelcast_world.hpp"

namespace leaselock::hazelcast {
namespace {

const std::string not_held_any_more(1, '\0');

// An acquire of token 2 whose time is over: it was sent, and nothing came.
class LateAcquire : public ::testing::Test {
  protected:
    LateAcquire() {
        world_.acquire_first(1, 42);
        world_.submit(question_);
        tried_ = world_.ask(Ask::try_lock);
        pass(5s);
        EXPECT_EQ(question_.reply().error, Errc::command_timed_out);
    }

    // Time passes on a connection that is well; what was unlocked meanwhile.
    std::vector<Asked> pass(std::chrono::seconds time) {
        std::vector<Asked> unlocks;
        for (; time > 0s; time -= 1s) {
            world_.pass(1s);
            EXPECT_TRUE(world_.is_alive);
            for (const Asked& each : world_.asked()) take(each, unlocks);
        }
        return unlocks;
    }
    // The clean-up that follows an acquire of which nobody knows what it did.
    void release() {
        Question release{Verb::release, 2, "other"};
        world_.submit(release);
        EXPECT_TRUE(world_.refuse(world_.ask(Ask::unlock), not_owner));
        EXPECT_EQ(release.reply().outcome, Outcome::lost) << "it has not run yet";
    }

    static constexpr std::uint64_t not_owner = 26;
    static constexpr std::uint64_t indeterminate = 80;

    World world_;
    Question question_{Verb::acquire, 2, "other"};
    Asked tried_;

  private:
    void take(const Asked& each, std::vector<Asked>& unlocks) {
        if (each.what == Ask::unlock && each.thread() == 2) unlocks.push_back(each);
        if (each.what == Ask::unlock && each.thread() == 1) {
            EXPECT_TRUE(world_.answer(each, not_held_any_more));
        }
        if (each.what == Ask::heartbeat || each.what == Ask::ping) {
            EXPECT_TRUE(world_.answer(each));
        }
    }
};

TEST_F(LateAcquire, AcquireWithALateAnswerIsUnlockedAsSoonAsThatComes) {
    EXPECT_GE(question_.reply().not_after, 0);
    release();
    EXPECT_TRUE(pass(30s).empty());
    EXPECT_TRUE(world_.answer(tried_, 43)) << "the cluster took the lock";
    const Asked unlock = world_.ask(Ask::unlock);
    EXPECT_EQ(unlock.thread(), 2U);
    EXPECT_TRUE(world_.answer(unlock, not_held_any_more));
}

TEST_F(LateAcquire, AcquireWithoutAnAnswerIsUnlockedWhenTheMembersHaveGivenItUp) {
    release();
    EXPECT_TRUE(pass(call_timeout - 1s).empty()) << "it may run yet";
    const std::vector<Asked> unlocks = pass(2s);
    ASSERT_EQ(unlocks.size(), 1U);
    EXPECT_TRUE(world_.answer(unlocks.front(), not_held_any_more)) << "it had run, late";
    EXPECT_TRUE(world_.refuse(tried_, indeterminate));
    std::vector<Asked> more = pass(2s);
    ASSERT_EQ(more.size(), 1U);
    EXPECT_TRUE(world_.refuse(more.front(), not_owner));
    EXPECT_TRUE(pass(call_timeout - 3s).empty());
    more = pass(3s);
    ASSERT_EQ(more.size(), 1U) << "the member is not sure that it has not run";
    EXPECT_TRUE(world_.refuse(more.front(), not_owner));
    EXPECT_TRUE(pass(2 * call_timeout).empty()) << "it is settled";
}

// A group without a majority takes as long as it takes, while its members answer pings.
TEST_F(LateAcquire, AcquireThatIsAnsweredAfterAllTimeIsUnlocked) {
    release();
    for (int i = 0; i < 2; ++i) {
        const std::vector<Asked> unlocks = pass(call_timeout + 1s);
        ASSERT_EQ(unlocks.size(), 1U);
        EXPECT_TRUE(world_.refuse(unlocks.front(), not_owner)) << "it has not run yet";
    }
    EXPECT_TRUE(world_.answer(tried_, 43)) << "the cluster took the lock";
    const Asked unlock = world_.ask(Ask::unlock);
    EXPECT_EQ(unlock.thread(), 2U);
    EXPECT_TRUE(world_.answer(unlock, not_held_any_more));
    EXPECT_TRUE(pass(2 * call_timeout).empty()) << "it is settled";
}

// A try that a leader has written down may be committed together with what follows it.
TEST_F(LateAcquire, UnlockThatWasNotCommittedIsNotTheLast) {
    release();
    std::vector<Asked> unlocks = pass(call_timeout + 1s);
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(unlocks.size(), 1U) << i;
        EXPECT_TRUE(world_.refuse(unlocks.front(), indeterminate));
        unlocks = pass(2s);
    }
    ASSERT_EQ(unlocks.size(), 1U);
    EXPECT_TRUE(world_.refuse(unlocks.front(), not_owner));
    EXPECT_TRUE(world_.answer(tried_, 0));
    EXPECT_TRUE(pass(2 * call_timeout).empty());
}

// It may be another's as soon as the first unlock has run.
TEST(LateRelease, ReleaseOfALeaseThatIsBeingUnlockedForWantOfARenewalIsLost) {
    World world;
    world.acquire_first(1, 42);
    world.acquire_next(2, 50, "other");
    std::optional<Asked> unlock;
    for (int i = 0; i < 20 && !unlock; ++i) {
        world.pass(1s);
        for (const Asked& each : world.asked()) {
            if (each.what == Ask::heartbeat) (void)world.answer(each);
            if (each.what == Ask::unlock && each.thread() == 1) unlock = each;
        }
    }
    ASSERT_TRUE(unlock.has_value());
    Question release{Verb::release, 1};
    world.submit(release);
    Asked copy;
    for (const Asked& each : world.asked()) {
        if (each.what == Ask::unlock && each.thread() == 1) copy = each;
    }
    EXPECT_EQ(copy.call(), unlock->call());
    EXPECT_TRUE(world.answer(*unlock, std::string(1, '\0')));
    EXPECT_TRUE(world.answer(copy, std::string(1, '\0'))) << "as it was answered the first time";
    EXPECT_EQ(release.reply().outcome, Outcome::lost);
}

TEST_F(LateAcquire, LateGrantThatNobodyReleasesEndsWithItsLease) {
    EXPECT_TRUE(world_.answer(tried_, 43));
    const std::vector<Asked> unlocks = pass(11s);
    ASSERT_FALSE(unlocks.empty());
    EXPECT_TRUE(world_.answer(unlocks.front(), not_held_any_more));
}

}  // namespace
}  // namespace leaselock::hazelcast
