// Goal: the scripts keep the queue of a lock as the contract of backends says it: order, entries,
// hand-offs. Method: a real server, see the fixture.
#include <gtest/gtest.h>
#include <string>

#include "redis/codec.hpp"
#include "support/free_port.hpp"
#include "support/leaks.hpp"
#include "support/poll_until.hpp"
#include "unit/redis_queue_fixture.hpp"

namespace leaselock::redis {
namespace {

using support::poll_until;

TEST_F(RedisQueue, HandsOverInTheOrderOfArrival) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    for (const std::string token : {"me/1", "me/2", "me/3"}) {
        const Reply reply = acquire(token, 1min);
        EXPECT_EQ(reply.outcome, Outcome::held);
        EXPECT_EQ(reply.holder, "me/0");
        EXPECT_TRUE(reply.queued);
        EXPECT_EQ(reply.first, token == "me/1") << token;
    }
    for (const std::string token : {"me/0", "me/1", "me/2"}) {
        EXPECT_EQ(release(token).outcome, Outcome::released);
        const std::string next = "me/" + std::to_string(token.back() - '0' + 1);
        EXPECT_EQ(holder(), next);
        EXPECT_TRUE(subscriber.next(enough).starts_with(next + '|'));
    }
    EXPECT_EQ(queue(), "");
    EXPECT_EQ(waiters(), "");
}

TEST_F(RedisQueue, ReleaseOfAFirstTryHandsOverToo) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    EXPECT_EQ(release_unqueued("me/0").outcome, Outcome::released);
    EXPECT_EQ(number({"EXISTS", lock_key}), 0);
    hold("me/0");
    join("me/1");
    EXPECT_EQ(release_unqueued("me/0").outcome, Outcome::released);
    EXPECT_EQ(holder(), "me/1");
    EXPECT_TRUE(subscriber.next(enough).starts_with("me/1|"));
    EXPECT_EQ(release_unqueued("me/0").outcome, Outcome::lost);
}

TEST_F(RedisQueue, RefreshKeepsTheOrder) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    join("me/1");
    join("me/2");
    EXPECT_TRUE(acquire("me/1", 1min).first);
    EXPECT_FALSE(acquire("me/2", 1min).first);
    EXPECT_EQ(queue(), "me/1\nme/2");
    release("me/0");
    EXPECT_EQ(holder(), "me/1");
}

TEST_F(RedisQueue, HandOffIsAGrantWithAHigherFenceAndAShortLife) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    const std::uint64_t first = acquire("me/0").fencing_token;
    const Reply waiting = acquire("me/1", 1min);
    EXPECT_GT(waiting.fencing_token, first) << "held tells the time, that is above the last fence";
    release("me/0");

    const std::string text = subscriber.next(enough);
    const auto message = decode_hand_off(text);
    ASSERT_TRUE(message.has_value()) << text;
    EXPECT_EQ(message->tokens, "me/1");
    EXPECT_EQ(message->what.ttl, 3s);
    EXPECT_GT(message->what.fencing_token, first);
    EXPECT_EQ(server_.cli("GET", fence_key), std::to_string(message->what.fencing_token));
    EXPECT_LE(number({"PTTL", lock_key}), 3000);

    const Reply mine = acquire("me/1", 1min, 30s);
    EXPECT_EQ(mine.outcome, Outcome::granted);
    EXPECT_GT(mine.fencing_token, message->what.fencing_token) << "a retry has one of its own";
    EXPECT_GT(number({"PTTL", lock_key}), 20'000);
    EXPECT_EQ(queue(), "") << "who holds takes no entry";
}

// Two prefixes that make one key have two counters.
TEST_F(RedisQueue, RetryByAnotherPrefixIsToldNoLowerFence) {
    const Reply granted = acquire("me/1");
    const Reply again = ask(commands_, {.verb = Verb::acquire,
                                        .key = lock_key,
                                        .token = "me/1",
                                        .ttl = 30s,
                                        .submitted = boot_clock()->now()});
    EXPECT_EQ(again.outcome, Outcome::granted) << again.detail;
    EXPECT_GT(again.fencing_token, granted.fencing_token);
    release("me/1");
    EXPECT_GT(acquire("me/2").fencing_token, again.fencing_token);
}

