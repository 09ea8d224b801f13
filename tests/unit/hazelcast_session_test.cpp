// Goal: a session that has been used often is replaced by another and closed, and no acquire waits
// or fails for that. Method: a Client without a socket, whose calls are answered one by one.
#include <gtest/gtest.h>
#include <string>

#include "unit/hazelcast_world.hpp"

namespace leaselock::hazelcast {
namespace {

// Its first session has had as many grants as it may, and one lock that is still held.
struct UsedUp {
    UsedUp() {
        world.acquire_first(1, 42);
        for (int i = 1; i < session_grants; ++i) {
            const std::string key = "k" + std::to_string(i);
            world.acquire_next(2, 50, key);
            Question release{Verb::release, 2, key};
            world.submit(release);
            EXPECT_TRUE(world.answer(world.ask(Ask::unlock), std::string(1, '\0')));
        }
    }
    // The call by which that token tries a lock of its own.
    Asked try_next(int n) {
        next.emplace(Verb::acquire, n, "next" + std::to_string(n));
        world.submit(*next);
        return world.ask(Ask::try_lock);
    }
    World world;
    std::optional<Question> next;
};

TEST(HazelcastSession, SessionThatWasUsedOftenServesUntilTheNextIsThere) {
    UsedUp used;
    World& world = used.world;
    Question question{Verb::acquire, 3, "other"};
    world.submit(question);
    const auto both = world.asked();
    ASSERT_EQ(both.size(), 2U);
    EXPECT_EQ(both[0].what, Ask::create_session);
    EXPECT_EQ(both[1].session(), 1U) << "it waits for no other";
    EXPECT_TRUE(world.answer(both[1], 60));
    EXPECT_EQ(question.reply().outcome, Outcome::granted);
    EXPECT_EQ(used.try_next(4).session(), 1U) << "and another is asked for once";
    EXPECT_EQ(world.open_session(both[0]), 2U);
    EXPECT_EQ(used.try_next(5).session(), 2U);
}

TEST(HazelcastSession, SessionThatWasReplacedIsClosedWithItsLastLock) {
    UsedUp used;
    World& world = used.world;
    Question question{Verb::acquire, 1, "other"};
    world.submit(question);
    const auto both = world.asked();
    ASSERT_EQ(both.size(), 2U);
    world.open_session(both[0]);
    EXPECT_TRUE(world.answer(both[1], 0));
    EXPECT_TRUE(world.answer_owner(world.ask(Ask::ownership), 50, 99, 7));
    Question release{Verb::release, 1};
    world.submit(release);
    const Asked unlock = world.ask(Ask::unlock);
    EXPECT_EQ(unlock.session(), 1U);
    world.pass(1ms);
    EXPECT_TRUE(world.asked().empty()) << "it has a lock yet";
    EXPECT_TRUE(world.answer(unlock, std::string(1, '\0')));
    world.pass(1ms);
    EXPECT_EQ(world.ask(Ask::close_session).session(), 1U);
}

TEST(HazelcastSession, ReplacementThatIsRefusedCostsNobodyAnything) {
    UsedUp used;
    World& world = used.world;
    Question release{Verb::release, 1};
    world.submit(release);
    const Asked unlock = world.ask(Ask::unlock);
    Question waits{Verb::acquire, 3};
    world.submit(waits);
    const Asked create = world.ask(Ask::create_session);
    EXPECT_TRUE(world.refuse(create, 1));
    EXPECT_FALSE(waits.done()) << "it waits for the unlock";
    EXPECT_TRUE(world.answer(unlock, std::string(1, '\0')));
    const Asked tried = world.ask(Ask::try_lock);
    EXPECT_EQ(tried.session(), 1U);
    EXPECT_TRUE(world.answer(tried, 60));
    EXPECT_EQ(waits.reply().outcome, Outcome::granted);
    Question again{Verb::acquire, 4, "other"};
    world.submit(again);
    const auto both = world.asked();
    ASSERT_EQ(both.size(), 2U);
    EXPECT_EQ(both[0].what, Ask::create_session) << "it is asked for again";
    EXPECT_EQ(both[1].session(), 1U);
}

}  // namespace
}  // namespace leaselock::hazelcast
