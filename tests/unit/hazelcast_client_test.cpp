// Goal: each verb of a backend becomes the calls that the cluster needs, and each answer what it
// means; refusals come before any I/O. Method: a Client without a socket, whose calls are answered
// one by one.
#include <gtest/gtest.h>
#include <string>

#include <leaselock/claim.hpp>
#include <leaselock/error.hpp>

#include "unit/hazelcast_world.hpp"

namespace leaselock::hazelcast {
namespace {

TEST(HazelcastClient, AcquireIsGrantedForAsLongAsTheSession) {
    World world;
    Question question{Verb::acquire, 1};
    world.submit(question);
    const std::uint64_t session = world.open_session();
    const Asked tried = world.ask(Ask::try_lock);
    EXPECT_EQ(tried.session(), session);
    EXPECT_EQ(tried.thread(), 1U);
    EXPECT_FALSE(tried.waits());
    EXPECT_EQ(tried.lock, "key");
    EXPECT_FALSE(question.done());
    EXPECT_TRUE(world.answer(tried, 42));
    ASSERT_TRUE(question.done());
    EXPECT_EQ(question.reply().outcome, Outcome::granted);
    EXPECT_EQ(question.reply().fencing_token, 42U);
    EXPECT_EQ(question.reply().ttl, 10s);
    EXPECT_EQ(question.reply().not_after, 0);
}

TEST(HazelcastClient, HeldLockNamesItsHolderBySessionAndThread) {
    World world;
    world.acquire_first(1, 42);
    Question other{Verb::acquire, 2};
    world.submit(other);
    EXPECT_TRUE(world.answer(world.ask(Ask::try_lock), 0));
    EXPECT_TRUE(world.answer_owner(world.ask(Ask::ownership), 50, 99, 0xAB));
    EXPECT_EQ(other.reply().outcome, Outcome::held);
    EXPECT_EQ(other.reply().fencing_token, 50U);
    EXPECT_EQ(other.reply().holder, "hazelcast-session-99/00000000000000ab0000000000000063");
    EXPECT_EQ(other.reply().remaining, 10s);
    EXPECT_FALSE(other.reply().queued);

    Question mine{Verb::inspect, 0};
    world.submit(mine);
    EXPECT_TRUE(world.answer_owner(world.ask(Ask::ownership), 42, 1, 1));
    EXPECT_EQ(mine.reply().holder, token_of(1)) << "a token of ours is known";
    Question free{Verb::inspect, 0};
    world.submit(free);
    EXPECT_TRUE(world.answer_owner(world.ask(Ask::ownership), 0));
    EXPECT_EQ(free.reply().outcome, Outcome::free);
}

TEST(HazelcastClient, ForcedReleaseUnlocksWhoeverWasSeen) {
    World world;
    Question force{Verb::release, 0};
    force.token = "hazelcast-session-99/00000000000000ab0000000000000063";
    force.request.token = force.token;
    world.submit(force);
    const Asked unlock = world.ask(Ask::unlock);
    EXPECT_EQ(unlock.session(), 99U);
    EXPECT_EQ(unlock.thread(), 0xABU);
    EXPECT_TRUE(world.answer(unlock, std::string(1, '\0')));
    EXPECT_EQ(force.reply().outcome, Outcome::released);
}

TEST(HazelcastClient, ReleaseUnlocksAndASecondOneIsLostWithoutACall) {
    World world;
    world.acquire_first(1, 42);
    Question release{Verb::release, 1};
    world.submit(release);
    const Asked unlock = world.ask(Ask::unlock);
    EXPECT_EQ(unlock.thread(), 1U);
    EXPECT_TRUE(world.answer(unlock, std::string(1, '\0')));
    EXPECT_EQ(release.reply().outcome, Outcome::released);
    EXPECT_GT(release.reply().store_time, 0);

    Question again{Verb::release, 1};
    world.submit(again);
    EXPECT_TRUE(world.asked().empty());
    EXPECT_EQ(again.reply().outcome, Outcome::lost);
}

// The lock of token 1 is being unlocked; token 2 is going to want it.
struct AcquireAfterRelease {
    AcquireAfterRelease() {
        world.acquire_first(1, 42);
        world.submit(release);
        unlock = world.ask(Ask::unlock);
    }
    World world;
    Question release{Verb::release, 1};
    Asked unlock;
    Question next{Verb::acquire, 2};
};

// A member hands calls to a pool of threads.
TEST(HazelcastClient, AcquireWaitsForTheUnlockThatWasSentBefore) {
    AcquireAfterRelease both;
    World& world = both.world;
    Question other{Verb::acquire, 3, "other"};
    world.submit(both.next);
    world.submit(other);
    EXPECT_EQ(world.ask(Ask::try_lock).lock, "other") << "only that one";
    EXPECT_TRUE(world.answer(both.unlock, std::string(1, '\0')));
    EXPECT_EQ(world.ask(Ask::try_lock).thread(), 2U);
}

TEST(HazelcastClient, AcquireGoesOnWhenTheUnlockBeforeItIsRefused) {
    AcquireAfterRelease both;
    World& world = both.world;
    world.submit(both.next);
    EXPECT_TRUE(world.asked().empty());
    EXPECT_TRUE(world.refuse(both.unlock, 1));
    EXPECT_EQ(world.ask(Ask::try_lock).thread(), 2U);
}

TEST(HazelcastClient, AcquireThatEndsWhileItWaitsForAnUnlockIsForgotten) {
    AcquireAfterRelease both;
    World& world = both.world;
    world.submit(both.next);
    world.client.cancel(*both.next.operation, world.now);
    world.complete_all();
    EXPECT_EQ(both.next.reply().error, Errc::connect_failed) << "nothing of it was sent";
    EXPECT_TRUE(world.answer(both.unlock, std::string(1, '\0')));
    EXPECT_TRUE(world.asked().empty());
}

TEST(HazelcastClient, AnswerToAPostedReleaseMayLieUntilAnAcquireWaitsForIt) {
    World world;
    world.acquire_first(1, 42);
    EXPECT_TRUE(world.client.has_only_posted()) << "nothing is under way";
    Question release{Verb::release, 1};
    release.submitter = Submitter::passes_by;
    world.submit(release);
    EXPECT_TRUE(world.client.has_only_posted());
    Question next{Verb::acquire, 2};
    world.submit(next);
    EXPECT_FALSE(world.client.has_only_posted()) << "it has no call of its own yet";
    EXPECT_TRUE(world.answer(world.ask(Ask::unlock), 0));
    EXPECT_TRUE(world.answer(world.ask(Ask::try_lock), 43));
    EXPECT_TRUE(world.client.has_only_posted());
    Question question{Verb::inspect, 2};
    world.submit(question);
    EXPECT_FALSE(world.client.has_only_posted());
}

TEST(HazelcastClient, ReleaseThatTheClusterKnowsNothingOfIsLost) {
    World world;
    world.acquire_first(1, 42);
    Question release{Verb::release, 1};
    world.submit(release);
    EXPECT_TRUE(world.refuse(world.ask(Ask::unlock), 26));
    EXPECT_EQ(release.reply().outcome, Outcome::lost);
}

TEST(HazelcastClient, RenewalAsksWhetherTheLockIsStillItsOwn) {
    World world;
    world.acquire_first(1, 42);
    world.pass(1s);
    Question renewal{Verb::renew, 1};
    world.submit(renewal);
    EXPECT_TRUE(world.answer(world.ask(Ask::heartbeat)));
    EXPECT_FALSE(renewal.done());
    EXPECT_TRUE(world.answer_owner(world.ask(Ask::ownership), 42, 1, 1));
    EXPECT_EQ(renewal.reply().outcome, Outcome::renewed);
    EXPECT_EQ(renewal.reply().ttl, 10s);

    Question taken{Verb::renew, 1};
    world.submit(taken);
    EXPECT_TRUE(world.answer_owner(world.ask(Ask::ownership), 43, 8, 8));
    EXPECT_EQ(taken.reply().outcome, Outcome::lost);
    Question after{Verb::renew, 1};
    world.submit(after);
    EXPECT_EQ(after.reply().outcome, Outcome::lost);
    EXPECT_TRUE(world.asked().empty()) << "it was lost for good";
}

TEST(HazelcastClient, WhatIsNotPromisedIsRefusedBeforeAnyCall) {
    World world;
    Question shares{Verb::acquire, 1};
    shares.request.claim = Claim::permits(1, 2);
    Question latch{Verb::acquire, 2};
    latch.request.claim = Claim::await(2);
    Question min_hold{Verb::acquire, 3};
    min_hold.request.min_hold = 1s;
    Question keep{Verb::release, 4};
    keep.request.keep = 1s;
    for (Question* each : {&shares, &latch, &min_hold, &keep}) {
        world.submit(*each);
        ASSERT_TRUE(each->done());
        EXPECT_EQ(each->reply().outcome, Outcome::failed);
        EXPECT_EQ(each->reply().error, Errc::not_supported);
    }
    EXPECT_TRUE(world.asked().empty());
}

TEST(HazelcastClient, AcquireBehindItsDeadlineIsNotSent) {
    World world;
    Question late{Verb::acquire, 1};
    late.request.deadline = world.now;
    world.submit(late);
    EXPECT_EQ(late.reply().error, Errc::stale);
    EXPECT_TRUE(world.asked().empty());
}

TEST(HazelcastClient, ClusterWithoutCpSubsystemIsRefusedByName) {
    World world;
    world.disconnect();
    Question question{Verb::acquire, 1};
    world.submit(question);
    world.client.connected({2, 2}, world.now);
    world.answer_group("lock@default");
    EXPECT_FALSE(world.is_fit);
    EXPECT_EQ(world.client.error(), Errc::not_supported);
    EXPECT_NE(world.client.why().find("CP subsystem"), std::string::npos);
}

// As servers from 5.5 on are without one, which know nothing of groups, or say what they lack.
TEST(HazelcastClient, ClusterThatNeedsALicenceIsRefusedByItsWords) {
    for (const auto& [name, text] :
         {std::pair{"UnsupportedOperationException", "no such message"},
          std::pair{"IllegalStateException", "CP subsystem is a licensed feature"}}) {
        World world;
        world.disconnect();
        Question question{Verb::acquire, 1};
        world.submit(question);
        world.client.connected({2, 2}, world.now);
        for (const Asked& each : world.asked()) {
            if (each.what != Ask::create_group) continue;
            EXPECT_FALSE(world.refuse(each, 1, name, text)) << "the member is left";
        }
        EXPECT_EQ(world.client.error(), Errc::not_supported);
        EXPECT_NE(world.client.why().find(text), std::string::npos) << world.client.why();
    }
}

TEST(HazelcastClient, FewMembersForTheGroupAreSaidWhenTheTimeIsOver) {
    World world;
    world.disconnect();
    world.client.connected({2, 2}, world.now);
    (void)world.asked();
    Question question{Verb::acquire, 1};
    world.submit(question);
    world.pass(5s);
    EXPECT_EQ(question.reply().error, Errc::cluster_down);
    EXPECT_NE(question.reply().detail.find("cp-member-count"), std::string::npos);
}

TEST(HazelcastClient, AnswerToSomethingElseEndsTheConnection) {
    World world;
    Question question{Verb::inspect, 1};
    world.submit(question);
    Asked asked = world.ask(Ask::ownership);
    Asked other = asked;
    other.what = Ask::unlock;
    EXPECT_FALSE(world.answer(other, 0));
    EXPECT_EQ(world.client.error(), Errc::protocol_error);
    EXPECT_TRUE(world.answer(asked, 0)) << "to nobody any more, so it is passed over";
}

TEST(HazelcastClient, CancelledAcquireSaysUntilWhenItMayRun) {
    World world;
    world.acquire_first(1, 42);
    Question waits{Verb::acquire, 2};
    world.disconnect();
    world.submit(waits);
    world.client.cancel(*waits.operation, world.now);
    world.pass(0ms);
    EXPECT_EQ(waits.reply().error, Errc::connect_failed) << "nothing of it was sent";
    EXPECT_EQ(waits.reply().not_after, 0);

    world.connect();
    (void)world.asked();
    Question sent{Verb::acquire, 3, "other"};
    world.submit(sent);
    const Asked tried = world.ask(Ask::try_lock);
    world.client.cancel(*sent.operation, world.now);
    world.pass(0ms);
    EXPECT_EQ(sent.reply().error, Errc::command_timed_out);
    const auto limit = std::chrono::microseconds{sent.reply().not_after};
    EXPECT_EQ(Clock::time_point{limit}, world.now + call_timeout);
    // It was granted, and its release finds that.
    EXPECT_TRUE(world.answer(tried, 50));
    Question release{Verb::release, 3, "other"};
    world.submit(release);
    EXPECT_EQ(world.ask(Ask::unlock).thread(), 3U);
}

TEST(HazelcastClient, CallWithoutAConnectionEndsWithTheReasonOfTheNewestAttempt) {
    World world;
    world.disconnect();
    world.client.refused(Errc::connect_failed, "h1: Connection refused");
    // They come in the pause before the next attempt.
    Question cancelled{Verb::acquire, 1};
    world.submit(cancelled);
    world.client.cancel(*cancelled.operation, world.now);
    world.complete_all();
    EXPECT_EQ(cancelled.reply().error, Errc::connect_failed);
    EXPECT_NE(cancelled.reply().detail.find("h1: Connection refused"), std::string::npos)
        << cancelled.reply().detail;
    Question timed_out{Verb::inspect, 1};
    world.submit(timed_out);
    world.pass(5s);
    EXPECT_EQ(timed_out.reply().error, Errc::connect_failed);
    EXPECT_NE(timed_out.reply().detail.find("h1: Connection refused"), std::string::npos)
        << timed_out.reply().detail;

    world.connect();
    world.disconnect();
    Question later{Verb::acquire, 1};
    world.submit(later);
    world.client.cancel(*later.operation, world.now);
    world.complete_all();
    EXPECT_NE(later.reply().detail.find("no connection until the deadline"), std::string::npos)
        << "that reason was of the time before: " << later.reply().detail;
}

TEST(HazelcastClient, MoreThanMaxInFlightAreRefused) {
    World world;
    Client client{settings_of({.max_in_flight = 1}), "test"};
    Question one{Verb::acquire, 1};
    Question two{Verb::acquire, 2};
    for (Question* each : {&one, &two}) {
        each->operation.emplace(each->request);
        client.submit(*each->operation, world.now);
    }
    EXPECT_EQ(client.take_done(), &*two.operation);
    EXPECT_EQ(two.reply().error, Errc::too_many_in_flight);
}

}  // namespace
}  // namespace leaselock::hazelcast