TEST_F(RedisQueue, HandOffIsNoLongerThanTheTtlThatWasAskedFor) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    acquire("me/1", 1min, 700ms);
    release("me/0");
    EXPECT_TRUE(subscriber.next(enough).ends_with("|700"));
}

TEST_F(RedisQueue, FenceOfAHandOffIsAboveOneThatRanAheadOfTheClock) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    join("me/1");
    server_.cli("SET", fence_key, "9007199254740000", "EX", "1000");
    release("me/0");
    EXPECT_TRUE(subscriber.next(enough).starts_with("me/1|9007199254740001|"));
    EXPECT_EQ(acquire("me/1").fencing_token, 9'007'199'254'740'002U);
}

TEST_F(RedisQueue, DeadEntriesAreSkippedAndTakenOut) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    leave_dead("me/1");
    join("me/2");
    EXPECT_TRUE(acquire("me/2", 1min).first);
    EXPECT_EQ(queue(), "me/2");
    leave_dead("me/3");
    join("me/4");
    release("me/0");
    EXPECT_EQ(holder(), "me/2");
    release("me/2");
    EXPECT_EQ(holder(), "me/4");
    EXPECT_EQ(queue(), "");
    EXPECT_EQ(waiters(), "");
}

TEST_F(RedisQueue, EntryLivesAsLongAsItSays) {
    hold("me/0");
    join("me/1", 30ms);
    join("me/2");
    ASSERT_TRUE(poll_until([&] { return acquire("me/2", 1min).first; }));
    EXPECT_EQ(queue(), "me/2");
}

TEST_F(RedisQueue, WaiterWhoseEntryExpiredComesToTheEnd) {
    hold("me/0");
    join("me/1");
    join("me/2");
    server_.cli("HSET", waiters_key, "me/1", "1000000|60000|30000|leaselock:ours");
    EXPECT_FALSE(acquire("me/1", 1min).first);
    EXPECT_EQ(queue(), "me/2\nme/1");
}

TEST_F(RedisQueue, NobodyPassesAnEntryThatLives) {
    hold("me/0");
    join("me/1");
    server_.cli("DEL", lock_key);
    const std::string last = server_.cli("GET", fence_key);

    const Reply plain = acquire("me/8");
    EXPECT_EQ(plain.outcome, Outcome::held);
    EXPECT_TRUE(plain.holder.empty());
    EXPECT_EQ(plain.remaining, 0ms);
    EXPECT_GT(plain.fencing_token, std::stoull(last));
    EXPECT_FALSE(plain.queued);
    const Reply behind = acquire("me/9", 1min);
    EXPECT_EQ(behind.outcome, Outcome::held);
    EXPECT_TRUE(behind.queued);
    EXPECT_FALSE(behind.first);
    EXPECT_EQ(queue(), "me/1\nme/9");

    EXPECT_EQ(acquire("me/1", 1min).outcome, Outcome::granted);
    EXPECT_EQ(queue(), "me/9") << "a grant ends the entry";
    EXPECT_EQ(waiters(), "me/9");
}

TEST_F(RedisQueue, FreeLockIsNotKeptFromAnybodyByTheDead) {
    hold("me/0");
    leave_dead("me/1");
    server_.cli("DEL", lock_key);
    EXPECT_EQ(acquire("me/2").outcome, Outcome::granted);
    EXPECT_EQ(queue(), "");
}

TEST_F(RedisQueue, WithoutAListenerTheLockIsFreeAndTheEntriesStay) {
    hold("me/0");
    join("me/1");
    join("me/2");
    EXPECT_EQ(release("me/0").outcome, Outcome::released);
    EXPECT_EQ(holder(), "(nil)");
    EXPECT_EQ(queue(), "me/1\nme/2");
    EXPECT_EQ(acquire("me/2", 1min).outcome, Outcome::held);
    EXPECT_EQ(acquire("me/1", 1min).outcome, Outcome::granted);
}

