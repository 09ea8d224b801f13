// Goal: whatever fails in the midst of a script of the queue leaves no holder who was not told, no
// waiter who is passed and no key for ever. Method: a real server, see the fixture, without memory
// or rights, as a replica, with a clock that steps and with keys that somebody damaged.
#include <gtest/gtest.h>
#include <string>

#include "support/leaks.hpp"
#include "support/poll_until.hpp"
#include "unit/redis_queue_fixture.hpp"

namespace leaselock::redis {
namespace {

TEST_F(RedisQueue, AtMostSixteenDeadAreTakenOutInOneCall) {
    hold("me/0");
    for (int i = 100; i < 119; ++i) server_.cli("RPUSH", queue_key, "me/" + std::to_string(i));
    server_.cli("DEL", lock_key);
    EXPECT_EQ(acquire("me/1").outcome, Outcome::held) << "somebody may live behind them";
    EXPECT_EQ(number({"LLEN", queue_key}), 3);
    EXPECT_EQ(acquire("me/1").outcome, Outcome::granted);
    EXPECT_EQ(queue(), "");
    for (int i = 100; i < 119; ++i) server_.cli("RPUSH", queue_key, "me/" + std::to_string(i));
    release("me/1");
    EXPECT_EQ(number({"LLEN", queue_key}), 3);
}

TEST_F(RedisQueue, RefusedMessageLeavesTheLockFree) {
    server_.cli("ACL", "SETUSER", "mute", "on", ">secret", "~*", "+@all", "resetchannels",
                "&leaselock:other");
    Subscriber subscriber{server_.endpoint(), our_channel};
    ConnectionSettings who = settings(server_.endpoint(), enough);
    who.credentials = {.username = "mute", .password = "secret"};
    CommandChannel mute{who, boot_clock(), &subscriber_};
    ASSERT_EQ(acquire(mute, "me/0").outcome, Outcome::granted);
    join("me/1");
    const Reply reply = ask(mute, {.verb = Verb::release,
                                   .key = lock_key,
                                   .token = "me/0",
                                   .submitted = boot_clock()->now()});
    EXPECT_EQ(reply.outcome, Outcome::released) << reply.detail;
    EXPECT_EQ(holder(), "(nil)");
    EXPECT_EQ(queue(), "me/1");
    EXPECT_EQ(acquire("me/1", 1min).outcome, Outcome::granted);
    EXPECT_EQ(subscriber.next(soon), "");
}

TEST_F(RedisQueue, OutOfMemoryTakesNoEntryAndHandsOverAllTheSame) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    join("me/1");
    join("me/2");
    server_.cli("CONFIG", "SET", "maxmemory", "1");
    EXPECT_EQ(acquire("me/3").outcome, Outcome::held);
    EXPECT_EQ(release("me/0").outcome, Outcome::released);
    EXPECT_EQ(holder(), "me/1");
    EXPECT_TRUE(subscriber.next(enough).starts_with("me/1|"));
    EXPECT_EQ(release("me/1", 1min).outcome, Outcome::released);
    EXPECT_EQ(holder(), "kept:me/1");
    server_.cli("DEL", lock_key);
    EXPECT_EQ(release("me/2").outcome, Outcome::lost);
    EXPECT_EQ(acquire("me/4", 1min).error, Errc::out_of_memory);
    EXPECT_EQ(holder(), "(nil)");
    EXPECT_EQ(support::keys_without_ttl(server_), Words{});
}

TEST_F(RedisQueue, ReplicaRefusesWhoeverWouldChangeSomething) {
    hold("me/0");
    join("me/1");
    server_.cli("REPLICAOF", "127.0.0.1", "1");
    EXPECT_EQ(acquire("me/2", 1min).error, Errc::read_only);
    EXPECT_EQ(release("me/1").error, Errc::read_only);
    EXPECT_EQ(release("me/2").error, Errc::read_only);
    EXPECT_EQ(renew("me/2").error, Errc::read_only);
    EXPECT_EQ(release("me/0").error, Errc::read_only);
    EXPECT_EQ(holder(), "me/0");
    EXPECT_EQ(queue(), "me/1");
}

// PUBLISH does not count the listeners at a replica, but they hear it.
TEST_F(RedisQueue, ListenerAtAReplicaHearsOfNoGrantThatIsNotMade) {
    support::RedisServer replica;
    replica.cli("REPLICAOF", "127.0.0.1", std::to_string(server_.port()));
    ASSERT_TRUE(support::poll_until([&] {
        return replica.cli("INFO", "replication").find("master_link_status:up") !=
               std::string::npos;
    }));
    Subscriber afar{replica.endpoint(), our_channel};
    hold("me/0");
    join("me/1");
    EXPECT_EQ(release("me/0").outcome, Outcome::released);
    EXPECT_EQ(holder(), "(nil)");
    EXPECT_EQ(queue(), "me/1");
    server_.cli("PUBLISH", our_channel, "the next one");
    EXPECT_EQ(afar.next(enough), "the next one");
}

TEST_F(RedisQueue, ScriptsThatTheServerForgotAreSentAgain) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    server_.cli("SCRIPT", "FLUSH");
    join("me/1");
    server_.cli("SCRIPT", "FLUSH");
    EXPECT_EQ(release("me/0").outcome, Outcome::released);
    EXPECT_EQ(holder(), "me/1");
}

TEST_F(RedisQueue, FenceThatIsNoneKeepsNobodyFromReleasing) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    for (const Words& damage : {Words{"SET", fence_key, "x", "EX", "1000"},
                                Words{"SET", fence_key, "9007199254740991", "EX", "1000"},
                                Words{"RPUSH", fence_key, "x"}}) {
        server_.cli("FLUSHALL");
        hold("me/0");
        join("me/1");
        if (damage.front() == "RPUSH") server_.cli("DEL", fence_key);
        server_.command(damage);
        EXPECT_EQ(release("me/0").outcome, Outcome::released) << damage.at(2);
        EXPECT_EQ(holder(), "(nil)");
        EXPECT_EQ(acquire("me/1", 1min).error, Errc::corrupt);
    }
    EXPECT_EQ(subscriber.next(soon), "");
}

TEST_F(RedisQueue, LostWaitersAreNoEntriesAndALostQueueBeginsAgain) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    join("me/1");
    join("me/2");
    server_.cli("DEL", waiters_key);
    EXPECT_TRUE(acquire("me/2", 1min).first);
    EXPECT_EQ(queue(), "me/2");
    server_.cli("DEL", queue_key);
    EXPECT_TRUE(acquire("me/2", 1min).first);
    release("me/0");
    EXPECT_EQ(holder(), "me/2");
}

class RedisQueueClock : public RedisQueue {
  protected:
    RedisQueueClock() : RedisQueue{support::WallClock::steppable} {}
};

TEST_F(RedisQueueClock, ThatWentBackMakesNoEntryImmortal) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    join("me/1", 10s);
    server_.step_clock(-1h);
    join("me/2", 10s);
    EXPECT_TRUE(acquire("me/2", 10s).first);
    release("me/0");
    EXPECT_EQ(holder(), "me/2");
}

TEST_F(RedisQueueClock, ThatWentBackHandsNothingToAnEntryOfTheFuture) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    join("me/1", 10s);
    server_.step_clock(-1h);
    release("me/0");
    EXPECT_EQ(holder(), "(nil)");
    EXPECT_EQ(queue(), "");
}

TEST_F(RedisQueueClock, ThatWentBackLetsFencesRise) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    const std::uint64_t before = acquire("me/0").fencing_token;
    server_.step_clock(-1h);
    join("me/1", 10s);
    release("me/0");
    const std::string expected = "me/1|" + std::to_string(before + 1) + "|3000";
    EXPECT_EQ(subscriber.next(enough), expected);
}

}  // namespace
}  // namespace leaselock::redis