TEST_F(RedisQueue, WaiterThatDoesNotListenNowKeepsItsEntryAndTheNextIsNotified) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    const wire::Endpoint nowhere{"127.0.0.1", support::free_port(), {}};
    HandOffSubscriber nobody{settings(nowhere, enough), boot_clock(), "leaselock:deaf"};
    CommandChannel deaf{settings(server_.endpoint(), enough), boot_clock(), &nobody};
    hold("me/0");
    EXPECT_TRUE(acquire(deaf, nobody, "me/1", 1min).queued);
    join("me/2");
    release("me/0");
    EXPECT_TRUE(subscriber.next(enough).starts_with("me/2|"));
    EXPECT_EQ(holder(), "me/2");
    EXPECT_EQ(queue(), "me/1");
    EXPECT_TRUE(acquire(deaf, nobody, "me/1", 1min).first);
}

TEST_F(RedisQueue, ReleaseEndsTheEntryOfWhoDoesNotHold) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    for (const std::string token : {"me/1", "me/2", "me/3"}) join(token);
    EXPECT_EQ(release("me/2").outcome, Outcome::lost);
    EXPECT_EQ(release("me/2").outcome, Outcome::lost) << "again changes nothing";
    EXPECT_EQ(queue(), "me/1\nme/3");
    EXPECT_EQ(release("me/1").outcome, Outcome::lost);
    EXPECT_EQ(holder(), "me/0");
    release("me/0");
    EXPECT_EQ(holder(), "me/3");
}

TEST_F(RedisQueue, RenewOfWhoWaitsChangesNothing) {
    hold("me/0");
    join("me/1");
    EXPECT_EQ(renew("me/1").outcome, Outcome::lost);
    EXPECT_EQ(waiters(), "me/1");
    EXPECT_TRUE(acquire("me/1", 1min).first);
}

TEST_F(RedisQueue, KeptLockIsHandedToNobody) {
    Subscriber subscriber{server_.endpoint(), our_channel};
    hold("me/0");
    join("me/1");
    EXPECT_EQ(release("me/0", 1min).outcome, Outcome::released);
    EXPECT_EQ(holder(), "kept:me/0");
    EXPECT_EQ(queue(), "me/1");
    EXPECT_EQ(subscriber.next(soon), "");
    const Reply reply = acquire("me/1", 1min);
    EXPECT_TRUE(reply.kept);
    EXPECT_TRUE(reply.first);
}

TEST_F(RedisQueue, BothKeysOutliveTheEntriesAndEnd) {
    hold("me/0");
    join("me/1", 10s);
    for (const char* key : {queue_key, waiters_key}) {
        EXPECT_GT(number({"PTTL", key}), 20'000) << key;
        EXPECT_LE(number({"PTTL", key}), 40'000) << key;
    }
    join("me/2", 1min);
    join("me/3", 1s);
    for (const char* key : {queue_key, waiters_key}) {
        EXPECT_GT(number({"PTTL", key}), 120'000) << key;
        EXPECT_LE(number({"PTTL", key}), 240'000) << key;
    }
    EXPECT_EQ(support::keys_without_ttl(server_), Words{});
}

TEST_F(RedisQueue, CounterStaysForEverAndIsAllThatStays) {
    hold("me/0");
    join("me/1");
    release("me/1");
    release("me/0");
    EXPECT_EQ(number({"TTL", fence_key}), -1);
    EXPECT_EQ(server_.cli("DBSIZE"), "1");
    server_.cli("EXPIRE", fence_key, "1000");
    hold("me/2");
    EXPECT_EQ(number({"TTL", fence_key}), -1) << "whatever others have set";
}

}  // namespace
}  // namespace leaselock::redis
